"""The faults of a camera's wire: what goes wrong, and what the operator sees of it.

The same names hold for the colour stream and the grey one. A picture that is poor and honestly
delivered is no error of the driver: it is for the judge, and for the technician's self-test.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from simulators.injection import FaultNote


class CameraFault(StrEnum):
    """What goes wrong with a camera or its line."""

    STALLED = "stalled"
    """Connections are accepted and kept, and no data comes."""
    CLOSING = "closing"
    """The camera ends every stream, and each new one after its header."""
    REFUSING = "refusing"
    """Running streams end, new ones are answered by 503."""
    UNPLUG = "unplug"
    """The cable is out; clearing the fault plugs it in again."""
    REPLUG = "replug"
    """The cable is pulled out and plugged in again half a second later."""
    SLOW_OPEN = "slow-open"
    """The camera starts anew and answers no opening for 1.2 s."""
    SLOW = "slow"
    """Every picture trickles in, a few bytes at a time, and never ends in time."""
    LATE = "late"
    """Every picture arrives 0.3 s late, at an unchanged rate."""
    FROZEN = "frozen"
    """The same picture again and again, with a fresh transport."""
    STALE = "stale"
    """One picture in three is an old one, sent again."""
    DUPLICATED = "duplicated"
    """Every picture comes twice."""
    DROPPED = "dropped"
    """More than half of the pictures do not come."""
    GARBLED = "garbled"
    """Only the first half of every picture comes, with a length that agrees."""
    TRUNCATED = "truncated"
    """The connection ends in the middle of every picture."""
    GARBAGE = "garbage"
    """Random bytes come instead of pictures."""
    SPOILED = "spoiled"
    """Some bytes in the middle of every picture are wrong."""
    ENDLESS_HEADER = "endless-header"
    """The header of the next picture never ends."""
    WRONG_CONTENT = "wrong-content"
    """The camera has lost its set-up and shows a log-in page instead of its stream."""
    WRONG_SIZE = "wrong-size"
    """Pictures have half the width and height."""
    TEARING = "tearing"
    """The lower part of every second picture is displaced sideways."""
    BLACK = "black"
    """The lens cap is on."""
    OVEREXPOSED = "overexposed"
    """The sun shines into the lens."""
    FLICKER = "flicker"
    """Lamps draw bands that drift through the picture."""
    DEFOCUS = "defocus"
    """The lens has lost its focus."""
    WRONG_PERSON = "wrong-person"
    """Somebody else is before the camera."""
    NOBODY = "nobody"
    """The place before the camera is empty."""


_STOPPED = ("DEV-261",)
_FROZEN = ("DEV-262",)
_BROKEN = ("DEV-263",)
_GONE = ("DEV-103",)
_STANDS_STILL = "The picture of the camera stands still; it comes back by itself"
_DISCONNECTED = "The device was disconnected; it is usable again when the camera is back"
_ARRIVES_BROKEN = "The pictures of the camera arrive broken"
_JUDGED = "The judge finds it in the picture"
_COUNTED = "Nothing; the self-test counts them"

CAMERA_FAULTS: Final[Mapping[CameraFault, FaultNote]] = MappingProxyType(
    {
        CameraFault.STALLED: FaultNote("Accepts and sends nothing", _STANDS_STILL, _STOPPED),
        CameraFault.CLOSING: FaultNote("Ends every stream", _DISCONNECTED, (*_GONE, *_BROKEN)),
        CameraFault.REFUSING: FaultNote("Answers 503 to everybody", _DISCONNECTED, _GONE),
        CameraFault.UNPLUG: FaultNote("The cable is out", _DISCONNECTED, _GONE),
        CameraFault.REPLUG: FaultNote(
            "The cable is out for half a second", _DISCONNECTED, _GONE, once=True
        ),
        CameraFault.SLOW_OPEN: FaultNote("Starts anew, for 1.2 s", _STANDS_STILL, _STOPPED),
        CameraFault.SLOW: FaultNote("Pictures trickle in", _STANDS_STILL, _STOPPED),
        CameraFault.LATE: FaultNote(
            "Pictures come 0.3 s late at full rate", "The picture follows the resident slowly"
        ),
        CameraFault.FROZEN: FaultNote(
            "The same picture for ever", "The camera repeats an old picture", _FROZEN
        ),
        CameraFault.STALE: FaultNote("Old pictures come between new ones", _COUNTED),
        CameraFault.DUPLICATED: FaultNote("Every picture comes twice", _COUNTED),
        CameraFault.DROPPED: FaultNote(
            "More than half of the pictures do not come",
            "The picture jerks; the self-test counts what is missing",
        ),
        CameraFault.GARBLED: FaultNote("Half pictures", _ARRIVES_BROKEN, _BROKEN),
        CameraFault.TRUNCATED: FaultNote("Streams end in a picture", _ARRIVES_BROKEN, _BROKEN),
        CameraFault.GARBAGE: FaultNote(
            "Random bytes", f"{_ARRIVES_BROKEN}; on a grey stream the judge finds it", _BROKEN
        ),
        CameraFault.SPOILED: FaultNote("Wrong bytes within pictures", _JUDGED),
        CameraFault.ENDLESS_HEADER: FaultNote("A header without end", _STANDS_STILL, _STOPPED),
        CameraFault.WRONG_CONTENT: FaultNote(
            "A log-in page instead of the stream", _DISCONNECTED, _GONE
        ),
        CameraFault.WRONG_SIZE: FaultNote("Half width and height", _ARRIVES_BROKEN, _BROKEN),
        CameraFault.TEARING: FaultNote(
            "Two pictures put together", "Nothing; torn pictures are left out of the burst"
        ),
        CameraFault.BLACK: FaultNote("Lens cap", _JUDGED),
        CameraFault.OVEREXPOSED: FaultNote("Sun in the lens", _JUDGED),
        CameraFault.FLICKER: FaultNote("Bands of lamps", "Bands drift; the self-test fails"),
        CameraFault.DEFOCUS: FaultNote("Out of focus", _JUDGED),
        CameraFault.WRONG_PERSON: FaultNote("Somebody else", _JUDGED),
        CameraFault.NOBODY: FaultNote("An empty chair", _JUDGED),
    }
)
