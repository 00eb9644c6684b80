"""What goes into a device and what comes out of it: requests, frames and captures.

Images are read-only uint8 arrays. Nothing here prints pixels, records or card bytes: a `repr` shows
shapes, sizes and hashes only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from drivers.positions import Eye, Finger, Slap

Image = NDArray[np.uint8]
"""(height, width) grey or (height, width, 3) in OpenCV's blue-green-red order."""


class Kind(StrEnum):
    """The four device types of a recording desk."""

    FINGERPRINT = "fingerprint"
    IRIS = "iris"
    FACE = "face"
    CARD_READER = "card-reader"


class State(StrEnum):
    """Life cycle; LOST means the condition of the hardware is unknown until it is reconnected."""

    CLOSED = "closed"
    CONNECTING = "connecting"
    READY = "ready"
    BUSY = "busy"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Identity read from the hardware; configuration and records refer to (model, serial).

    `trust` is how far a capture can be believed: "L1" (signed inside the device), "L0" (signed in
    its host software) or "none" (nothing is signed).
    """

    kind: Kind
    driver: str
    model: str
    serial: str
    firmware: str
    capabilities: frozenset[str] = frozenset()
    trust: str = "none"


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Result of a device's own check; `facts` are numbers and words for the technician."""

    passed: bool
    facts: dict[str, str | int | float] = field(default_factory=dict)


def read_only(image: Image) -> Image:
    """Return `image` with writing forbidden, so that a published picture never changes."""
    image.flags.writeable = False
    return image


@dataclass(frozen=True, slots=True)
class Frame:
    """One preview picture.

    `sequence` grows by at least one from frame to frame of one device; `grabbed_at` is the
    monotonic clock (seconds) at the moment the picture arrived; `original` holds the bytes as the
    device sent them when it sent a compressed picture.
    """

    image: Image = field(repr=False)
    sequence: int
    grabbed_at: float
    original: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Score:
    """A quality value that says which measure it is and who computed it."""

    measure: str
    value: float
    source: str
    scale: tuple[float, float] = (0.0, 100.0)


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """The device's own data interchange record, byte for byte as it was delivered.

    `format` is e.g. "ISO/IEC 19794-4:2011"; `image_bytes` is the compressed image inside it and
    `codec` its compression: "JP2" (lossless JPEG 2000), "PNG", "WSQ", "JPEG" or "RAW".
    """

    format: str
    data: bytes = field(repr=False)
    codec: str
    image_bytes: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of `data`."""
        return hashlib.sha256(self.data).hexdigest()


BIO_VALUE_PLACEHOLDER: Final = "<bioValue>"
"""Stands in a kept payload where the record was, as in the detached form of SBI."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """What a device proved about one capture; kept so that the proof can be repeated centrally.

    `level` is "L0", "L1" or "none"; everything below holds one entry a sample in the order of the
    capture, and each entry can be checked with its record alone, without the other samples:
    `tokens` are the detached signatures (header..signature), `payloads` what was signed, as
    received, with `BIO_VALUE_PLACEHOLDER` in place of the record (`drivers.sbi.evidence` makes the
    signed bytes of it), `previous_hashes` and `hashes` the verified hash chain before and behind
    the sample (upper-case hex).
    """

    level: str
    signer_sha256: str = ""
    transaction_id: str = ""
    tokens: tuple[str, ...] = field(default=(), repr=False)
    hashes: tuple[str, ...] = ()
    payloads: tuple[str, ...] = field(default=(), repr=False)
    previous_hashes: tuple[str, ...] = field(default=(), repr=False)


NO_ATTESTATION = Attestation(level="none")


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture of one finger, slap, eye or face.

    `position` is None for a face. `resolution_ppi` is pixels per inch, 0 where the device states
    none (cameras).
    """

    position: Finger | Slap | Eye | None
    image: Image = field(repr=False)
    resolution_ppi: float = 0.0
    record: DeviceRecord | None = None
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
class Capture:
    """What one capture verb returned: samples, their device, its proof and when it happened.

    Times are timezone-aware UTC. A four-finger scanner that segments itself delivers one sample a
    finger; one that does not delivers a single sample at a `Slap` position.
    """

    samples: tuple[Sample, ...]
    device: DeviceInfo
    started_at: datetime
    captured_at: datetime
    attestation: Attestation = NO_ATTESTATION


@dataclass(frozen=True, slots=True)
class SlapRequest:
    """Ask for the fingers of one slap, without those that the resident does not have."""

    slap: Slap
    missing: frozenset[Finger] = frozenset()
    wanted_score: int = 40

    @property
    def expected(self) -> tuple[Finger, ...]:
        """The fingers that must come back."""
        return tuple(f for f in self.slap.fingers if f not in self.missing)


@dataclass(frozen=True, slots=True)
class FingerRequest:
    """Ask for one finger."""

    finger: Finger
    wanted_score: int = 40


@dataclass(frozen=True, slots=True)
class IrisRequest:
    """Ask for one or both irises."""

    eyes: tuple[Eye, ...] = (Eye.RIGHT, Eye.LEFT)
    wanted_score: int = 60


@dataclass(frozen=True, slots=True)
class FaceRequest:
    """Ask for the sharpest of `burst` consecutive frames.

    With something missing it is an exception photo: face and both palms in one picture, as evidence
    of what this resident does not have. Fingers and eyes stay apart: their numbers overlap.
    """

    burst: int = 8
    missing_fingers: frozenset[Finger] = frozenset()
    missing_eyes: frozenset[Eye] = frozenset()


@dataclass(frozen=True, slots=True)
class CardState:
    """A look at the reader: `counter` grows with every insertion or removal."""

    present: bool
    counter: int
    atr: bytes = b""
