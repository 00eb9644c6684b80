"""Invented biodata of a synthetic resident, with a region code that no register knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from simulators.people.seeds import derive

MALE: Final = "LAKI-LAKI"
FEMALE: Final = "PEREMPUAN"
PROVINCE_CODE: Final = "99"
PROVINCE: Final = "PROVINSI SIMULASI"

_EARLIEST_BIRTH = date(1955, 1, 1)
_LATEST_BIRTH = date(2004, 12, 31)
_GIVEN_NAMES = {
    MALE: ("ARVANDRA", "BAGORSA", "DAMARYO", "GALINTANG", "HARSUKMA", "JAYENDRO", "RADIVAN"),
    FEMALE: ("ANDARISTI", "CITRAYU", "DELIMARA", "KINARSIH", "LARASETI", "MELATINA", "SELWANGI"),
}
_FAMILY_NAMES = (
    *("ADIPRANOTA", "BRAMALOKA", "CANDRAWIRYA", "DIRGASETA", "GUNARWESI", "KARTALEGAWA"),
    *("MANGUNSERA", "NATAPRADA", "PURWALINGGA", "SASTRAGUNA", "TIRTALOKA", "WIRADESTA"),
)
# (regency code, regency, district code, district, village)
_REGIONS = (
    ("01", "KABUPATEN CONTOH UTARA", "01", "TANJUNG RANCAK", "SUMBER CONTOH"),
    ("01", "KABUPATEN CONTOH UTARA", "02", "BUKIT LARIK", "KARANG UJI"),
    ("02", "KABUPATEN CONTOH SELATAN", "01", "MUARA CONTOH", "TELAGA RUPA"),
    ("71", "KOTA CONTOH", "01", "CONTOH TENGAH", "TAMAN SIMULASI"),
)
_STREETS = ("JL. PERCOBAAN", "JL. PURWARUPA", "JL. MAYA RAYA", "JL. LATIHAN", "GANG UJI COBA")
_BLOOD_TYPES = ("A", "B", "AB", "O", "-")
_RELIGIONS = ("ISLAM", "KRISTEN", "KATHOLIK", "HINDU", "BUDDHA", "KHONGHUCU")
_MARITAL_STATUSES = ("BELUM KAWIN", "KAWIN", "CERAI HIDUP", "CERAI MATI")
_OCCUPATIONS = (
    *("PETANI/PEKEBUN", "KARYAWAN SWASTA", "GURU", "NELAYAN/PERIKANAN", "WIRASWASTA"),
    *("BURUH HARIAN LEPAS", "TUKANG JAHIT", "PENSIUNAN", "PERAWAT", "SOPIR"),
)


@dataclass(frozen=True, slots=True)
class Biodata:
    """What the register says of one resident; texts as they are printed on the card.

    `rt` and `rw` are three digits; `blood_type` is "-" when unknown; `citizenship` is "WNI".
    """

    nik: str
    full_name: str
    place_of_birth: str
    date_of_birth: date
    sex: str
    blood_type: str
    religion: str
    marital_status: str
    occupation: str
    address: str
    rt: str
    rw: str
    village: str
    district: str
    regency: str
    province: str
    citizenship: str

    def __repr__(self) -> str:
        return f"Biodata({self.nik[:2]}{'*' * (len(self.nik) - 2)})"

    def to_card_text(self) -> bytes:
        """Return the text of card file 6FF1: 21 quoted fields with commas between them, UTF-8.

        The order is the one that public KTP-el clients read; fields 16, 17, 18 and 20 have no
        publicly known meaning and are "-". Dates are day-month-year. Free of quotes inside fields.
        """
        fields = (
            *(self.nik, self.address, self.rt, self.rw, self.place_of_birth, self.district),
            *(self.village, self.regency, self.sex, self.blood_type, self.religion),
            *(self.marital_status, self.occupation, self.full_name),
            *(f"{self.date_of_birth:%d-%m-%Y}", self.province),
            *("-", "-", "-", self.citizenship, "-"),
        )
        return ",".join(f'"{text}"' for text in fields).encode()


def nik_of(prefix: str, date_of_birth: date, sex: str, serial: int) -> str:
    """Return the 16 digits of a NIK: region, DDMMYY with day + 40 for women, serial.

    Args:
        prefix: six digits of province, regency and district.
        date_of_birth: as registered.
        sex: `MALE` or `FEMALE`.
        serial: 1 to 9999.
    """
    day = date_of_birth.day + (40 if sex == FEMALE else 0)
    return f"{prefix}{day:02}{date_of_birth:%m%y}{serial:04}"


def invent_biodata(seed: int) -> Biodata:
    """Invent the biodata of an adult (born 1955 to 2004); the same seed gives the same person."""
    rng = np.random.default_rng(derive("biodata", seed))

    def one_of(choices: tuple[str, ...]) -> str:
        return choices[int(rng.integers(len(choices)))]

    sex = one_of((MALE, FEMALE))
    days = (_LATEST_BIRTH - _EARLIEST_BIRTH).days
    born = _EARLIEST_BIRTH + timedelta(days=int(rng.integers(days + 1)))
    regency_code, regency, district_code, district, village = _REGIONS[
        int(rng.integers(len(_REGIONS)))
    ]
    prefix = PROVINCE_CODE + regency_code + district_code
    return Biodata(
        nik=nik_of(prefix, born, sex, int(rng.integers(1, 10_000))),
        full_name=f"{one_of(_GIVEN_NAMES[sex])} {one_of(_FAMILY_NAMES)}",
        place_of_birth=regency.split(" ", 1)[1],
        date_of_birth=born,
        sex=sex,
        blood_type=one_of(_BLOOD_TYPES),
        religion=one_of(_RELIGIONS),
        marital_status=one_of(_MARITAL_STATUSES),
        occupation=one_of(_OCCUPATIONS),
        address=f"{one_of(_STREETS)} NO. {int(rng.integers(1, 200))}",
        rt=f"{int(rng.integers(1, 20)):03}",
        rw=f"{int(rng.integers(1, 12)):03}",
        village=village,
        district=district,
        regency=regency,
        province=PROVINCE,
        citizenship="WNI",
    )
