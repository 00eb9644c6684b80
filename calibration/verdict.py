"""The four verdicts of a measurement, from good to unusable."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a measurement says about its device.

    WARN is inside the limit and close to it, or worth a look; INVALID means that the measurement
    itself failed: it is neither PASS nor FAIL and never replaces an older result.
    """

    PASS = "pass"  # noqa: S105 - a verdict, no password
    WARN = "warn"
    FAIL = "fail"
    INVALID = "invalid"
