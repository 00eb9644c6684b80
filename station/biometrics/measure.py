"""A number that carries its name, unit, source and limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """One measured value.

    `source` names the standard, library or working value the measure comes from. `limit` is the
    worst value that still passes, None where the value only informs. `upper_limit` turns the limit
    into a range: `limit` is then its lower end.
    """

    name: str
    value: float
    unit: str
    source: str
    limit: float | None = None
    higher_is_better: bool = True
    upper_limit: float | None = None

    @property
    def passes(self) -> bool:
        """Whether the value keeps its limit; a value without limit passes, NaN never does."""
        if self.upper_limit is not None and not self.value <= self.upper_limit:
            return False
        if self.limit is None:
            return True
        if self.higher_is_better:
            return self.value >= self.limit
        return self.value <= self.limit
