"""What the SBI devices share: finding the device, live picture, capture, self test."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Final

from drivers.api import CaptureRequest, PreviewingDevice
from drivers.clock import Clock
from drivers.device import Call, DeviceSettings
from drivers.errors import (
    ConnectFailed,
    DeviceError,
    Disconnected,
    NotConnected,
    Unsupported,
    Untrusted,
)
from drivers.sbi.chain import HashChain
from drivers.sbi.client import DeskPolicy, SbiClient, retry_while_busy
from drivers.sbi.discovery import Found
from drivers.sbi.finding import DeviceFinder
from drivers.sbi.iso19794.fields import RecordMalformed
from drivers.sbi.iso19794.images import decode_preview
from drivers.sbi.jws import TrustStore
from drivers.sbi.protocol import BioType, Status, Target
from drivers.sbi.settings import SbiSettings
from drivers.sbi.stream import Preview, StreamSource
from drivers.sbi.trust import Identity, Trust
from drivers.values import Capture, DeviceInfo, Frame, SelfTest

CHECK_LIMIT_S: Final = 0.5
"""How long a service may take to say that an idle device is still there."""


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
    has_colour: ClassVar[bool] = False
    """Whether the live picture is one of colour."""

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
        self._known_serial = settings.expect_serial
        self._client: SbiClient | None = None
        self._identity: Identity | None = None
        self._preview: Preview | None = None
        self._sequence = 0

    @abstractmethod
    def _target(self, request: CaptureRequest) -> Target:
        """Translate a request; raise `ValueError` when the interface cannot ask for it."""

    def _do_connect(self, call: Call) -> DeviceInfo:
        policy = self._load_policy()

        def client_of(found: Found) -> SbiClient:
            return SbiClient(found, policy, self.recorder, self._chain)

        finder = DeviceFinder(self.bio_type, self.sub_types, self._settings, self.recorder)
        try:
            client, identity = self._find(finder, client_of, call)
        except Disconnected as error:
            raise ConnectFailed(self.name, error.detail) from error
        self._client, self._identity = client, identity
        digital_id = identity.digital_id
        self._known_serial = digital_id.serial
        self.recorder.note(f"connected at {identity.port}, SBI {identity.version.name}")
        return DeviceInfo(
            self.kind,
            self.driver,
            f"{digital_id.make} {digital_id.model}",
            digital_id.serial,
            identity.firmware,
            frozenset({"preview", "attestation", f"sbi-{identity.version.name}"}),
            identity.level,
        )

    def _find(
        self, finder: DeviceFinder, client_of: Callable[[Found], SbiClient], call: Call
    ) -> tuple[SbiClient, Identity]:
        """Find the device of before; where it is gone, the one that was plugged in instead.

        Whether that one may be used is not decided here: it says who it is. One that cannot is no
        replacement: then what is wrong is that the device of before is not there.
        """
        try:
            return finder.find(self._known_serial, client_of, call)
        except (ConnectFailed, Untrusted) as missing:
            if self._expect_serial or not self._known_serial:
                raise
            try:
                return finder.find("", client_of, call)
            except (ConnectFailed, Untrusted) as error:
                self.recorder.note(f"no other device instead: {error.code} {error.detail}")
                raise missing from error

    def _load_policy(self) -> DeskPolicy:
        settings = self._settings
        try:
            device = TrustStore.load(settings.device_roots)
            trust = Trust(device, TrustStore.load(settings.chip_roots))
        except (OSError, ValueError) as error:
            detail = f"root certificates unreadable: {type(error).__name__}"
            raise ConnectFailed(self.name, detail) from error
        options = settings.custom_options
        return DeskPolicy(settings.environment, trust, settings.least_trust, options)

    def _do_close(self) -> None:
        self._end_preview()
        self._frames.clear()
        self._client = self._identity = None

    def _do_check(self, call: Call) -> None:
        """Ask the service whether this very device is still behind it."""
        client, _ = self._connected()
        limit = min(call.deadline, call.clock.monotonic() + CHECK_LIMIT_S)
        client.find(Call(call.device, call.clock, limit, call.cancelled))

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
            "interface": f"SBI {identity.version.name}",
            "port": identity.port,
            "certificate_days_left": left.days,
        }
        return SelfTest(identity.status in usable, facts)

    def _do_start_preview(self, request: CaptureRequest, call: Call) -> None:
        client, identity = self._connected()
        target = self._wanted(request)
        self._end_preview(call)
        source = StreamSource(client.port, client.version, identity.key, target)
        preview = Preview(
            source,
            self.name,
            self.clock,
            self.recorder,
            on_frame=self._publish,
            on_break=self._frames.clear,
        )
        retry_while_busy(call, lambda: preview.start(call))
        self._preview = preview

    def _do_stop_preview(self, call: Call) -> None:
        self._end_preview()

    def _capture_samples(self, request: CaptureRequest, wanted_score: int, call: Call) -> Capture:
        """Capture what was asked for; the device ends a live picture of the same target itself."""
        client, identity = self._connected()
        target = self._wanted(request)
        preview = self._preview
        if preview is not None:
            preview.hold()
            if preview.source.target.sub_id != target.sub_id or not preview.flowing:
                self._end_preview(call)
        started_at = self.clock.utc_now()
        try:
            verified = client.capture(identity, target, wanted_score, call)
        except DeviceError:
            # a device goes on waiting for a finger when nobody reads its answer any more; what
            # ends that is the end of its live picture
            if call.cancelled.is_set() or call.remaining <= 0:
                self._end_preview()
            elif preview is not None:
                preview.release()
            raise
        if preview is not None:
            preview.finish()
        self._identity = verified.identity
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
            image = decode_preview(jpeg, colour=self.has_colour)
        except RecordMalformed as error:
            self.recorder.note(f"frame left out: {error}")
            return
        self._sequence += 1
        self._frames.put(Frame(image, self._sequence, self.clock.monotonic(), jpeg))
