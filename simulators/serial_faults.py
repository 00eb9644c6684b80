"""The named faults of a simulated R30x module and its line, injectable while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from simulators.injection import FaultNote


class SerialFault(StrEnum):
    """What goes wrong on such a module in the field."""

    # the answer does not come, or not in time
    SILENT = "silent"
    """Commands are accepted and nothing is answered."""
    SLOW = "slow"
    """Every answer comes 0.2 s later than usual."""
    LATE_REPLY = "late-reply"
    """One answer comes after the host has given it up."""
    STUCK_BUSY = "stuck-busy"
    """The busy bit stays set, and the sensor's commands are not answered."""
    POWER_UP = "power-up"
    """The module restarts: deaf for 300 ms, then the byte 55 before its first answer."""

    # the answer is damaged on the line
    NOISE = "noise"
    """Every answer is random bytes."""
    TRUNCATED = "truncated"
    """Answers break off after nine bytes."""
    WRONG_CHECKSUM = "wrong-checksum"
    """The checksum of every packet is wrong."""
    WRONG_LENGTH = "wrong-length"
    """Every packet says that it is five bytes longer than it is."""
    STRAY_BYTES = "stray-bytes"
    """Bytes that look like the beginning of a packet stand before every answer."""
    DUPLICATE_REPLY = "duplicate-reply"
    """Every acknowledge comes twice."""
    DROPPED_BYTES = "dropped-bytes"
    """The USB bridge loses a byte of every fortieth data packet."""
    BAUD_MISMATCH = "baud-mismatch"
    """The module runs at another speed than it was set to."""

    # the module answers, and something else is wrong
    WRONG_ADDRESS = "wrong-address"
    """Answers carry the address of another module."""
    WRONG_PASSWORD = "wrong-password"  # noqa: S105  # the name of a fault
    """Somebody has set a password."""
    NOT_UNDERSTOOD = "not-understood"
    """Every command arrives damaged at the module (code 01)."""
    FLASH_ERROR = "flash-error"
    """The flash refuses to be written."""
    KEPT_PAGE = "kept-page"
    """Deleting a page is confirmed and does nothing."""
    OTHER_TEMPLATE_SIZE = "other-template-size"
    """Another firmware: its templates have 768 bytes."""

    # pictures and fingers
    IMAGE_FAILED = "image-failed"
    """The sensor fails to take a picture (code 03)."""
    MESSY_IMAGE = "messy-image"
    """The picture is too messy for a template (code 06)."""
    FEW_FEATURES = "few-features"
    """The picture shows too few features for a template (code 07)."""
    HALF_IMAGE = "half-image"
    """The upload of a picture ends in its middle."""
    STALE_IMAGE = "stale-image"
    """A new picture is confirmed, and the buffer keeps the last one."""
    SWAPPED_NIBBLES = "swapped-nibbles"
    """The two pixels of each byte are exchanged."""
    WRONG_FINGER = "wrong-finger"
    """Another finger lies there than was asked for."""
    NOT_FOUND = "not-found"
    """No comparison ever succeeds."""

    # the plug
    UNPLUG = "unplug"
    """The module is pulled out; plugged in again when the fault is cleared."""
    UNPLUG_IN_IMAGE = "unplug-in-image"
    """It is pulled out in the middle of the next picture; plugged in again when cleared."""
    REPLUG_ELSEWHERE = "replug-elsewhere"
    """It is pulled out and comes back at once as another port."""


_NO_ANSWER = ("DEV-102", "DEV-201")
_UNREADABLE = ("DEV-102", "DEV-201", "DEV-202")
_NOTHING = "Nothing was captured in time"
_GONE = "The device is disconnected; the recording waits for it"

SERIAL_FAULTS: Final[Mapping[SerialFault, FaultNote]] = {
    SerialFault.SILENT: FaultNote("No command is answered", _NOTHING, _NO_ANSWER),
    SerialFault.SLOW: FaultNote(
        "Every answer comes 0.2 s late",
        "Everything takes longer; an enrolment may run out of time",
        ("DEV-201",),
    ),
    SerialFault.LATE_REPLY: FaultNote(
        "One answer comes after its deadline", _NOTHING, ("DEV-201",), once=True
    ),
    SerialFault.STUCK_BUSY: FaultNote(
        "The busy bit stays set; the sensor does not answer",
        "The finger module does not become free",
        ("DEV-201", "DEV-244"),
    ),
    SerialFault.POWER_UP: FaultNote(
        "The module restarts: deaf for 300 ms, then a byte 55", _NOTHING, _NO_ANSWER
    ),
    SerialFault.NOISE: FaultNote("Every answer is random bytes", _NOTHING, _UNREADABLE),
    SerialFault.TRUNCATED: FaultNote("Answers break off after nine bytes", _NOTHING, _NO_ANSWER),
    SerialFault.WRONG_CHECKSUM: FaultNote(
        "The checksum of every packet is wrong", "The device gave an unreadable answer", _UNREADABLE
    ),
    SerialFault.WRONG_LENGTH: FaultNote(
        "Every packet claims five bytes too many", _NOTHING, _UNREADABLE
    ),
    SerialFault.STRAY_BYTES: FaultNote("Stray bytes before every answer", "Nothing"),
    SerialFault.DUPLICATE_REPLY: FaultNote("Every acknowledge comes twice", "Nothing"),
    SerialFault.DROPPED_BYTES: FaultNote(
        "The USB bridge loses bytes of data packets", _NOTHING, ("DEV-201", "DEV-202")
    ),
    SerialFault.BAUD_MISMATCH: FaultNote("The module runs at another speed", _NOTHING, _UNREADABLE),
    SerialFault.WRONG_ADDRESS: FaultNote(
        "Answers come from another address", "The device gave an unreadable answer", _UNREADABLE
    ),
    SerialFault.WRONG_PASSWORD: FaultNote(
        "Somebody has set a password", "The finger module is locked by a password", ("DEV-243",)
    ),
    SerialFault.NOT_UNDERSTOOD: FaultNote(
        "Every command is answered 01", "The device gave an unreadable answer", _UNREADABLE
    ),
    SerialFault.FLASH_ERROR: FaultNote(
        "The flash refuses to be written", "The device refused the request", ("DEV-205",)
    ),
    SerialFault.KEPT_PAGE: FaultNote(
        "Deleting is confirmed and does nothing",
        "The finger module's library is not as expected",
        ("DEV-246",),
    ),
    SerialFault.OTHER_TEMPLATE_SIZE: FaultNote(
        "Templates have 768 bytes",
        "This finger template belongs to another module",
        ("DEV-245",),
    ),
    SerialFault.IMAGE_FAILED: FaultNote("The sensor answers 03", _NOTHING, ("DEV-201",)),
    SerialFault.MESSY_IMAGE: FaultNote("Img2Tz answers 06", _NOTHING, ("DEV-201",)),
    SerialFault.FEW_FEATURES: FaultNote("Img2Tz answers 07", _NOTHING, ("DEV-201",)),
    SerialFault.HALF_IMAGE: FaultNote(
        "The upload ends in its middle", "The device gave an unreadable answer", ("DEV-202",)
    ),
    SerialFault.STALE_IMAGE: FaultNote(
        "The image buffer keeps the last picture",
        "The finger module repeats an old picture",
        ("DEV-201", "DEV-241"),
    ),
    SerialFault.SWAPPED_NIBBLES: FaultNote(
        "The pixels of each byte are exchanged",
        "The finger module mixes up the pixels",
        ("DEV-242",),
    ),
    SerialFault.WRONG_FINGER: FaultNote(
        "Another finger lies there", "The finger does not match; no device error"
    ),
    SerialFault.NOT_FOUND: FaultNote(
        "No comparison succeeds", "The finger does not match; no device error"
    ),
    SerialFault.UNPLUG: FaultNote("The module is pulled out", _GONE, ("DEV-102", "DEV-103")),
    SerialFault.UNPLUG_IN_IMAGE: FaultNote(
        "It is pulled out in the middle of a picture", _GONE, ("DEV-102", "DEV-103")
    ),
    SerialFault.REPLUG_ELSEWHERE: FaultNote(
        "It comes back as another port", _GONE, ("DEV-102", "DEV-103"), once=True
    ),
}
