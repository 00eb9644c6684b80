"""The protocol of a simulated SBI service: JSON in, JSON out, on the device models.

Which error wins when several apply follows the reference service, because clients rely on it.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal

from drivers.clock import Clock
from drivers.positions import Eye, Finger
from drivers.sbi.chain import next_hash
from drivers.sbi.jws import encode_base64url
from drivers.sbi.protocol import (
    ANY_TYPE,
    ERROR_TEXTS,
    PURPOSE,
    SPEC_VERSION,
    STATUS_ERRORS,
    BioType,
    Position,
    Status,
    name_of,
    utc_text,
)
from drivers.values import Image
from simulators.faults import Fault
from simulators.sbi_devices import (
    NothingSeen,
    OpenStream,
    Order,
    SbiDeviceModel,
    Sight,
    wait_for_pictures,
)
from simulators.sbi_pki import Signer, SimulatedPki
from simulators.sbi_records import contrast_score, record_of
from simulators.sbi_requests import Refusal, read_capture

Json = dict[str, object]
Level = Literal["L0", "L1"]
Pictures = Sequence[tuple[Position | None, Image]]

FIRMWARE: Final = "REKAM.SIM.1.0"
_STALE: Final = timedelta(hours=1)


def error(code: str) -> Json:
    """Return an error object."""
    return {"errorCode": code, "errorInfo": ERROR_TEXTS[code]}


def registration_devices(serials: str) -> list[SbiDeviceModel]:
    """Return the three devices of a registration service, in the order of the reference."""
    slap = ("1", "2", "3")
    return [
        SbiDeviceModel("2", BioType.FINGER, "Slap", slap, f"{serials}-SLAP-1"),
        SbiDeviceModel("3", BioType.FACE, "Full face", ("0",), f"{serials}-FACE-1"),
        SbiDeviceModel("1", BioType.IRIS, "Double", slap, f"{serials}-IRIS-1"),
    ]


def authentication_devices(serials: str) -> list[SbiDeviceModel]:
    """Return the devices of an authentication service, which a registration desk must ignore."""
    return [
        SbiDeviceModel("4", BioType.FINGER, "Single", ("0",), f"{serials}-FINGER-1"),
        SbiDeviceModel("5", BioType.IRIS, "Single", ("0",), f"{serials}-IRIS-2"),
    ]


class SbiService:
    """One service: its devices, its signers and its faults, which may change at any time."""

    def __init__(
        self,
        sight: Sight,
        pki: SimulatedPki,
        clock: Clock,
        faults: set[Fault],
        *,
        serials: str,
        environment: str,
        level: Level,
        purpose: Literal["Registration", "Auth"],
        delay_s: float,
    ) -> None:
        self.sight = sight
        self.clock = clock
        self.faults = faults
        self.purpose = purpose
        self.stopping = threading.Event()
        self._pki = pki
        self._environment = environment
        self._level = level
        self._delay_s = delay_s
        self._lock = threading.Lock()
        made = registration_devices if purpose == PURPOSE else authentication_devices
        self._devices = made(serials)

    @property
    def devices(self) -> Mapping[str, SbiDeviceModel]:
        """The devices that are plugged in, by `deviceId`."""
        if Fault.NO_DEVICES in self.faults:
            return {}
        return {device.device_id: device for device in self._devices}

    def status(self, device: SbiDeviceModel) -> Status:
        """Return what a device says of itself, faults included."""
        if Fault.BUSY_FOREVER in self.faults:
            return Status.BUSY
        return Status.NOT_READY if Fault.NOT_READY in self.faults else device.status

    def pause(self, device: SbiDeviceModel, verb: str) -> float:
        """Let the delay of a verb pass; return its seconds."""
        seconds = device.delays_s.get(verb, 0.0)
        self.clock.wait(self.stopping, seconds)
        return seconds

    def discover(self, request: object, port: int) -> list[Json]:
        """Answer MOSIPDISC."""
        kind = request.get("type") if isinstance(request, dict) else None
        if kind not in (ANY_TYPE, *BioType):
            return [{"error": error("502")}]
        wanted = [d for d in self.devices.values() if kind in (ANY_TYPE, d.bio_type)]
        answers = []
        for device in wanted:
            self.pause(device, "MOSIPDISC")
            digital_id = encode_base64url(json.dumps(self._digital_id(device)).encode())
            told = self._description(device, port) | {"digitalId": digital_id}
            answers.append(told | {"error": error(STATUS_ERRORS[self.status(device)])})
        return answers

    def info(self, port: int) -> list[Json]:
        """Answer MOSIPDINFO."""
        answers: list[Json] = []
        for device in self.devices.values():
            self.pause(device, "MOSIPDINFO")
            told = self._description(device, port)
            told |= {"firmware": FIRMWARE, "env": self._environment}
            if self.status(device) is Status.NOT_REGISTERED:
                identity = json.dumps(self._digital_id(device)).encode()
                told["digitalId"] = encode_base64url(identity)
                token = encode_base64url(json.dumps(told).encode())
            else:
                told["digitalId"] = self._signed_digital_id(device)
                token = self._signer.token(told, self._algorithm)
            code = STATUS_ERRORS[self.status(device)]
            answers.append({"deviceInfo": token, "error": error(code)})
        return answers

    def capture(self, request: object) -> Json:
        """Answer RCAPTURE: refuse, or wait for the resident and deliver."""
        try:
            wish, device = self._admit(request)
        except Refusal as refusal:
            return refused(refusal.code)
        stream = device.stream
        try:
            if self.pause(device, "RCAPTURE") >= wish.order.timeout_s:
                raise NothingSeen("701")
            if wish.wanted_score is None:
                device.assigned = Status.BUSY  # as the reference does: it stays so
                raise NothingSeen("710")
            pictures = wait_for_pictures(wish.order, self.sight, self.clock, self._end_of(stream))
            self.clock.wait(self.stopping, self._delay_s)
        except NothingSeen as nothing:
            return refused(nothing.code, SPEC_VERSION)
        finally:
            device.capturing = False
        if stream is not None:
            stream.ended.set()
        answer = self._deliver(device, wish.answered, pictures, palms=bool(wish.exceptions))
        return {"biometrics": answer}

    def open_stream(self, request: object) -> tuple[SbiDeviceModel, OpenStream]:
        """Start a live picture.

        Raises:
            Refusal: the device is unknown or not ready, or this is no registration service.
        """
        fields = request if isinstance(request, dict) else {}
        if self.purpose != PURPOSE:
            raise Refusal("601")
        device_id = fields.get("deviceId")
        if not isinstance(device_id, str) or not device_id.strip():
            raise Refusal("604")
        device = self.devices.get(device_id)
        if device is None:
            raise Refusal("605")
        self.pause(device, "STREAM")
        with self._lock:
            if self.status(device) is not Status.READY:
                raise Refusal(STATUS_ERRORS[self.status(device)])
            device.stream = OpenStream(str(fields.get("deviceSubId")))
            return device, device.stream

    def _admit(self, request: object) -> tuple[Wish, SbiDeviceModel]:
        """Check a request in the order of the reference and reserve the device for it."""
        if self.purpose != PURPOSE:
            raise Refusal("709")
        wish = read_capture(request, self.devices)
        device = self.devices[wish.device_id]
        with self._lock:
            stream = device.stream
            if stream is not None and stream.sub_id != wish.order.sub_id:
                raise Refusal("702")
            status = self.status(device)
            if status in (Status.NOT_REGISTERED, Status.NOT_READY):
                raise Refusal(STATUS_ERRORS[status])
            wish.check_target()
            if device.capturing or (status is Status.BUSY and stream is None):
                raise Refusal("703")
            if Fault.BUSY_FOREVER in self.faults:
                raise Refusal("703")
            device.capturing = True
        return wish, device


def refused(code: str, spec_version: str = "") -> Json:
    """Return an RCAPTURE answer that only holds an error."""
    item: Json = {"specVersion": spec_version, "data": "", "hash": "", "error": error(code)}
    if code == "123":
        item |= {"sessionKey": "", "thumbprint": ""}
    return {"biometrics": [item]}
