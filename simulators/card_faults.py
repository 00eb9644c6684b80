"""The named faults of simulated card readers, cards, access modules and of the card service."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from simulators.injection import FaultNote


class CardFault(StrEnum):
    """What goes wrong; grouped by what fails."""

    # the card and its contact
    SILENT = "silent-card"
    """Commands are never answered."""
    LATE = "late-answer"
    """Every command is answered, but later than any driver waits (6 s)."""
    SLOW = "slow-card"
    """Every command takes 0.3 s."""
    MUTE = "mute-card"
    """A card lies there and gives no answer to reset."""
    LINK_BROKEN = "link-broken"
    """The next command breaks the contact, until the card is laid down anew."""
    TORN_AWAY = "card-torn-away"
    """The card is taken away while a file is read."""
    SWAPPED = "card-swapped"
    """At the next command another card lies there, faster than a reader looks."""
    SWAPPED_BACK = "card-swapped-back"
    """Another card lies there for a moment inside a reading, then the first one again."""
    RESET = "card-reset"
    """Another program resets the card at the next command."""

    # the answer to reset
    GARBAGE_ATR = "garbage-atr"
    """The answer to reset is 00 01."""
    TRUNCATED_ATR = "truncated-atr"
    """The answer to reset ends in its interface bytes."""
    ATR_TOO_LONG = "atr-too-long"
    """The answer to reset has 35 bytes; 33 are allowed."""
    WRONG_TCK = "wrong-tck"
    """The check byte of the answer to reset is wrong."""

    # answers to commands
    SHORT_ANSWER = "short-answer"
    """Every piece of a file is one byte short."""
    LONG_ANSWER = "long-answer"
    """Every piece of a file is one byte too long."""
    EARLY_END = "early-end"
    """Every piece of a file ends half-way, and the card says that the file ends there."""
    NO_STATUS = "no-status"
    """Every piece of a file comes as one byte without a status word."""
    WRONG_STATUS = "wrong-status"
    """Reading a file is answered with 6F00."""
    ENDLESS_MORE = "endless-more"
    """Every answer announces another one (61FF)."""
    EMPTY_FILE = "empty-file"
    """Files say that they have no content."""
    HUGE_FILE = "huge-file"
    """Files say that they have 65,535 bytes."""
    FOREIGN_CARD = "foreign-card"
    """The card knows no directory and no file: it is a card of another kind."""

    # the reader
    UNPLUGGED = "reader-unplugged"
    """The reader is pulled out; it is plugged in again when the fault is cleared."""
    RENAMED = "reader-renamed"
    """The reader comes back under the name of another model."""
    HELD = "reader-held"
    """Another program holds the reader."""

    # the smart-card service
    SERVICE_KILLED = "pcscd-killed"
    """pcscd is killed; it is started again when the fault is cleared."""
    SERVICE_RESTARTED = "pcscd-restarted"
    """pcscd is killed and started again at once."""

    # the access module
    SAM_ABSENT = "sam-absent"
    """The slot of the access module is empty."""
    SAM_PULLED = "sam-pulled"
    """The access module is pulled out at its next command."""
    SAM_SILENT = "sam-silent"
    """The access module never answers."""
    SAM_REFUSING = "sam-refusing"
    """The access module refuses to be opened (6300)."""


_LIFT: Final = "Lift the card, wait a moment, put it back"
_LOST: Final = ("DEV-502", "DEV-511")

CARD_FAULTS: Final[Mapping[CardFault, FaultNote]] = MappingProxyType(
    {
        CardFault.SILENT: FaultNote(
            "the card takes commands and never answers",
            f"The card stopped answering. {_LIFT}",
            ("DEV-510", "DEV-511"),
        ),
        CardFault.LATE: FaultNote(
            "the card answers a command after 6 s, when nobody waits for it any more",
            f"The card stopped answering. {_LIFT}",
            ("DEV-510", "DEV-511"),
        ),
        CardFault.SLOW: FaultNote(
            "every command takes 0.3 s",
            "Reading takes long; where it takes too long, the operator is asked to try again",
            ("DEV-201", "DEV-511"),
        ),
        CardFault.MUTE: FaultNote(
            "a card lies there and gives no answer to reset",
            "The card gives no sign of life. Turn it over",
            ("DEV-508",),
        ),
        CardFault.LINK_BROKEN: FaultNote(
            "the contact breaks inside a command and stays broken until the card is laid anew",
            f"The card was moved while it was read. {_LIFT}",
            (*_LOST, "DEV-501"),
        ),
        CardFault.TORN_AWAY: FaultNote(
            "the card is taken away in the middle of a file",
            "The card was moved while it was read; nothing of it is kept",
            (*_LOST, "DEV-501"),
        ),
        CardFault.SWAPPED: FaultNote(
            "another card lies there at the next command, faster than the reader looks",
            "The card was moved while it was read; nothing of either card is kept",
            (*_LOST, "DEV-501", "DEV-513"),
        ),
        CardFault.SWAPPED_BACK: FaultNote(
            "another card lies there for a moment inside a reading, then the first one again",
            "The card was moved while it was read; nothing of either card is kept",
            (*_LOST, "DEV-501", "DEV-513"),
        ),
        CardFault.RESET: FaultNote(
            "another program resets the card inside a reading",
            "The card was moved or reset while it was read; nothing of it is kept",
            ("DEV-502", "DEV-512"),
            once=True,
        ),
        CardFault.GARBAGE_ATR: FaultNote(
            "the answer to reset is 00 01", "The card answers the reader wrongly", ("DEV-509",)
        ),
        CardFault.TRUNCATED_ATR: FaultNote(
            "the answer to reset ends in its interface bytes",
            "The card answers the reader wrongly, or gives no sign of life",
            ("DEV-508", "DEV-509"),
        ),
        CardFault.ATR_TOO_LONG: FaultNote(
            "the answer to reset has 35 bytes",
            "The card gives no sign of life: the reader cannot power it",
            ("DEV-508", "DEV-509"),
        ),
        CardFault.WRONG_TCK: FaultNote(
            "the check byte of the answer to reset is wrong; pcscd connects all the same",
            "The card answers the reader wrongly",
            ("DEV-509",),
        ),
        CardFault.SHORT_ANSWER: FaultNote(
            "every piece of a file is one byte short", "The card cannot be read", ("DEV-503",)
        ),
        CardFault.LONG_ANSWER: FaultNote(
            "every piece of a file is one byte too long", "The card cannot be read", ("DEV-503",)
        ),
        CardFault.EARLY_END: FaultNote(
            "every piece of a file ends half-way with 6282", "The card cannot be read", ("DEV-503",)
        ),
        CardFault.NO_STATUS: FaultNote(
            "an answer of one byte, without status word",
            f"The card was moved while it was read. {_LIFT}",
            _LOST,
        ),
        CardFault.WRONG_STATUS: FaultNote(
            "reading a file is answered with 6F00", "The card refused the request", ("DEV-205",)
        ),
        CardFault.ENDLESS_MORE: FaultNote(
            "every answer announces another one (61FF)", "The card cannot be read", ("DEV-503",)
        ),
        CardFault.EMPTY_FILE: FaultNote(
            "files say that they have no content", "The card cannot be read", ("DEV-503",)
        ),
        CardFault.HUGE_FILE: FaultNote(
            "files say that they have 65,535 bytes", "The card cannot be read", ("DEV-503",)
        ),
        CardFault.FOREIGN_CARD: FaultNote(
            "the card knows neither the directory nor the files of a KTP-el",
            "This is no identity card; the NIK is typed",
            ("DEV-205",),
        ),
        CardFault.UNPLUGGED: FaultNote(
            "the reader is pulled out of its socket",
            "The card reader is not plugged in; the desk goes on when it is back",
            ("DEV-504", "DEV-505"),
        ),
        CardFault.RENAMED: FaultNote(
            "the reader comes back as another model",
            "The card reader is not plugged in; the technician compares the configured name",
            ("DEV-504", "DEV-505"),
        ),
        CardFault.HELD: FaultNote(
            "another program holds the reader for itself",
            "Another program uses the card reader",
            ("DEV-507",),
        ),
        CardFault.SERVICE_KILLED: FaultNote(
            "pcscd is killed and does not come back by itself",
            "The smart-card service does not run; the desk goes on when it is back",
            ("DEV-504",),
        ),
        CardFault.SERVICE_RESTARTED: FaultNote(
            "pcscd is killed and started again at once",
            "The card reader is away for a moment and comes back by itself",
            ("DEV-504",),
            once=True,
        ),
        CardFault.SAM_ABSENT: FaultNote(
            "the slot of the access module is empty",
            "The access module (SAM) does not answer; only the photo can be read",
            ("DEV-516",),
        ),
        CardFault.SAM_PULLED: FaultNote(
            "the access module is pulled out at its next command",
            "The access module (SAM) does not answer; only the photo can be read",
            ("DEV-516",),
        ),
        CardFault.SAM_SILENT: FaultNote(
            "the access module takes commands and never answers",
            "The access module (SAM) does not answer",
            ("DEV-516", "DEV-511"),
        ),
        CardFault.SAM_REFUSING: FaultNote(
            "the access module refuses its opening data with 6300",
            "The access module (SAM) is not set up for this desk; only the photo can be read",
            ("DEV-205", "DEV-522", "DEV-523"),
        ),
    }
)

_SERVICE: Final = frozenset(
    {CardFault.RENAMED, CardFault.SERVICE_KILLED, CardFault.SERVICE_RESTARTED}
)
_MODULE: Final = frozenset(
    {CardFault.SAM_ABSENT, CardFault.SAM_PULLED, CardFault.SAM_SILENT, CardFault.SAM_REFUSING}
)


def loopback_faults(*, access_module: bool) -> dict[CardFault, FaultNote]:
    """Return what can fail on the loopback link; there is no service that could."""
    missing = _SERVICE | (frozenset() if access_module else _MODULE)
    return {fault: note for fault, note in CARD_FAULTS.items() if fault not in missing}


def pcsc_faults(*, access_module: bool) -> dict[CardFault, FaultNote]:
    """Return what can fail behind pcscd.

    There, a card that is held exclusively cannot be reset by another program.
    """
    missing = {CardFault.RESET} | (frozenset() if access_module else _MODULE)
    return {fault: note for fault, note in CARD_FAULTS.items() if fault not in missing}
