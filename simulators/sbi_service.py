"""The protocol of a simulated SBI service: JSON in, JSON out, on the device models.

Which error wins when several apply follows the reference service, because clients rely on it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from drivers.clock import Clock
from drivers.sbi.protocol import (
    ANY_TYPE,
    PURPOSE,
    SPEC_VERSION,
    STATUS_ERRORS,
    BioType,
    Status,
)
from simulators.sbi_faults import SbiFault
from simulators.sbi_answers import Json, Purpose, Scribe, error, refused
from simulators.sbi_devices import (
    NothingSeen,
    OpenStream,
    Order,
    SbiDeviceModel,
    Sight,
    wait_for_pictures,
)
from simulators.sbi_requests import Refusal, Wish, read_capture


def registration_devices(serials: str) -> list[SbiDeviceModel]:
    """Return the three devices of a registration service, in the order of the reference."""
    three = ("1", "2", "3")
    return [
        SbiDeviceModel("2", BioType.FINGER, "Slap", three, f"{serials}-SLAP-1"),
        SbiDeviceModel("3", BioType.FACE, "Full face", ("0",), f"{serials}-FACE-1"),
        SbiDeviceModel("1", BioType.IRIS, "Double", three, f"{serials}-IRIS-1"),
    ]


def authentication_devices(serials: str) -> list[SbiDeviceModel]:
    """Return the devices of an authentication service, which a registration desk must ignore."""
    return [
        SbiDeviceModel("4", BioType.FINGER, "Single", ("0",), f"{serials}-FINGER-1"),
        SbiDeviceModel("5", BioType.IRIS, "Single", ("0",), f"{serials}-IRIS-2"),
    ]


class SbiService:
    """The devices of one service and the verbs on them; `delay_s` passes before a device fires.

    `faults` may be changed at any time; `stopping` ends everything that waits.
    """

    def __init__(
        self,
        sight: Sight,
        scribe: Scribe,
        clock: Clock,
        faults: set[SbiFault],
        serials: str,
        purpose: Purpose,
        delay_s: float,
    ) -> None:
        self.sight = sight
        self.clock = clock
        self.faults = faults
        self.stopping = threading.Event()
        self._scribe = scribe
        self._purpose = purpose
        self._delay_s = delay_s
        self._lock = threading.Lock()
        make = registration_devices if purpose == PURPOSE else authentication_devices
        self._devices = {device.device_id: device for device in make(serials)}

    @property
    def devices(self) -> Mapping[str, SbiDeviceModel]:
        """The devices that are plugged in, by `deviceId`."""
        return {} if SbiFault.NO_DEVICES in self.faults else self._devices

    def status(self, device: SbiDeviceModel) -> Status:
        """Return what a device says of itself, faults included."""
        if SbiFault.BUSY_FOREVER in self.faults:
            return Status.BUSY
        return Status.NOT_READY if SbiFault.NOT_READY in self.faults else device.status

    def discover(self, request: object, port: int) -> list[Json]:
        """Answer MOSIPDISC."""
        kind = request.get("type") if isinstance(request, dict) else None
        if kind not in (ANY_TYPE, *BioType):
            return [{"error": error("502")}]
        wanted = [d for d in self.devices.values() if kind in (ANY_TYPE, d.bio_type)]
        for device in wanted:
            self._pause(device, "MOSIPDISC")
        return [self._scribe.discovered(device, self.status(device), port) for device in wanted]

    def info(self, port: int) -> list[Json]:
        """Answer MOSIPDINFO."""
        devices = list(self.devices.values())
        for device in devices:
            self._pause(device, "MOSIPDINFO")
        return [self._scribe.described(device, self.status(device), port) for device in devices]

    def capture(self, request: object) -> Json:
        """Answer RCAPTURE: refuse, or wait for the resident and deliver."""
        try:
            wish, order, device = self._admit(request)
        except Refusal as refusal:
            return refused(refusal.code)
        stream = device.stream
        try:
            self._fire(wish, order, device)
            pictures = wait_for_pictures(order, self.sight, self.clock, self._end_of(stream))
            self.clock.wait(self.stopping, self._delay_s)
            answer = self._scribe.delivered(device, wish, pictures)
        except NothingSeen as nothing:
            return refused(nothing.code, SPEC_VERSION)
        finally:
            device.capturing = False
        if stream is not None:
            stream.ended.set()
        return answer

    def open_stream(self, request: object) -> tuple[SbiDeviceModel, OpenStream]:
        """Start a live picture; its end is reported by `close_stream`.

        Raises:
            Refusal: the device is unknown or not ready, or this is no registration service.
        """
        fields = request if isinstance(request, dict) else {}
        if self._purpose != PURPOSE:
            raise Refusal("601")
        device_id = fields.get("deviceId")
        if not isinstance(device_id, str) or not device_id.strip():
            raise Refusal("604")
        device = self.devices.get(device_id)
        if device is None:
            raise Refusal("605")
        self._pause(device, "STREAM")
        with self._lock:
            status = self.status(device)
            if status is not Status.READY:
                raise Refusal(STATUS_ERRORS[status])
            device.stream = OpenStream(str(fields.get("deviceSubId")))
            return device, device.stream

    def close_stream(self, device: SbiDeviceModel, stream: OpenStream) -> None:
        """Give the device up, whoever ended the live picture."""
        stream.ended.set()
        with self._lock:
            if device.stream is stream:
                device.stream = None

    def _admit(self, request: object) -> tuple[Wish, Order, SbiDeviceModel]:
        """Check a request in the order of the reference and reserve the device for it."""
        if self._purpose != PURPOSE:
            raise Refusal("709")
        wish = read_capture(request, self.devices)
        device = self.devices[wish.device_id]
        with self._lock:
            stream = device.stream
            if stream is not None and stream.sub_id != wish.sub_id:
                raise Refusal("702")
            status = self.status(device)
            if status in (Status.NOT_REGISTERED, Status.NOT_READY):
                raise Refusal(STATUS_ERRORS[status])
            order = wish.order()
            is_free = stream is not None and device.assigned is Status.READY
            if device.capturing or (status is Status.BUSY and not is_free):
                raise Refusal("703")
            device.capturing = True
        return wish, order, device

    def _fire(self, wish: Wish, order: Order, device: SbiDeviceModel) -> None:
        """Let the delay pass that somebody set; it may eat the whole time of the capture."""
        if self._pause(device, "RCAPTURE") >= order.timeout_s:
            raise NothingSeen("701")
        if wish.wanted_score is None:
            device.assigned = Status.BUSY  # the reference stays busy after this failure
            raise NothingSeen("710")

    def _pause(self, device: SbiDeviceModel, verb: str) -> float:
        """Let the delay of a verb pass; return its seconds."""
        seconds = device.delays_s.get(verb, 0.0)
        if seconds:
            self.clock.wait(self.stopping, seconds)
        return seconds

    def _end_of(self, stream: OpenStream | None) -> Callable[[], str | None]:
        """Return what ends the waiting of a capture: the service stops, or its stream ends."""

        def code() -> str | None:
            if self.stopping.is_set():
                return "710"
            return "700" if stream is not None and stream.ended.is_set() else None

        return code
