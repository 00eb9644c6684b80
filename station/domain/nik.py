"""The national identity number (NIK): sixteen digits, PPKKCC DDMMYY SSSS, no check digit.

PPKKCC is the region of the first registration, DDMMYY the date of birth with 40 added to a woman's
day, SSSS a serial number. A NIK never changes, so old region codes are never refused.
Source: PP 40/2019 article 30 and the structure published by the civil registry.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from enum import StrEnum

LENGTH = 16
WOMAN_DAY_OFFSET = 40
CENTURIES = (1900, 2000)

PROVINCES = {
    "11": "Aceh",
    "12": "Sumatera Utara",
    "13": "Sumatera Barat",
    "14": "Riau",
    "15": "Jambi",
    "16": "Sumatera Selatan",
    "17": "Bengkulu",
    "18": "Lampung",
    "19": "Kepulauan Bangka Belitung",
    "21": "Kepulauan Riau",
    "31": "DKI Jakarta",
    "32": "Jawa Barat",
    "33": "Jawa Tengah",
    "34": "DI Yogyakarta",
    "35": "Jawa Timur",
    "36": "Banten",
    "51": "Bali",
    "52": "Nusa Tenggara Barat",
    "53": "Nusa Tenggara Timur",
    "61": "Kalimantan Barat",
    "62": "Kalimantan Tengah",
    "63": "Kalimantan Selatan",
    "64": "Kalimantan Timur",
    "65": "Kalimantan Utara",
    "71": "Sulawesi Utara",
    "72": "Sulawesi Tengah",
    "73": "Sulawesi Selatan",
    "74": "Sulawesi Tenggara",
    "75": "Gorontalo",
    "76": "Sulawesi Barat",
    "81": "Maluku",
    "82": "Maluku Utara",
    "91": "Papua",
    "92": "Papua Barat",
    "93": "Papua Selatan",
    "94": "Papua Tengah",
    "95": "Papua Pegunungan",
    "96": "Papua Barat Daya",
}
"""First two digits of a NIK to the province of first registration."""


class NikFinding(StrEnum):
    """What is wrong or worth confirming; the value is the code shown to the operator."""

    NOT_SIXTEEN_DIGITS = "NIK-101"
    IMPOSSIBLE_DAY = "NIK-102"
    IMPOSSIBLE_MONTH = "NIK-103"
    IMPOSSIBLE_DATE = "NIK-104"
    SERIAL_ZERO = "NIK-105"
    UNKNOWN_PROVINCE = "NIK-201"

    @property
    def is_error(self) -> bool:
        """Whether the number cannot be a NIK; the others are confirmed and logged."""
        return self.value < "NIK-200"


@dataclass(frozen=True, slots=True, repr=False)
class Nik:
    """A well-formed NIK; printing it shows two digits at either end of nothing else."""

    digits: str

    @property
    def masked(self) -> str:
        """First two and last four digits, as every screen but the biodata step shows it."""
        return f"{self.digits[:2]}**********{self.digits[-4:]}"

    @property
    def is_woman(self) -> bool:
        """Whether the day of birth carries the offset of women."""
        return int(self.digits[6:8]) > WOMAN_DAY_OFFSET

    def __repr__(self) -> str:
        return f"Nik({self.masked[:2]}**************)"


@dataclass(frozen=True, slots=True)
class NikCheck:
    """Result of reading a NIK: the number, when it can be one, and what was found."""

    nik: Nik | None
    findings: tuple[NikFinding, ...]


def check_nik(text: str) -> NikCheck:
    """Read what was typed or scanned; spaces, dots and dashes between digits are let pass."""
    digits = "".join(c for c in text.strip() if c not in " .-")
    if len(digits) != LENGTH or not (digits.isascii() and digits.isdigit()):
        return NikCheck(None, (NikFinding.NOT_SIXTEEN_DIGITS,))
    findings = [*_date_findings(digits)]
    if digits[12:] == "0000":
        findings.append(NikFinding.SERIAL_ZERO)
    if digits[:2] not in PROVINCES:
        findings.append(NikFinding.UNKNOWN_PROVINCE)
    wrong = any(finding.is_error for finding in findings)
    return NikCheck(None if wrong else Nik(digits), tuple(findings))


def _date_findings(digits: str) -> list[NikFinding]:
    day, month, year = int(digits[6:8]), int(digits[8:10]), int(digits[10:12])
    if day > WOMAN_DAY_OFFSET:
        day -= WOMAN_DAY_OFFSET
    if not 1 <= day <= 31:
        return [NikFinding.IMPOSSIBLE_DAY]
    if not 1 <= month <= 12:
        return [NikFinding.IMPOSSIBLE_MONTH]
    if not any(day <= monthrange(century + year, month)[1] for century in CENTURIES):
        return [NikFinding.IMPOSSIBLE_DATE]
    return []
