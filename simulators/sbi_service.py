"""The protocol of a simulated SBI service: JSON in, JSON out, on the device models.

Which error wins when several apply follows the reference service, because clients rely on it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from drivers.clock import Clock
from drivers.sbi.protocol import ANY_TYPE, PURPOSE, STATUS_ERRORS, BioType, Status
from drivers.sbi.versions import Version
from simulators.sbi_answers import Json, Purpose, Scribe, error, refused
from simulators.sbi_devices import (
    NothingSeen,
    OpenStream,
    Order,
    Picture,
    SbiDeviceModel,
    Sight,
    wait_for_pictures,
)
from simulators.sbi_faults import SbiFault
from simulators.sbi_injection import FaultView, ServiceFaults
from simulators.sbi_requests import Refusal, Wish, read_capture, version_of

CODE_FAULTS: Final[Mapping[SbiFault, str]] = {
    SbiFault.NOTHING_DETECTED: "101",
    SbiFault.EXTRACTION_FAILED: "102",
    SbiFault.TAMPER_DETECTED: "103",
    SbiFault.SERVER_UNREACHABLE: "104",
    SbiFault.WRONG_ORIENTATION: "105",
    SbiFault.KEY_EXPIRED: "107",
    SbiFault.CAPTURE_STOPPED: "700",
}
"""Faults that are an answer of the device."""

SPARE: Final = "-SPARE"
"""Ends the serial number of a device that was plugged in instead of the usual one."""
_LATE_S: Final = 2.0
_POLL_S: Final = 0.02
_MILLIMETRES: Final = 4


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

    `stranger` is whom the devices see under `SbiFault.WRONG_PERSON`; `stopping` ends everything
    that waits.
    """

    def __init__(
        self,
        sight: Sight,
        stranger: Callable[[], Sight],
        scribe: Scribe,
        clock: Clock,
        faults: ServiceFaults,
        versions: Sequence[Version],
        serials: str,
        purpose: Purpose,
        delay_s: float,
    ) -> None:
        self.sight = sight
        self.clock = clock
        self.faults = faults
        self.versions = tuple(versions)
        self.stopping = threading.Event()
        self._stranger = stranger
        self._scribe = scribe
        self._purpose = purpose
        self._delay_s = delay_s
        self._lock = threading.Lock()
        make = registration_devices if purpose == PURPOSE else authentication_devices
        self._devices = {device.device_id: device for device in make(serials)}

    def exchange(self) -> None:
        """Put the devices in place that lie there now: the usual ones, or spares of them."""
        for device in self._devices.values():
            usual = device.serial.removesuffix(SPARE)
            is_spare = SbiFault.OTHER_DEVICE in self.faults.on(device.bio_type)
            device.serial = usual + SPARE if is_spare else usual

    @property
    def devices(self) -> Mapping[str, SbiDeviceModel]:
        """The devices that are plugged in, by `deviceId`."""
        return {
            key: device
            for key, device in self._devices.items()
            if SbiFault.UNPLUG not in self.faults.on(device.bio_type)
        }

    def _named(self, version: Version) -> Mapping[str, SbiDeviceModel]:
        return {device.key_of(version): device for device in self.devices.values()}

    def status(self, device: SbiDeviceModel) -> Status:
        """Return what a device says of itself, faults included."""
        faults = self.faults.on(device.bio_type)
        if SbiFault.BUSY_FOREVER in faults:
            return Status.BUSY
        return Status.NOT_READY if SbiFault.NOT_READY in faults else device.status

    def discover(self, request: object, port: int, version: Version) -> list[Json]:
        """Answer MOSIPDISC or SBIDISC."""
        kind = request.get("type") if isinstance(request, dict) else None
        if kind not in (ANY_TYPE, *BioType):
            return [{"error": error("502")}]
        wanted = [d for d in self.devices.values() if kind in (ANY_TYPE, d.bio_type)]
        for device in wanted:
            self._pause(device, "MOSIPDISC")
        scribe = self._scribe
        return [scribe.discovered(d, self.status(d), port, version) for d in wanted]

    def info(self, port: int, version: Version) -> list[Json]:
        """Answer MOSIPDINFO or SBIINFO."""
        devices = list(self.devices.values())
        for device in devices:
            self._pause(device, "MOSIPDINFO")
        scribe = self._scribe
        return [scribe.described(d, self.status(d), port, version) for d in devices]

    def capture(self, request: object) -> Json:
        """Answer RCAPTURE: refuse, or wait for the resident and deliver."""
        try:
            wish, order, device = self._admit(request)
        except Refusal as refusal:
            return refused(refusal.code)
        stream = device.stream
        try:
            self._fire(wish, order, device)
            pictures = self._look(order, device, stream)
            self.clock.wait(self.stopping, self._delay_s)
            answer = self._answer(device, wish, pictures)
            self._be_late(order, device)
        except NothingSeen as nothing:
            return refused(nothing.code, wish.version.name)
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
        version = version_of(request, self.versions)
        key = fields.get(version.device_key)
        if not isinstance(key, str) or not key.strip():
            raise Refusal("604")
        device = self._named(version).get(key)
        if device is None:
            raise Refusal("605")
        self._pause(device, "STREAM")
        with self._lock:
            status = self.status(device)
            if status is not Status.READY:
                raise Refusal(STATUS_ERRORS[status])
            shape = _shape(fields.get("dimensions")) if version.has_dimensions else None
            device.stream = OpenStream(str(fields.get("deviceSubId")), shape)
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
        version = version_of(request, self.versions)
        wish = read_capture(request, self._named(version), version)
        device = self._devices[wish.device_id]
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
        device.custom_options = wish.custom_options
        return wish, order, device

    def _fire(self, wish: Wish, order: Order, device: SbiDeviceModel) -> None:
        """Let the delay pass that somebody set; it may eat the whole time of the capture."""
        if self._pause(device, "RCAPTURE") >= order.timeout_s:
            raise NothingSeen("701")
        if wish.wanted_score is None:
            device.assigned = Status.BUSY  # the reference stays busy after this failure
            raise NothingSeen("710")
        faults = self.faults.on(device.bio_type)
        for fault, code in CODE_FAULTS.items():
            if fault in faults:
                raise NothingSeen(code)

    def _look(
        self, order: Order, device: SbiDeviceModel, stream: OpenStream | None
    ) -> list[Picture]:
        """Take the pictures that were ordered, or those that a fault puts in their place."""
        faults = self.faults.on(device.bio_type)
        sight = self._stranger() if SbiFault.WRONG_PERSON in faults else self.sight
        pictures = wait_for_pictures(order, sight, self.clock, self._end_of(stream))
        if SbiFault.STALE_IMAGE in faults and device.last_pictures:
            old = [image for _, image in device.last_pictures]
            pictures = [(p, old[i % len(old)]) for i, (p, _) in enumerate(pictures)]
        device.last_pictures = tuple(pictures)
        return spoiled(pictures, faults)

    def _answer(self, device: SbiDeviceModel, wish: Wish, pictures: list[Picture]) -> Json:
        if SbiFault.REPLAYED_ANSWER in self.faults.on(device.bio_type):
            if device.last_answer is not None:
                return device.last_answer
            wish = wish.of_somebody_else()
        device.last_answer = self._scribe.delivered(device, wish, pictures)
        return device.last_answer

    def _be_late(self, order: Order, device: SbiDeviceModel) -> None:
        """Hold the answer back beyond the time that the client gave."""
        until = self.clock.monotonic() + order.timeout_s + _LATE_S
        faults = self.faults.on(device.bio_type)
        while SbiFault.LATE_ANSWER in faults and self.clock.monotonic() < until:
            if self.clock.wait(self.stopping, _POLL_S):
                return

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


def spoiled(pictures: list[Picture], faults: FaultView) -> list[Picture]:
    """Return the pictures black, or under the names of their neighbours, as the faults say."""
    if SbiFault.BLACK_PICTURE in faults:
        return [(position, np.zeros_like(image)) for position, image in pictures]
    if SbiFault.WRONG_FINGER not in faults or pictures[0][0] is None:
        return pictures
    if len(pictures) == 1:
        # the mirror image of a finger looks like the same finger of the other hand
        return [(position, np.ascontiguousarray(image[:, ::-1])) for position, image in pictures]
    images = [image for _, image in pictures]
    names = [position for position, _ in pictures]
    return list(zip(names, images[1:] + images[:1], strict=True))


def _shape(dimensions: object) -> float | None:
    """Read `dimensions`, width and height as two digits each, as width over height."""
    if not isinstance(dimensions, str) or len(dimensions) != _MILLIMETRES:
        return None
    width, height = dimensions[:2], dimensions[2:]
    if not (width.isdecimal() and height.isdecimal()) or not int(width) or not int(height):
        return None
    return int(width) / int(height)
