"""The catalogue of messages: every error code with what happened and what the operator does.

Sentences are for people at the desk: cause first, then one action, no blame, at most 80 characters.
Guidance about poor captures stands in `station.guidance`. Every code here also has a line in
`docs/reference/errors.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from station.device_messages import DEVICES
from station.guidance import GUIDANCE, Text
from station.i18n import N_

__all__ = ["ERRORS", "GUIDANCE", "INTERNAL_ERROR", "Text", "explain", "guidance"]

Translate = Callable[[str], str]

INTERNAL_ERROR = "APP-901"
"""Shown for an exception that nobody translated: a bug."""

UNKNOWN = Text(
    N_("An error without an explanation in this version"),
    N_("Note the code and call the technician"),
)
_CALL = N_("Call the supervisor and read out the code")

_CARD = {
    "CARD-101": Text(N_("This desk has no card reader"), N_("Type the NIK")),
    "CARD-103": Text(
        N_("The signature of this card is not valid"),
        N_("Compare with the family card; call the supervisor"),
    ),
    "CARD-104": Text(
        N_("This is a test card of the simulation"), N_("Ask for the resident's own card")
    ),
    "CARD-105": Text(
        N_("Nobody vouches for the data of this card"),
        N_("Compare every field with the family card"),
    ),
    "CARD-102": Text(N_("The card gives its data only to a reader with a SAM"), N_("Type the NIK")),
}

_NIK = {
    "NIK-101": Text(N_("A NIK has 16 digits"), N_("Compare with the family card and type again")),
    "NIK-102": Text(N_("The day in the NIK does not exist"), N_("Check digits 7 and 8")),
    "NIK-103": Text(N_("The month in the NIK does not exist"), N_("Check digits 9 and 10")),
    "NIK-104": Text(N_("The birth date in the NIK does not exist"), N_("Check digits 7 to 12")),
    "NIK-105": Text(N_("The last four digits cannot be 0000"), N_("Check the last four digits")),
    "NIK-201": Text(N_("Unknown NIK region code"), N_("Check with the family card, then go on")),
}

_STATION = {
    "STN-000": Text(N_("The station reports an error"), _CALL),
    "CFG-001": Text(N_("The configuration cannot be used"), N_("Call the technician")),
    "CFG-002": Text(
        N_("The texts of this language are not installed"),
        N_("Technician: run `make setup`"),
    ),
    "WF-001": Text(N_("This is not possible now"), N_("Go back and try again; note the code")),
    "BIO-101": Text(
        N_("The capture could not be judged"),
        N_("Capture again; call the technician if it happens again"),
    ),
    "BIO-102": Text(
        N_("No index finger was captured to compare with"),
        N_("Make an exception for this step (F8)"),
    ),
    "WF-101": Text(
        N_("All choices for this step were tried without a usable capture"),
        N_("Go on at the desk: a person has to decide"),
    ),
    "SIM-101": Text(
        N_("The simulated desk did not start or does not answer"),
        N_("Correct what is named, then start the demonstration again"),
    ),
    "SIM-102": Text(
        N_("The unfinished recording belongs to another simulated world"),
        N_("Start the demonstration with the options named"),
    ),
    "SIM-103": Text(
        N_("The note of who sits at the simulated desk is damaged"),
        N_("Delete the file named; cancel a recording that was left open"),
    ),
    "CLI-101": Text(
        N_("These options do not go together"), N_("Correct the command, then run it again")
    ),
    "CLI-102": Text(
        N_("The file to be written exists already"), N_("Give the name of a file that is not there")
    ),
    INTERNAL_ERROR: Text(N_("Internal error in the program"), _CALL),
}

_STORE = {
    "ST-001": Text(N_("The local store reports an error"), _CALL),
    "ST-101": Text(
        N_("The disk is full"), N_("Keep the desk on; call the technician to free space")
    ),
    "ST-102": Text(
        N_("The disk did not confirm the last write"),
        N_("Do not switch off; call the technician"),
    ),
    "ST-103": Text(
        N_("Too little disk space for a new recording"), N_("Call the technician to free space")
    ),
    "ST-201": Text(
        N_("The unfinished recording is damaged"), N_("Do not delete it; call the supervisor")
    ),
    "ST-202": Text(N_("This recording was begun before"), N_("Go on with it from the home screen")),
    "ST-203": Text(
        N_("The unfinished recording belongs to another key"), N_("Call the supervisor")
    ),
    "ST-211": Text(
        N_("An unfinished recording cannot be read"),
        N_("Record the resident anew; keep the files for the technician"),
    ),
    "ST-212": Text(
        N_("An accepted capture is missing from the journal"),
        N_("Keep the desk as it is and call the technician"),
    ),
    "ST-301": Text(
        N_("Another program on this computer is recording"), N_("Close the other program")
    ),
    "ST-302": Text(N_("This record is already sealed"), N_("Do not seal again; note the code")),
    "ST-303": Text(N_("There is no such record here"), N_("Check the record number")),
    "ST-304": Text(
        N_("The index of the records is damaged"), N_("Do not record; call the technician")
    ),
    "ST-305": Text(
        N_("An entry of the log was refused: it may name a person"), N_("Call the technician")
    ),
}

_SECURITY = {
    "SEC-001": Text(N_("A security check reports an error"), _CALL),
    "SEC-101": Text(N_("The record was changed or is damaged"), _CALL),
    "SEC-102": Text(N_("A signature is not valid"), _CALL),
    "SEC-103": Text(N_("Data differ from their recorded hash"), _CALL),
    "SEC-104": Text(N_("The record is not built as it must be"), _CALL),
    "SEC-105": Text(N_("The file is not a sealed record"), N_("Choose another file")),
    "SEC-106": Text(
        N_("The record is sealed for another recipient"), N_("Use the key of the recipient")
    ),
    "SEC-107": Text(N_("The signer of the record is not known"), _CALL),
    "SEC-108": Text(
        N_("The file of the record cannot be read"), N_("Check the medium; note the code")
    ),
    "SEC-201": Text(N_("A key of the station is missing"), N_("Call the technician")),
    "SEC-202": Text(
        N_("Others may read or change files of the station"),
        N_("Do not record; call the technician"),
    ),
    "SEC-203": Text(N_("A key of the station cannot be used"), N_("Call the technician")),
    "SEC-204": Text(
        N_("A certificate is not valid at this time"), N_("Check the clock; call the technician")
    ),
    "SEC-205": Text(N_("Key and certificate do not belong together"), N_("Call the technician")),
    "SEC-301": Text(
        N_("The audit log cannot be continued"), N_("Do not record; call the supervisor")
    ),
}

ERRORS: Mapping[str, Text] = MappingProxyType(
    {**DEVICES, **_CARD, **_NIK, **_STATION, **_STORE, **_SECURITY}
)
"""Code to what happened and what to do."""


def explain(code: str, translate: Translate) -> tuple[str, str]:
    """Return message and action of an error code in the translator's language.

    A code that this version does not know gets a text that says just that.
    """
    text = ERRORS.get(code, UNKNOWN)
    return translate(text.message), translate(text.action)


def guidance(finding: str, translate: Translate) -> tuple[str, str]:
    """Return what was seen and what to say or do for a finding."""
    text = GUIDANCE.get(finding, UNKNOWN)
    return translate(text.message), translate(text.action)
