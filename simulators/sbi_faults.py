"""The named faults of a simulated SBI service and its devices, injectable while it runs.

Those of the service and of its wire act on all of its devices, on whichever of them they were
injected. What the catalogue says of each stands in `sbi_fault_notes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from simulators.injection import FaultNote
from simulators.sbi_fault_notes import NOTES


class SbiFault(StrEnum):
    """What goes wrong."""

    # lies in a signed capture

    WRONG_HASH = "wrong-hash"
    """The hash chain does not continue from the hash of the request."""
    FOREIGN_ROOT = "foreign-root"
    """Everything is signed by a key that a stranger's root has issued."""
    EXPIRED_CERTIFICATE = "expired-certificate"
    """The device signs with a key whose certificate ended an hour ago."""
    FUTURE_CERTIFICATE = "future-certificate"
    """The device signs with a key whose certificate begins tomorrow."""
    WEAK_ALGORITHM = "weak-algorithm"
    """Tokens say `alg: none`."""
    TAMPERED = "tampered"
    """The signature of a capture does not match its content."""
    FOREIGN_DEVICE = "foreign-device"
    """The answers name another serial number than the device has."""
    FOREIGN_SIGNER = "foreign-signer"
    """Captures are signed by another device's key and carry the `digitalId` of this one."""
    FOREIGN_CALLBACK = "foreign-callback"
    """The device says that it wants to be called on another computer."""
    FOREIGN_TRANSACTION = "foreign-transaction"
    """The capture answers a request that nobody made."""
    REPLAYED_ANSWER = "replayed-answer"
    """The answer to the former capture comes once more, without a new one."""
    CLOCK_BEHIND = "clock-behind"
    """The clock of the device is an hour behind."""
    CLOCK_AHEAD = "clock-ahead"
    """The clock of the device is an hour ahead."""
    WRONG_ENVIRONMENT = "wrong-environment"
    """The answers come from another environment than was asked for."""
    WRONG_PURPOSE = "wrong-purpose"
    """The capture was made for authentication."""
    WRONG_SPEC_VERSION = "wrong-spec-version"
    """The answer says that it follows another version of the interface."""
    UNKNOWN_LEVEL = "unknown-level"
    """The device states a level of trust that does not exist."""
    MISSING_FINGER = "missing-finger"
    """One item less than was asked for, without an error."""
    EXTRA_FINGER = "extra-finger"
    """One item more than was asked for."""
    SAME_FINGER_TWICE = "same-finger-twice"
    """The first item comes again in the place of the second."""
    SWAPPED_HAND = "swapped-hand"
    """Records are labelled with the other hand or eye than their items."""
    IMPOSSIBLE_SCORE = "impossible-score"
    """The quality is greater than 100."""
    BROKEN_RECORD = "broken-record"
    """The record is shorter than it says."""
    LOSSY_IMAGE = "lossy-image"
    """The image has been compressed with losses."""
    DISGUISED_LOSS = "disguised-loss"
    """The record says lossless, the code stream inside is not."""
    LOW_RESOLUTION = "low-resolution"
    """The finger image has 250 pixels per inch."""
    WRONG_SIZE = "wrong-size"
    """The record gives its image another size than the image has."""
    WRONG_TYPE = "wrong-type"
    """The image is another format than the record says."""

    # pictures that are signed truly and show the wrong thing

    WRONG_PERSON = "wrong-person"
    """Somebody else's finger, eye or face is delivered."""
    WRONG_FINGER = "wrong-finger"
    """Pictures come under the names of their neighbours, a single one mirrored."""
    STALE_IMAGE = "stale-image"
    """The picture of the former capture is delivered in a new answer."""
    BLACK_PICTURE = "black-picture"
    """Captures and live picture are black."""

    # what the device answers instead of a capture

    NOTHING_DETECTED = "nothing-detected"
    """The device answers 101: it sees nothing."""
    EXTRACTION_FAILED = "extraction-failed"
    """The device answers 102: it cannot read what it sees."""
    WRONG_ORIENTATION = "wrong-orientation"
    """The device answers 105: what lies there is turned."""
    TAMPER_DETECTED = "tamper-detected"
    """The device answers 103: its casing was opened."""
    KEY_EXPIRED = "key-expired"
    """The device answers 107: its key has expired."""
    SERVER_UNREACHABLE = "server-unreachable"
    """The device answers 104: it does not reach its management server."""
    CAPTURE_STOPPED = "capture-stopped"
    """The device answers 700: the live picture stopped too early."""
    BUSY_FOREVER = "busy-forever"
    """Left behind by a crashed live picture: everything is refused as busy."""
    NOT_READY = "not-ready"
    """The device says that it is not ready."""
    UNPLUG = "unplug"
    """The service runs, the device behind it was pulled out."""
    OTHER_DEVICE = "other-device"
    """Another device of the same model was plugged in instead, until the fault is cleared."""

    # what the service does instead of answering

    SERVICE_KILLED = "service-killed"
    """The service has ended; its port refuses."""
    SERVICE_MOVED = "service-moved"
    """The service has ended and is back at another port."""
    HANG = "hang"
    """Requests are accepted and nothing is answered."""
    SLOW = "slow"
    """Every answer takes some tenths of a second longer."""
    SLOW_TRICKLE = "slow-trickle"
    """Answers come a few bytes at a time and never end in time."""
    LATE_ANSWER = "late-answer"
    """A capture is answered only after the time that it was given."""
    DROP = "drop"
    """The connection is reset in the middle of the answer."""
    TRUNCATED_JSON = "truncated-json"
    """The JSON ends in its middle, with a length that agrees."""
    OTHER_JSON = "other-json"
    """The answer is JSON of a shape that the interface does not know."""
    WRONG_LENGTH = "wrong-length"
    """The `Content-Length` names half of the bytes that come."""
    NO_LENGTH = "no-length"
    """The answer has no `Content-Length` and ends with the connection."""
    DUPLICATE_ANSWER = "duplicate-answer"
    """Every answer comes twice in one connection."""
    STRAY_BYTES = "stray-bytes"
    """Noise comes before the answer."""
    HTTP_ERROR = "http-error"
    """Everything is answered with HTTP 500."""

    # the live picture

    STREAM_DROPPED = "stream-dropped"
    """The live picture breaks off in the middle of a frame."""
    STREAM_STALLED = "stream-stalled"
    """The live picture stays open and no frame comes any more."""
    STREAM_REPEATED = "stream-repeated"
    """The same frame comes again and again."""
    FRAMES_DROPPED = "frames-dropped"
    """Two frames of three are left out."""
    FRAMES_DAMAGED = "frames-damaged"
    """Every second frame is cut short inside."""


SBI_FAULTS: Final[Mapping[SbiFault, FaultNote]] = {fault: NOTES[fault.value] for fault in SbiFault}
