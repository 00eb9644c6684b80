"""The named faults of the simulated hardware, injectable while it runs.

A fault seen in the field becomes a member here, a row in the table of faults, and a test, together.
"""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """What goes wrong; grouped by the wire on which it shows."""

    # SBI: lies about a capture
    WRONG_HASH = "wrong-hash"
    """The hash chain does not continue from the hash of the request."""
    FOREIGN_ROOT = "foreign-root"
    """Everything is signed by a key that a stranger's root has issued."""
    EXPIRED_CERTIFICATE = "expired-certificate"
    """The device key's certificate ended yesterday."""
    WEAK_ALGORITHM = "weak-algorithm"
    """Tokens say `alg: none`."""
    TAMPERED = "tampered"
    """The signature of a capture does not match its content."""
    FOREIGN_DEVICE = "foreign-device"
    """The capture names another serial number than the device has."""
    FOREIGN_TRANSACTION = "foreign-transaction"
    """The capture answers somebody else's request: a replay."""
    STALE_TIME = "stale-time"
    """The capture says that it happened an hour ago."""
    WRONG_ENVIRONMENT = "wrong-environment"
    """The capture comes from another environment than was asked for."""
    WRONG_PURPOSE = "wrong-purpose"
    """The capture was made for authentication."""
    WRONG_SPEC_VERSION = "wrong-spec-version"
    """The answer follows another version of the interface."""
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
    """The finger image has been compressed with losses."""
    LOW_RESOLUTION = "low-resolution"
    """The finger image has 250 pixels per inch."""
    WRONG_SIZE = "wrong-size"
    """The record gives its image another size than the image has."""

    # SBI: what the service does instead of answering
    TRUNCATED_JSON = "truncated-json"
    """The JSON ends in its middle, with a length that agrees."""
    SLOW_TRICKLE = "slow-trickle"
    """Answers come a few bytes at a time and never end in time."""
    HANG = "hang"
    """Requests are accepted and nothing is answered, until the fault is taken away."""
    DROP = "drop"
    """The connection is reset in the middle of the answer."""
    BUSY_FOREVER = "busy-forever"
    """Left behind by a crashed live picture: the device refuses everything as busy."""
    NOT_READY = "not-ready"
    """The device says that it is not ready."""
    NO_DEVICES = "no-devices"
    """Discovery answers with an empty list: the hardware behind the service was pulled out."""
    STREAM_DROPPED = "stream-dropped"
    """The live picture breaks off in the middle of a frame."""
