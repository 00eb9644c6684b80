"""The plan of a recording: which steps, in which order.

The default follows the KTP-el order: identity, portrait, right four fingers, left four, thumbs,
irises, an index finger once more, review, seal.
"""

from __future__ import annotations

from enum import StrEnum

from drivers.positions import Slap


class Step(StrEnum):
    """One step of the plan; the value is its stable id in journal, record and audit."""

    IDENTIFY = "identify"
    PORTRAIT = "portrait"
    RIGHT_FOUR = "right_four"
    LEFT_FOUR = "left_four"
    THUMBS = "thumbs"
    IRISES = "irises"
    VERIFICATION = "index_verification"
    REVIEW = "review"
    SEAL = "seal"


SLAP_OF = {
    Step.RIGHT_FOUR: Slap.RIGHT_FOUR,
    Step.LEFT_FOUR: Slap.LEFT_FOUR,
    Step.THUMBS: Slap.THUMBS,
}

CAPTURE_STEPS = (
    Step.PORTRAIT,
    Step.RIGHT_FOUR,
    Step.LEFT_FOUR,
    Step.THUMBS,
    Step.IRISES,
    Step.VERIFICATION,
)
"""The steps of the default plan that end with an accepted capture or an exception."""


class PlanBroken(ValueError):
    """The configured plan breaks a rule; the text names it."""


def check_plan(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return `steps` when they make a legal plan of capture steps.

    Raises:
        PlanBroken: a step is doubled, is no capture step, or comes before what it needs.
    """
    if len(set(steps)) != len(steps):
        raise PlanBroken("a step is listed twice")
    if foreign := [step for step in steps if step not in CAPTURE_STEPS]:
        raise PlanBroken(f"{foreign[0]} is not a capture step")
    if missing := [step for step in CAPTURE_STEPS if step not in steps]:
        raise PlanBroken(f"{missing[0]} is missing")
    if steps.index(Step.PORTRAIT) != 0:
        raise PlanBroken("the portrait comes before any finger or iris")
    slaps = max(steps.index(Step.RIGHT_FOUR), steps.index(Step.LEFT_FOUR))
    if steps.index(Step.VERIFICATION) < slaps:
        raise PlanBroken("the index verification needs both slaps before it")
    return steps
