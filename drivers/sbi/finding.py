"""Choosing the one device of this desk among everything that answers on this machine.

Its serial number decides, never its port; among several services that name the same serial number
the signatures decide.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.device import Call
from drivers.errors import ConnectFailed, DeviceError, Disconnected, Untrusted
from drivers.recorder import FlightRecorder
from drivers.sbi.client import SbiClient
from drivers.sbi.discovery import Found, discover, search
from drivers.sbi.protocol import BioType
from drivers.sbi.settings import SbiSettings
from drivers.sbi.trust import Identity
from drivers.sbi.versions import VERSIONS, Version, version_named


class DeviceFinder:
    """Finds a device of one modality as the settings describe it."""

    def __init__(
        self,
        bio_type: BioType,
        sub_types: frozenset[str],
        settings: SbiSettings,
        recorder: FlightRecorder,
    ) -> None:
        self._bio_type = bio_type
        self._sub_types = sub_types
        self._settings = settings
        self._recorder = recorder
        wanted = version_named(settings.version)
        self._versions: tuple[Version, ...] = VERSIONS if wanted is None else (wanted,)

    def find(
        self, serial: str, client_of: Callable[[Found], SbiClient], call: Call
    ) -> tuple[SbiClient, Identity]:
        """Return the verified device with this serial number ("" when there is only one).

        Raises:
            ConnectFailed: no device, or several, fit.
            Untrusted: none of those that fit is believed.
        """
        there = self._answering(serial, call)
        usable = [d for d in there if d.digital_id.sub_type in self._sub_types]
        if serial:
            usable = [d for d in usable if d.digital_id.serial == serial]
        if not usable:
            raise ConnectFailed(call.device, f"{len(there)} devices answered, none is this one")
        if len({device.digital_id for device in usable}) > 1:
            raise ConnectFailed(call.device, "several devices answered; set expect_serial")
        return _trusted([client_of(found) for found in usable], call)

    def _answering(self, serial: str, call: Call) -> list[Found]:
        """Ask the configured port; search when nobody is there and the device is known by name."""
        port = self._settings.port
        if port:
            try:
                found = discover(port, self._bio_type, call, self._recorder, self._versions)
            except Disconnected:
                if not serial:
                    raise
            else:
                if not serial or any(device.digital_id.serial == serial for device in found):
                    return found
            self._recorder.note(f"port {port} has not this device: search")
        return search(
            self._bio_type,
            call,
            self._recorder,
            limit_s=self._settings.service_limit_s,
            versions=self._versions,
        )


def _trusted(clients: list[SbiClient], call: Call) -> tuple[SbiClient, Identity]:
    """Return the client whose device is believed; several are only one device at several ports.

    Raises:
        ConnectFailed: two services are believed, but not signed with the same key.
        DeviceError: what was wrong with the first one, when none is believed.
    """
    believed: list[tuple[SbiClient, Identity]] = []
    failures: list[DeviceError] = []
    for client in clients:
        try:
            believed.append((client, client.identify(call)))
        except (Untrusted, Disconnected) as error:
            failures.append(error)
    if not believed:
        raise failures[0]
    if len({identity.signer_sha256 for _, identity in believed}) > 1:
        raise ConnectFailed(call.device, "two services offer this serial number; stop one of them")
    return believed[0]
