from __future__ import annotations

import pytest

from station.domain.biodata import Biodata
from station.domain.plan import CAPTURE_STEPS, PlanBroken, Step, check_plan


def test_default_plan_is_legal() -> None:
    assert check_plan(CAPTURE_STEPS) == CAPTURE_STEPS


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ((*CAPTURE_STEPS, Step.IRISES), "twice"),
        ((*CAPTURE_STEPS, Step.SEAL), "not a capture step"),
        (CAPTURE_STEPS[:-1], "missing"),
        ((Step.RIGHT_FOUR, Step.PORTRAIT, *CAPTURE_STEPS[2:]), "portrait"),
        ((Step.PORTRAIT, Step.VERIFICATION, *CAPTURE_STEPS[1:-1]), "needs both slaps"),
    ],
)
def test_broken_plans_say_why(steps: tuple[Step, ...], why: str) -> None:
    with pytest.raises(PlanBroken, match=why):
        check_plan(steps)


def test_biodata_is_cleaned_and_keeps_the_reading_order() -> None:
    biodata = Biodata.of(
        "card", {"full_name": "SITI\x1b[31m \u202eAMINAH", "nik": "1", "unknown": "x", "rt": ""}
    )
    assert list(biodata.values) == ["nik", "full_name"]
    assert biodata.name == "SITI[31m AMINAH"


def test_printing_biodata_shows_no_value() -> None:
    assert "SITI" not in repr(Biodata.of("typed", {"full_name": "SITI"}))
