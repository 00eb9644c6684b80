"""What a simulated SBI service signs: descriptions of devices and captures, and lies about them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from drivers.clock import Clock
from drivers.positions import Eye, Finger
from drivers.sbi.chain import next_hash
from drivers.sbi.codes import ERROR_TEXTS
from drivers.sbi.jws import encode_base64url
from drivers.sbi.protocol import HOST, STATUS_ERRORS, Position, Status, name_of, utc_text
from drivers.sbi.versions import V10, Version
from drivers.values import Image
from simulators.sbi_devices import Picture, SbiDeviceModel
from simulators.sbi_faults import SbiFault
from simulators.sbi_injection import FaultView, ServiceFaults
from simulators.sbi_pki import Signer, SimulatedPki
from simulators.sbi_records import contrast_score, record_of
from simulators.sbi_requests import Wish

Json = dict[str, object]
Level = Literal["L0", "L1"]
Purpose = Literal["Registration", "Auth"]

FIRMWARE: Final = "REKAM.SIM.1.0"
_CLOCK_ERROR: Final = timedelta(hours=1)
_SIGNATURE_TAIL: Final = 8


def error(code: str) -> Json:
    """Return an error object."""
    return {"errorCode": code, "errorInfo": ERROR_TEXTS[code]}


def refused(code: str, spec_version: str = "") -> Json:
    """Return an RCAPTURE answer that only holds an error."""
    item: Json = {"specVersion": spec_version, "data": "", "hash": "", "error": error(code)}
    if code == "123":
        item |= {"sessionKey": "", "thumbprint": ""}
    return {"biometrics": [item]}


class Scribe:
    """Writes and signs answers, and lies as the faults of the device say."""

    def __init__(
        self,
        pki: SimulatedPki,
        clock: Clock,
        faults: ServiceFaults,
        environment: str,
        level: Level,
        purpose: Purpose,
    ) -> None:
        self._pki = pki
        self._clock = clock
        self._faults = faults
        self._environment = environment
        self._level: Level = level
        self._purpose = purpose

    def discovered(
        self, device: SbiDeviceModel, status: Status, port: int, version: Version
    ) -> Json:
        """Describe a device unsigned, as discovery does."""
        identity = _unsigned(self._digital_id(device))
        told = self._description(device, status, port, version) | {"digitalId": identity}
        return told | {"error": error(STATUS_ERRORS[status])}

    def described(
        self, device: SbiDeviceModel, status: Status, port: int, version: Version
    ) -> Json:
        """Describe a device signed, or unsigned as long as it is not registered."""
        told = self._description(device, status, port, version)
        told |= {"firmware": FIRMWARE, "env": self._environment}
        faults = self._faults.on(device.bio_type)
        if SbiFault.WRONG_ENVIRONMENT in faults:
            told["env"] = "Staging"
        if SbiFault.UNKNOWN_LEVEL in faults:
            told["certification"] = "L9"
        if status is Status.NOT_REGISTERED:
            if version is V10:
                told["env"] = "None"
            told["digitalId"] = _unsigned(self._digital_id(device))
            token = _unsigned(told)
        else:
            told["digitalId"] = self._identity_token(device, faults)
            # services of the later version wrap the description once more
            token = self._token({"deviceInfo": told} if version is V10 else told, faults)
        return {"deviceInfo": token, "error": error(STATUS_ERRORS[status])}

    def delivered(self, device: SbiDeviceModel, wish: Wish, pictures: Sequence[Picture]) -> Json:
        """Write the answer of a capture: one signed item a picture, joined by the hash chain."""
        faults = self._faults.on(device.bio_type)
        last = wish.previous_hash
        items = []
        for position, image in _delivery(pictures, faults):
            record = record_of(position, image, self._now(faults), faults, bool(wish.exceptions))
            content = self._content(device, wish, position, image, record)
            if SbiFault.FOREIGN_SIGNER in faults:
                token = self._pki.neighbour.token(content)
            else:
                token = self._token(content, faults)
            if SbiFault.TAMPERED in faults:
                kept, tail = token[:-_SIGNATURE_TAIL], token[-_SIGNATURE_TAIL:]
                token = kept + tail.swapcase()
            wrong = SbiFault.WRONG_HASH in faults
            last = next_hash(last, record + b"x" if wrong else record)
            named = "0.9.2" if SbiFault.WRONG_SPEC_VERSION in faults else wish.version.name
            item: Json = {"specVersion": named, "data": token, "hash": last}
            if wish.version is V10:
                item["additionalInfo"] = {"customOpts": str(len(wish.custom_options))}
            items.append(item | {"error": error("0")})
        return {"biometrics": items}

    def _now(self, faults: FaultView) -> datetime:
        """Read the clock of the device."""
        now = self._clock.utc_now()
        if SbiFault.CLOCK_BEHIND in faults:
            return now - _CLOCK_ERROR
        return now + _CLOCK_ERROR if SbiFault.CLOCK_AHEAD in faults else now

    def _content(
        self,
        device: SbiDeviceModel,
        wish: Wish,
        position: Position | None,
        image: Image,
        record: bytes,
    ) -> Json:
        faults = self._faults.on(device.bio_type)
        measured = contrast_score(image) if device.fixed_score is None else device.fixed_score
        score = 101.0 if SbiFault.IMPOSSIBLE_SCORE in faults else measured
        foreign = SbiFault.FOREIGN_TRANSACTION in faults
        content: Json = {
            "digitalId": self._identity_token(device, faults),
            "deviceServiceVersion": wish.version.name,
            "bioType": device.bio_type.value,
            "purpose": "Auth" if SbiFault.WRONG_PURPOSE in faults else wish.purpose,
            "env": "Staging" if SbiFault.WRONG_ENVIRONMENT in faults else wish.environment,
            "bioValue": encode_base64url(record),
            "transactionId": str(uuid.uuid4()) if foreign else wish.transaction_id,
            "timestamp": utc_text(self._now(faults)),
            "requestedScore": f"{float(wish.wanted_score or 0)}",
            "qualityScore": f"{score}",
        }
        if wish.version.has_device_code:
            content["deviceCode"] = device.code
        if position is not None:
            content["bioSubType"] = name_of(position)
        return content

    def _description(
        self, device: SbiDeviceModel, status: Status, port: int, version: Version
    ) -> Json:
        registered = status is not Status.NOT_REGISTERED
        foreign = SbiFault.FOREIGN_CALLBACK in self._faults.on(device.bio_type)
        told: Json = {
            version.device_key: device.key_of(version) if registered else "",
            "deviceStatus": status.value,
            "certification": version.levels[int(self._level[1])],
            "serviceVersion": version.name,
            "deviceSubId": list(device.sub_ids),
            "callbackId": f"http://{'192.168.1.7' if foreign else HOST}:{port}/",
            "specVersion": [version.name],
            "purpose": self._purpose if registered else "",
        }
        if version.has_device_code:
            told["deviceCode"] = device.code if registered else ""
        return told

    def _digital_id(self, device: SbiDeviceModel) -> Json:
        return {
            "serialNo": device.serial,
            "make": "REKAM",
            "model": f"SIM-{device.sub_type.upper().replace(' ', '-')}",
            "type": device.bio_type.value,
            "deviceSubType": device.sub_type,
            "deviceProvider": "rekam",
            "deviceProviderId": "REKAM.SIM",
            "dateTime": utc_text(self._clock.utc_now()),
        }

    def _identity_token(self, device: SbiDeviceModel, faults: FaultView) -> str:
        digital_id = self._digital_id(device)
        if SbiFault.FOREIGN_DEVICE in faults:
            digital_id["serialNo"] = f"{device.serial}-OTHER"
        signer = self._signer(faults)
        if self._level == "L1" and signer is self._pki.device:
            return self._pki.chip.token(digital_id)
        return self._token(digital_id, faults)

    def _token(self, payload: Json, faults: FaultView) -> str:
        algorithm = "none" if SbiFault.WEAK_ALGORITHM in faults else "RS256"
        return self._signer(faults).token(payload, algorithm)

    def _signer(self, faults: FaultView) -> Signer:
        if SbiFault.FOREIGN_ROOT in faults:
            return self._pki.stranger
        if SbiFault.EXPIRED_CERTIFICATE in faults:
            return self._pki.expired
        return self._pki.future if SbiFault.FUTURE_CERTIFICATE in faults else self._pki.device


def _delivery(pictures: Sequence[Picture], faults: FaultView) -> list[Picture]:
    """Return the pictures with too few, too many or the same one twice, as the faults say."""
    sent = list(pictures)
    if SbiFault.MISSING_FINGER in faults:
        sent = sent[:-1] or sent
    if SbiFault.SAME_FINGER_TWICE in faults:
        sent[1:2] = sent[:1]
    if SbiFault.EXTRA_FINGER in faults:
        shown = [position for position, _ in sent]
        kind = Eye if isinstance(shown[0], Eye) else Finger
        extra: Position = next((p for p in kind if p not in shown), kind(1))
        sent.append((extra, sent[0][1]))
    return sent


def _unsigned(payload: Json) -> str:
    return encode_base64url(json.dumps(payload).encode())
