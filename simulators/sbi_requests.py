"""Reading of RCAPTURE requests, with the refusals of the reference service in its order."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from drivers.positions import Eye, Finger
from drivers.sbi.protocol import (
    ENVIRONMENTS,
    EYE_NAMES,
    EYE_SUB_IDS,
    FINGER_NAMES,
    PURPOSE,
    SLAP_ORDER,
    SLAP_SUB_IDS,
    BioType,
    Position,
    name_of,
)
from drivers.sbi.settings import MAX_CUSTOM_OPTIONS
from drivers.sbi.versions import Version, version_named
from simulators.sbi_devices import Order, SbiDeviceModel

PURPOSES: Final = (PURPOSE, "Auth")

_OUTER: Final = ("env", "purpose", "specVersion", "timeout", "captureTime", "transactionId")
_INNER: Final = ("type", "count", "requestedScore", "deviceSubId")
_POSITIONS: Final[Mapping[tuple[BioType, str], tuple[Position, ...]]] = {
    **{(BioType.FINGER, SLAP_SUB_IDS[slap]): fingers for slap, fingers in SLAP_ORDER.items()},
    **{(BioType.IRIS, sub_id): eyes for eyes, sub_id in EYE_SUB_IDS.items()},
}
_NAMES: Final[Mapping[BioType, frozenset[str]]] = {
    BioType.FINGER: frozenset(FINGER_NAMES.values()),
    BioType.IRIS: frozenset(EYE_NAMES.values()),
    BioType.FACE: frozenset({*FINGER_NAMES.values(), *EYE_NAMES.values()}),
}


class Refusal(Exception):
    """The service refuses a request with this error code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Wish:
    """A well-formed request to a device that exists; `wanted_score` is None when it is no integer.

    `count` and `timeout_s` are what was asked, the texts are to be echoed.
    """

    version: Version
    device_id: str
    bio_type: BioType
    sub_id: str
    count: str
    names: tuple[str, ...]
    exceptions: tuple[str, ...]
    wanted_score: int | None
    timeout_s: float
    environment: str
    purpose: str
    spec_version: str
    transaction_id: str
    previous_hash: str
    custom_options: dict[str, str]

    def of_somebody_else(self) -> Wish:
        """Return the same wish as another client would have made it."""
        return replace(self, transaction_id=str(uuid.uuid4()))

    def order(self) -> Order:
        """Translate into what the device waits for.

        Raises:
            Refusal: transaction (112), names of another modality (122), or counts (109).
        """
        if not re.fullmatch(r"[a-zA-Z0-9-]{4,50}", self.transaction_id):
            raise Refusal("112")
        if not {*self.names, *self.exceptions} <= _NAMES[self.bio_type]:
            raise Refusal("122")
        count = int(self.count) if self.count.isdecimal() else -1
        if self.bio_type is BioType.FACE:
            if count != 1:
                raise Refusal("109")
            missing = tuple(p for p in (*Finger, *Eye) if name_of(p) in self.exceptions)
            return Order(self.bio_type, self.sub_id, (), self.timeout_s, missing)
        full = _POSITIONS.get((self.bio_type, self.sub_id), ())
        wanted = tuple(p for p in full if name_of(p) not in self.exceptions)
        single_with_exception = len(full) == 1 and bool(self.exceptions)
        if not full or count != len(wanted) or single_with_exception:
            raise Refusal("109")
        if count + len(self.exceptions) != len(full):
            raise Refusal("109")
        return Order(self.bio_type, self.sub_id, wanted, self.timeout_s)


def version_of(request: object, offered: Sequence[Version]) -> Version:
    """Return the version in which a request is written, the first one offered when in doubt."""
    name = request.get("specVersion") if isinstance(request, dict) else None
    version = version_named(name) if isinstance(name, str) else None
    return version if version in offered and version is not None else offered[0]


def read_capture(request: object, devices: Mapping[str, SbiDeviceModel], version: Version) -> Wish:
    """Read a request and find its device; `devices` are named as the version names them.

    Raises:
        Refusal: malformed (123), environment (115), purpose (121, 706), device (704, 705) or type
            (114, 120).
    """
    fields, bio = _well_formed(request, version)
    if fields["env"] not in ENVIRONMENTS:
        raise Refusal("115")
    if fields["purpose"] not in PURPOSES:
        raise Refusal("121")
    if not bio[version.device_key].strip():
        raise Refusal("704")
    if bio["type"] not in tuple(BioType):
        raise Refusal("114")
    device = devices.get(bio[version.device_key])
    if device is None:
        raise Refusal("705")
    if device.bio_type != bio["type"]:
        raise Refusal("120")
    if fields["purpose"] != PURPOSE:
        raise Refusal("706")
    return Wish(
        version,
        device.device_id,
        device.bio_type,
        bio["deviceSubId"],
        bio["count"],
        _texts(request, "bioSubType"),
        _texts(request, "exception"),
        _integer(bio["requestedScore"]),
        int(fields["timeout"]) / 1000,
        fields["env"],
        fields["purpose"],
        fields["specVersion"],
        fields["transactionId"],
        bio["previousHash"],
        _options(request, version),
    )


def _well_formed(request: object, version: Version) -> tuple[dict[str, str], dict[str, str]]:
    """Return the text fields of the request and of its first `bio`; anything else is malformed."""
    try:
        bio = request["bio"][0]  # type: ignore[index]
        outer = {key: request[key] for key in _OUTER}  # type: ignore[index]
        inner = {key: bio[key] for key in _INNER}
        free = {key: bio[key] for key in (version.device_key, "previousHash")}
    except (KeyError, IndexError, TypeError) as error:
        raise Refusal("123") from error
    filled = all(isinstance(v, str) and v.strip() for v in (*outer.values(), *inner.values()))
    if not filled or not all(isinstance(value, str) for value in free.values()):
        raise Refusal("123")
    if not outer["timeout"].isdecimal() or not re.fullmatch(
        r"([0-9A-Fa-f]{64})?", free["previousHash"]
    ):
        raise Refusal("123")
    return outer, inner | free


def _options(request: object, version: Version) -> dict[str, str]:
    """Return the settings of the vendor: nothing before 1.0, at most 50 pairs of texts since."""
    options = request.get("customOpts") if isinstance(request, dict) else None
    if options is None:
        return {}
    if not isinstance(options, dict) or not version.has_custom_options:
        raise Refusal("123")
    if len(options) > MAX_CUSTOM_OPTIONS:
        raise Refusal("123")
    if not all(isinstance(part, str) for pair in options.items() for part in pair):
        raise Refusal("123")
    return dict(options)


def _texts(request: object, key: str) -> tuple[str, ...]:
    """Return an optional list of texts of the first `bio`; `_well_formed` has seen the request."""
    value = request["bio"][0].get(key)  # type: ignore[index]
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refusal("123")
    return tuple(value)


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,3}", text) else None
