"""What a simulated SBI service signs: descriptions of devices and captures, and lies about them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal

from drivers.clock import Clock
from drivers.positions import Eye, Finger
from drivers.sbi.chain import next_hash
from drivers.sbi.jws import encode_base64url
from drivers.sbi.protocol import (
    ERROR_TEXTS,
    SPEC_VERSION,
    STATUS_ERRORS,
    Position,
    Status,
    name_of,
    utc_text,
)
from drivers.values import Image
from simulators.sbi_faults import SbiFault
from simulators.sbi_devices import SbiDeviceModel
from simulators.sbi_pki import Signer, SimulatedPki
from simulators.sbi_records import contrast_score, record_of
from simulators.sbi_requests import Wish

Json = dict[str, object]
Level = Literal["L0", "L1"]
Purpose = Literal["Registration", "Auth"]
Picture = tuple[Position | None, Image]

FIRMWARE: Final = "REKAM.SIM.1.0"
_STALE: Final = timedelta(hours=1)
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
    """Writes and signs answers; what it lies about is in `faults`."""

    def __init__(
        self,
        pki: SimulatedPki,
        clock: Clock,
        faults: set[SbiFault],
        environment: str,
        level: Level,
        purpose: Purpose,
    ) -> None:
        self._pki = pki
        self._clock = clock
        self._faults = faults
        self._environment = environment
        self._level = level
        self._purpose = purpose

    def discovered(self, device: SbiDeviceModel, status: Status, port: int) -> Json:
        """Describe a device unsigned, as discovery does."""
        identity = _unsigned(self._digital_id(device))
        told = self._description(device, status, port) | {"digitalId": identity}
        return told | {"error": error(STATUS_ERRORS[status])}

    def described(self, device: SbiDeviceModel, status: Status, port: int) -> Json:
        """Describe a device signed, or unsigned as long as it is not registered."""
        told = self._description(device, status, port)
        told |= {"firmware": FIRMWARE, "env": self._environment}
        if status is Status.NOT_REGISTERED:
            told["digitalId"] = _unsigned(self._digital_id(device))
            token = _unsigned(told)
        else:
            told["digitalId"] = self._identity_token(device)
            token = self._token(told)
        return {"deviceInfo": token, "error": error(STATUS_ERRORS[status])}

    def delivered(self, device: SbiDeviceModel, wish: Wish, pictures: Sequence[Picture]) -> Json:
        """Write the answer of a capture: one signed item a picture, joined by the hash chain."""
        last = wish.previous_hash
        items = []
        for position, image in self._delivery(pictures):
            now = self._clock.utc_now()
            palms = bool(wish.exceptions)
            record = record_of(position, image, now, self._faults, palms)
            token = self._token(self._content(device, wish, position, image, record))
            if SbiFault.TAMPERED in self._faults:
                kept, tail = token[:-_SIGNATURE_TAIL], token[-_SIGNATURE_TAIL:]
                token = kept + tail.swapcase()
            wrong = SbiFault.WRONG_HASH in self._faults
            last = next_hash(last, record + b"x" if wrong else record)
            version = "1.0" if SbiFault.WRONG_SPEC_VERSION in self._faults else wish.spec_version
            item = {"specVersion": version, "data": token, "hash": last}
            items.append(item | {"error": error("0")})
        return {"biometrics": items}

    def _delivery(self, pictures: Sequence[Picture]) -> list[Picture]:
        """Return the pictures with too few, too many or the same one twice, as the faults say."""
        sent = list(pictures)
        if SbiFault.MISSING_FINGER in self._faults:
            sent = sent[:-1] or sent
        if SbiFault.SAME_FINGER_TWICE in self._faults:
            sent[1:2] = sent[:1]
        if SbiFault.EXTRA_FINGER in self._faults:
            shown = [position for position, _ in sent]
            kind = Eye if isinstance(shown[0], Eye) else Finger
            extra: Position = next((p for p in kind if p not in shown), kind(1))
            sent.append((extra, sent[0][1]))
        return sent

    def _content(
        self,
        device: SbiDeviceModel,
        wish: Wish,
        position: Position | None,
        image: Image,
        record: bytes,
    ) -> Json:
        faults = self._faults
        stale = _STALE if SbiFault.STALE_TIME in faults else timedelta()
        measured = contrast_score(image) if device.fixed_score is None else device.fixed_score
        score = 101.0 if SbiFault.IMPOSSIBLE_SCORE in faults else measured
        foreign = SbiFault.FOREIGN_TRANSACTION in faults
        content: Json = {
            "digitalId": self._identity_token(device),
            "deviceCode": device.code,
            "deviceServiceVersion": SPEC_VERSION,
            "bioType": device.bio_type.value,
            "purpose": "Auth" if SbiFault.WRONG_PURPOSE in faults else wish.purpose,
            "env": "Staging" if SbiFault.WRONG_ENVIRONMENT in faults else wish.environment,
            "bioValue": encode_base64url(record),
            "transactionId": str(uuid.uuid4()) if foreign else wish.transaction_id,
            "timestamp": utc_text(self._clock.utc_now() - stale),
            "requestedScore": f"{float(wish.wanted_score or 0)}",
            "qualityScore": f"{score}",
        }
        if position is not None:
            content["bioSubType"] = name_of(position)
        return content

    def _description(self, device: SbiDeviceModel, status: Status, port: int) -> Json:
        registered = status is not Status.NOT_REGISTERED
        return {
            "deviceId": device.device_id if registered else "",
            "deviceStatus": status.value,
            "certification": self._level,
            "serviceVersion": SPEC_VERSION,
            "deviceSubId": list(device.sub_ids),
            "callbackId": f"http://127.0.0.1:{port}/",
            "deviceCode": device.code if registered else "",
            "specVersion": [SPEC_VERSION],
            "purpose": self._purpose if registered else "",
        }

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

    def _identity_token(self, device: SbiDeviceModel) -> str:
        digital_id = self._digital_id(device)
        if SbiFault.FOREIGN_DEVICE in self._faults:
            digital_id["serialNo"] = f"{device.serial}-OTHER"
        if self._level == "L1" and not self._signs_falsely:
            return self._pki.chip.token(digital_id)
        return self._token(digital_id)

    @property
    def _signs_falsely(self) -> bool:
        return bool({SbiFault.FOREIGN_ROOT, SbiFault.EXPIRED_CERTIFICATE} & self._faults)

    def _token(self, payload: Json) -> str:
        algorithm = "none" if SbiFault.WEAK_ALGORITHM in self._faults else "RS256"
        return self._signer().token(payload, algorithm)

    def _signer(self) -> Signer:
        if SbiFault.FOREIGN_ROOT in self._faults:
            return self._pki.stranger
        expired = SbiFault.EXPIRED_CERTIFICATE in self._faults
        return self._pki.expired if expired else self._pki.device


def _unsigned(payload: Json) -> str:
    return encode_base64url(json.dumps(payload).encode())
