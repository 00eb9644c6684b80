"""SBI devices: is there a service, is it one, are its keys issued by somebody whom we believe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from drivers.clock import RealClock
from drivers.device import Call
from drivers.errors import ConnectFailed, DeviceError, Untrusted
from drivers.ownership import listeners_on
from drivers.recorder import FlightRecorder
from drivers.sbi.discovery import Found, discover, open_ports
from drivers.sbi.errors import ClocksDiffer, LevelTooLow, SignerExpired, SignerUnknown
from drivers.sbi.protocol import PORTS, BioType
from drivers.sbi.settings import SbiSettings
from station.commands.findings import Cause, CauseCode
from station.commands.host import Host

ASK_TIMEOUT_S: Final = 3.0
EXPIRES_SOON: Final = timedelta(days=30)
_ASK_SELLER: Final = "Ask the seller of the device for its present root certificate."


def devices_at(port: int, bio_type: BioType) -> Sequence[str] | None:
    """Return the serial numbers that a service offers; None when it does not answer as SBI does."""
    found = _discovered(port, bio_type)
    return None if found is None else [device.digital_id.serial for device in found]


def versions_at(port: int, bio_type: BioType) -> Sequence[str]:
    """Return the versions of the interface that the devices of a service speak."""
    found = _discovered(port, bio_type) or ()
    return sorted({version for device in found for version in device.spec_versions})


def _discovered(port: int, bio_type: BioType) -> Sequence[Found] | None:
    clock = RealClock()
    call = Call("doctor", clock, clock.monotonic() + ASK_TIMEOUT_S)
    try:
        return discover(port, bio_type, call, FlightRecorder(clock))
    except DeviceError:
        return None


@dataclass(frozen=True, slots=True)
class Services:
    """How services are looked for; tests hand in their own."""

    bio_type: BioType
    open_ports: Callable[[], Sequence[int]] = field(default=open_ports)
    devices_at: Callable[[int, BioType], Sequence[str] | None] = field(default=devices_at)
    versions_at: Callable[[int, BioType], Sequence[str]] = field(default=versions_at)


def find_cause(
    settings: SbiSettings, error: DeviceError, host: Host, now: datetime, services: Services
) -> Cause | None:
    """Say why an SBI device does not work, if it can be seen from here."""
    files = (*settings.device_roots, *settings.chip_roots)
    if (unusable := _first(no_root(file) for file in files)) is not None:
        return unusable
    if isinstance(error, Untrusted):
        expired = _first(root_expired(file, now) for file in files)
        return expired or not_trusted(error) or clock_differs(error, now) or trust_too_low(error)
    if (nobody := no_service(settings, services)) is not None:
        return nobody
    ports = [settings.port] if settings.port else services.open_ports()
    offers = {port: services.devices_at(port, services.bio_type) for port in ports}
    if (cause := foreign(offers, host) or other_version(settings, offers, services)) is not None:
        return cause
    return no_device(settings, offers) if isinstance(error, ConnectFailed) else None


def no_service(settings: SbiSettings, services: Services) -> Cause | None:
    """Nobody listens where the service should."""
    ports = services.open_ports()
    if (settings.port in ports) if settings.port else ports:
        return None
    where = f"port {settings.port}" if settings.port else f"the ports {PORTS[0]}-{PORTS[-1]}"
    others = f"; services found at {', '.join(map(str, ports))}" if ports else ""
    return Cause(
        CauseCode.SBI_NO_SERVICE,
        f"nobody listens on {where}{others}",
        "Start the service of the device"
        + (", or set port = 0 to search and name the device in expect_serial." if others else "."),
    )


def foreign(offers: Mapping[int, Sequence[str] | None], host: Host) -> Cause | None:
    """Somebody listens, and nobody of them is an SBI service."""
    if not offers or any(offer is not None for offer in offers.values()):
        return None
    names = "; ".join(f"port {port}: {listeners_on(port, host.proc)}" for port in offers)
    return Cause(
        CauseCode.SBI_FOREIGN,
        f"what listens there does not answer as an SBI service ({names})",
        "Restart the service of the device; end what else uses its port.",
    )


def other_version(
    settings: SbiSettings, offers: Mapping[int, Sequence[str] | None], services: Services
) -> Cause | None:
    """The configuration demands a version of the interface that no service here speaks."""
    if not settings.version:
        return None
    spoken = {
        port: services.versions_at(port, services.bio_type)
        for port, serials in offers.items()
        if serials and (not settings.expect_serial or settings.expect_serial in serials)
    }
    names = sorted({version for versions in spoken.values() for version in versions})
    if not names or settings.version in names:
        return None
    where = ", ".join(str(port) for port, versions in spoken.items() if versions)
    return Cause(
        CauseCode.SBI_VERSION,
        f"the service at port {where} speaks SBI {', '.join(names)}, "
        f"the configuration demands version {settings.version}",
        f'Write version = "{names[-1]}", or version = "" to take what the service offers.',
    )


def no_device(settings: SbiSettings, offers: Mapping[int, Sequence[str] | None]) -> Cause | None:
    """A service answers and does not offer the one device that is meant."""
    ports = ", ".join(str(port) for port, offer in offers.items() if offer is not None)
    serials = sorted({serial for offer in offers.values() for serial in offer or ()})
    wanted = settings.expect_serial
    if wanted in serials or (not wanted and len(serials) == 1):
        return None
    there = ", ".join(serials)
    if serials and not wanted:
        found = f"several devices answer: {there}"
        return Cause(CauseCode.SBI_SEVERAL, found, "Write the right number in expect_serial.")
    found = f"the service at port {ports} offers {there or 'no such device'}"
    return Cause(
        CauseCode.SBI_NO_DEVICE,
        f"{found} and not {wanted}" if there else found,
        "Plug the device in; if it is, restart its service."
        + (" Or write the number that is there in expect_serial." if there and wanted else ""),
    )


def no_root(file: Path) -> Cause | None:
    """A root certificate is absent, closed to us, or no certificate."""
    try:
        x509.load_pem_x509_certificates(file.read_bytes())
    except OSError as error:
        why = error.strerror or type(error).__name__
    except ValueError:
        why = "no PEM certificate in it"
    else:
        return None
    found = f"root certificate {file}: {why}"
    return Cause(CauseCode.SBI_NO_ROOT, found, f"Put the PEM file there. {_ASK_SELLER}")


def root_expired(file: Path, now: datetime, margin: timedelta = timedelta()) -> Cause | None:
    """A root certificate is outside its validity, or will be before `margin` has passed."""
    try:
        roots = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return None  # said by `no_root`
    for root in roots:
        begins, ends = root.not_valid_before_utc, root.not_valid_after_utc
        if ends < now + margin:
            found = f"root certificate {file} is valid until {ends.date().isoformat()}"
            return Cause(CauseCode.SBI_ROOT_EXPIRED, found, _ASK_SELLER)
        if begins > now:
            found = f"root certificate {file} is valid from {begins.date().isoformat()} only"
            return Cause(CauseCode.SBI_ROOT_EXPIRED, found, "Set the clock of this machine.")
    return None


def not_trusted(error: DeviceError) -> Cause | None:
    """The device signs, and no root of this desk has issued its key."""
    if not isinstance(error, SignerUnknown):
        return None
    return Cause(
        CauseCode.SBI_NOT_TRUSTED,
        f"the key of the device does not come from a root of this desk ({error.detail})",
        f"Name its root in device_roots or chip_roots. {_ASK_SELLER}",
    )


def clock_differs(error: DeviceError, now: datetime) -> Cause | None:
    """Device and desk do not agree about the time, or the device's certificate is over here."""
    if not isinstance(error, ClocksDiffer | SignerExpired):
        return None
    here = now.strftime("%Y-%m-%d %H:%M:%S")
    return Cause(
        CauseCode.CLOCK,
        f"the times of device and machine do not fit ({error.detail}; here it is {here} UTC)",
        "Set the clock: timedatectl set-ntp true. If it is right: ask the seller of the device.",
    )


def trust_too_low(error: DeviceError) -> Cause | None:
    """The device proves less than the configuration asks for."""
    if not isinstance(error, LevelTooLow):
        return None
    return Cause(
        CauseCode.SBI_TRUST_LEVEL,
        f"the device proves too little ({error.detail})",
        "Use a device that signs at this level; lower least_trust only if the office permits it.",
    )


def _first(causes: Iterable[Cause | None]) -> Cause | None:
    return next((cause for cause in causes if cause is not None), None)
