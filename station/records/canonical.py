"""JSON with exactly one spelling, for everything that is hashed or signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import rfc8785

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""What JSON can carry; tuples become lists."""


def canonical(value: Json) -> bytes:
    """Encode `value` as RFC 8785 canonical JSON.

    Raises:
        ValueError: a float (two programs may print it differently) or an integer beyond 2^53.
    """
    _forbid_floats(value)
    return rfc8785.dumps(value)


def _forbid_floats(value: Json) -> None:
    if isinstance(value, float):
        raise ValueError("a float has no canonical spelling here")
    if isinstance(value, Mapping):
        for child in value.values():
            _forbid_floats(child)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for child in value:
            _forbid_floats(child)
