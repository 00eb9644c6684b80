"""What reading protected and signed cards needs besides a reader: access module, its data, roots.

A reader without any of it reads cards all the same, only not what is protected. So each part is
looked at when the configuration names it, and is bad when it cannot be used: a resident would find
out otherwise. The module itself is not asked to open: a genuine one may count the tries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from drivers.card.access import AccessSettings, CardAccess
from drivers.card.errors import AccessOpeningUnusable, AuthoritiesUnusable, SamMissing
from drivers.card.pcsc_results import match_reader
from drivers.card.sam_opening import OpeningFile
from drivers.errors import DeviceError
from station.commands.findings import Cause, CauseCode


@dataclass(frozen=True, slots=True)
class Trouble:
    """What would fail when a card is read, and why."""

    error: DeviceError
    cause: Cause


def find_troubles(
    role: str,
    settings: AccessSettings,
    facts: Mapping[str, object] | None,
    names_of: Callable[[], Sequence[str]],
) -> Iterator[Trouble]:
    """Look at everything that the configuration of a card reader names for protected cards.

    `facts` are those of the reader's self-test; None where the reader itself does not work, because
    then nothing can be said of the slot of the module. `names_of` returns the names of all readers.
    """
    slot = str(getattr(settings, "sam_reader", "") or getattr(settings, "sam_port", 0) or "")
    if slot or settings.sam_opening is not None:
        if (opening := opening_unusable(role, settings)) is not None:
            yield opening
        if not slot:
            yield no_slot(role)
        elif facts is not None and facts.get("access_module") == "absent":
            yield no_module(role, str(getattr(settings, "sam_reader", "")), names_of)
    if (authorities := authorities_unusable(role, settings)) is not None:
        yield authorities


def opening_unusable(role: str, settings: AccessSettings) -> Trouble | None:
    """The file with the opening data is absent, open to others, or holds something else."""
    try:
        OpeningFile(role, settings.sam_opening).load()
    except AccessOpeningUnusable as error:
        path = settings.sam_opening
        if path is None:
            found = "an access module is configured, and sam_opening names no file that opens it"
            action = "Name the file with its opening data in sam_opening."
        else:
            found = f"{path}: {error.detail.removeprefix('opening data: ')}"
            action = (
                "Put the file that came with the module there, owned by the user of the desk "
                f"(who also runs this doctor): chmod 600 {path}"
            )
        return Trouble(error, Cause(CauseCode.CARD_SAM_OPENING, found, action))
    return None


def no_slot(role: str) -> Trouble:
    """There are opening data and no slot whose module they could open."""
    found = "sam_opening is given, and sam_reader names no slot of an access module"
    action = "Write the name of its slot in sam_reader, or take sam_opening away."
    error = SamMissing(role, "no slot is configured")
    return Trouble(error, Cause(CauseCode.CARD_SAM_READER, found, action))


def no_module(role: str, wanted: str, names_of: Callable[[], Sequence[str]]) -> Trouble:
    """No reader, or several, fit `sam_reader`; or one does, and its slot is empty."""
    if wanted:
        names = names_of()
        try:
            match_reader(role, names, wanted)
        except DeviceError as error:
            there = ", ".join(names) or "none"
            found = f'sam_reader = "{wanted}": {error.detail}; there are: {there}'
            action = "Write the whole name of the slot of the access module in sam_reader."
            missing = SamMissing(role, error.detail)
            return Trouble(missing, Cause(CauseCode.CARD_SAM_READER, found, action))
    found = f"no access module in its slot {wanted}".rstrip()
    action = "Put the module in, contacts first; or correct sam_reader if it is in another slot."
    empty = SamMissing(role, "the slot is empty")
    return Trouble(empty, Cause(CauseCode.CARD_SAM_ABSENT, found, action))


def authorities_unusable(role: str, settings: AccessSettings) -> Trouble | None:
    """A certificate that vouches for signed cards is absent, closed to us, or none."""
    try:
        _ = CardAccess(role, settings).authorities
    except AuthoritiesUnusable as error:
        files = ", ".join(map(str, settings.document_authorities))
        found = f"document_authorities ({files}): {error.detail}"
        action = "Put the PEM certificate of the authority there, or take the entry away."
        return Trouble(error, Cause(CauseCode.CARD_AUTHORITIES, found, action))
    return None
