"""What scanner and iris camera share: finding the device, live picture, capture, self test."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from drivers.api import CaptureRequest, PreviewingDevice
from drivers.clock import Clock
from drivers.device import Call, DeviceSettings
from drivers.errors import ConnectFailed, Disconnected, NotConnected, Unsupported
from drivers.sbi.chain import HashChain
from drivers.sbi.client import SbiClient, retry_while_busy
from drivers.sbi.discovery import Found, discover, search
from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.images import decode_preview
from drivers.sbi.jws import TrustStore
from drivers.sbi.protocol import BioType, Status, Target
from drivers.sbi.settings import SbiSettings
from drivers.sbi.stream import Preview
from drivers.sbi.trust import Identity, Trust
from drivers.values import Capture, DeviceInfo, Frame, SelfTest


class SbiDevice(PreviewingDevice):
    """A device of an SBI service; a subclass says which modality and how a request translates.

    `chain` hands in the hash chain of the service; by default all devices that this process
    connects at one address share one.
    """

    Settings = SbiSettings
    bio_type: ClassVar[BioType]
    driver: ClassVar[str]
    sub_types: ClassVar[frozenset[str]]
    """The `deviceSubType` values that this driver can use."""

    def __init__(
        self,
        name: str,
        settings: DeviceSettings,
        *,
        clock: Clock | None = None,
        chain: HashChain | None = None,
    ) -> None:
        super().__init__(name, settings, clock=clock)
        if not isinstance(settings, SbiSettings):
            raise TypeError(f"{name}: settings must be SbiSettings")
        self._settings = settings
        self._chain = chain
        self._client: SbiClient | None = None
        self._identity: Identity | None = None
        self._preview: Preview | None = None
        self._sequence = 0

    @abstractmethod
    def _target(self, request: CaptureRequest) -> Target:
        """Translate a request; raise `ValueError` when the interface cannot ask for it."""

    def _do_connect(self, call: Call) -> DeviceInfo:
        trust = self._load_trust()
        try:
            found = self._choose(self._discover(call))
            client = SbiClient(found, self._settings.environment, trust, self.recorder, self._chain)
            identity = client.identify(call)
        except Disconnected as error:
            raise ConnectFailed(self.name, error.detail) from error
        self._client, self._identity = client, identity
        digital_id = identity.digital_id
        return DeviceInfo(
            self.kind,
            self.driver,
            f"{digital_id.make} {digital_id.model}",
            digital_id.serial,
            identity.firmware,
            frozenset({"preview", "attestation"}),
        )

    def _load_trust(self) -> Trust:
        settings = self._settings
        try:
            device = TrustStore.load(settings.device_roots)
            return Trust(device, TrustStore.load(settings.chip_roots))
        except (OSError, ValueError) as error:
            detail = f"root certificates unreadable: {type(error).__name__}"
            raise ConnectFailed(self.name, detail) from error

    def _discover(self, call: Call) -> list[Found]:
        if self._settings.port:
            return discover(self._settings.port, self.bio_type, call, self.recorder)
        return search(self.bio_type, call, self.recorder)

    def _choose(self, devices: list[Found]) -> Found:
        """Pick the device that was set up; its serial number decides, never its port."""
        usable = [d for d in devices if d.digital_id.sub_type in self.sub_types]
        if self._expect_serial:
            usable = [d for d in usable if d.digital_id.serial == self._expect_serial]
        if not usable:
            raise ConnectFailed(self.name, f"{len(devices)} devices answered, none is this one")
        if len({device.digital_id for device in usable}) > 1:
            raise ConnectFailed(self.name, "several devices answered; set expect_serial")
        return usable[0]

    def _do_close(self) -> None:
        self._end_preview()
        self._frames.clear()
        self._client = self._identity = None

    def _do_check(self, call: Call) -> None:
        """Ask the service whether this very device is still behind it."""
        _, identity = self._connected()
        there = discover(identity.port, self.bio_type, call, self.recorder)
        if identity.digital_id not in [found.digital_id for found in there]:
            raise Disconnected(self.name, "the service does not offer this device any more")

    def _do_self_test(self, call: Call) -> SelfTest:
        client, _ = self._connected()
        identity = client.identify(call)
        streaming = self._preview is not None and self._preview.running
        usable = {Status.READY, Status.BUSY} if streaming else {Status.READY}
        left = identity.signer_valid_until - call.clock.utc_now()
        facts: dict[str, str | int | float] = {
            "status": identity.status,
            "level": identity.level,
            "firmware": identity.firmware,
            "port": identity.port,
            "certificate_days_left": left.days,
        }
        return SelfTest(identity.status in usable, facts)

    def _do_start_preview(self, request: CaptureRequest, call: Call) -> None:
        client, identity = self._connected()
        target = self._wanted(request)
        self._end_preview(call)
        preview = Preview(target, self.name, self.clock, self.recorder)
        retry_while_busy(
            call, lambda: preview.start(client.port, identity.device_id, call, self._publish)
        )
        self._preview = preview

    def _do_stop_preview(self, call: Call) -> None:
        self._end_preview()

    def _capture_samples(self, request: CaptureRequest, wanted_score: int, call: Call) -> Capture:
        """Capture what was asked for; the device ends a live picture of the same target itself."""
        client, identity = self._connected()
        target = self._wanted(request)
        if self._preview is not None and self._preview.target.sub_id != target.sub_id:
            self._end_preview(call)
        started_at = self.clock.utc_now()
        try:
            verified = client.capture(identity, target, wanted_score, call)
        finally:
            # a device goes on waiting for a finger when nobody reads its answer any more; what
            # ends that is the end of its live picture
            if call.cancelled.is_set() or call.remaining <= 0:
                self._end_preview()
        captured_at = self.clock.utc_now()
        return Capture(verified.samples, self.info, started_at, captured_at, verified.attestation)

    def _connected(self) -> tuple[SbiClient, Identity]:
        if self._client is None or self._identity is None:
            raise NotConnected(self.name)
        return self._client, self._identity

    def _wanted(self, request: CaptureRequest) -> Target:
        try:
            return self._target(request)
        except ValueError as error:
            raise Unsupported(self.name, str(error)) from error

    def _end_preview(self, call: Call | None = None) -> None:
        """Stop the live picture; with a `call`, also wait until the device has noticed."""
        preview, self._preview = self._preview, None
        if preview is None:
            return
        was_running = preview.running
        preview.stop()
        if was_running and call is not None and self._client is not None:
            self._client.wait_ready(call)

    def _publish(self, jpeg: bytes) -> None:
        """Decode a frame of the live picture; runs on the preview's thread."""
        try:
            image = decode_preview(jpeg)
        except RecordMalformed as error:
            self.recorder.note(f"frame left out: {error}")
            return
        self._sequence += 1
        self._frames.put(Frame(image, self._sequence, self.clock.monotonic(), jpeg))
