"""Whose finger is it: one print against many templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from station.biometrics.fingers.matching import SAME_FROM, FingerTemplate, compare

Who = TypeVar("Who")

CLEAR_LEAD: Final = 30
"""Points by which the best must lead, working value: two candidates that both look like the print
are somebody entered twice, or a print that fits anybody. To be measured again on consenting
people."""


@dataclass(frozen=True, slots=True)
class Identification(Generic[Who]):
    """The best candidate of a search and how sure it is.

    `score` and `runner_up` are bozorth3 scores, 0 upwards; `runner_up` is 0 for a single candidate.
    """

    who: Who
    score: int
    runner_up: int
    threshold: int

    @property
    def is_found(self) -> bool:
        """Whether the best reaches the threshold and clearly leads the next."""
        return self.score >= self.threshold and self.score - self.runner_up >= CLEAR_LEAD


def identify(
    probe: FingerTemplate,
    candidates: Mapping[Who, FingerTemplate],
    *,
    threshold: int = SAME_FROM,
    score: Callable[[FingerTemplate, FingerTemplate], int] = compare,
) -> Identification[Who] | None:
    """Compare a print with every candidate; None when there are none.

    All are compared, also after a good one: the runner-up says whether the best is alone. Equal
    scores keep the order of `candidates`. 4 to 60 ms a candidate.

    Args:
        probe: the print that is asked about.
        candidates: whoever it may be.
        threshold: lowest score of the same finger; a search makes as many comparisons as there are
            candidates, so that more of them need a higher one.
        score: compares two templates.
    """
    scored = [(score(probe, template), who) for who, template in candidates.items()]
    if not scored:
        return None
    scored.sort(key=lambda entry: -entry[0])
    best, who = scored[0]
    return Identification(who, best, scored[1][0] if len(scored) > 1 else 0, threshold)
