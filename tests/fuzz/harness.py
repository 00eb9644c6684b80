"""Throw damaged bytes at a parser: it may refuse, and nothing else.

Cases are made from good examples by a seeded mutator: flipped bits, cut and repeated pieces, lies
about lengths, spliced examples, noise. 20 000 cases a parser in every run; `make soak` sets
REKAM_FUZZ_CASES to a million. A slow parser takes a `share` of the cases in an ordinary run and
all of them in a soak.
"""

from __future__ import annotations

import os
import random
import signal
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TypeVar

CASES = int(os.environ.get("REKAM_FUZZ_CASES", "20000"))
SOAK_CASES = 1_000_000
"""From so many on, every parser gets all of them."""
HANG_S = 2.0
MEMORY_LIMIT_BYTES = 64 << 20
MEASURED_EVERY = 200
"""Memory is traced for one case in so many: tracing slows a parser down several times."""
GROWTH_LIMIT_BYTES = 256 << 20
"""What the process may grow by in one campaign: native decoders are not traced."""
LARGEST_NOISE = 600
MEMORY_TOLD = Path("/proc/self/statm")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

T = TypeVar("T")

Parser = Callable[[bytes], object]


class Hang(AssertionError):
    """A parser did not return."""


def share(parts: int) -> int:
    """Return the number of cases of a parser that is slow: one part of all, all in a soak."""
    return CASES if CASES >= SOAK_CASES else max(1, CASES // parts)


def mutations(examples: Sequence[bytes], cases: int, seed: int) -> Iterator[bytes]:
    """Yield `cases` damaged versions of the examples, the same ones for the same seed."""
    dice = random.Random(seed)  # noqa: S311  # reproducible, not secret
    for _ in range(cases):
        data = bytearray(dice.choice(examples))
        for _ in range(dice.randint(1, 4)):
            data = damage(data, examples, dice)
        yield bytes(data)


def damage(data: bytearray, examples: Sequence[bytes], dice: random.Random) -> bytearray:
    """Damage the bytes once, in place or anew; return them."""
    if not data:
        return bytearray(dice.randbytes(dice.randint(0, LARGEST_NOISE)))
    at = dice.randrange(len(data))
    match dice.randrange(9):
        case 0:
            data[at] ^= 1 << dice.randrange(8)
        case 1:
            data[at] = dice.choice((0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, dice.randrange(256)))
        case 2:
            del data[at:]
        case 3:
            del data[at : at + dice.randint(1, 16)]
        case 4:
            data[at:at] = data[at : at + dice.randint(1, 64)]
        case 5:
            data[at:at] = dice.randbytes(dice.randint(1, 16))
        case 6:
            size = dice.choice((2, 4))
            data[at : at + size] = dice.choice((0, 1, 2**15, 2 ** (8 * size) - 1)).to_bytes(
                size, dice.choice(("big", "little"))
            )
        case 7:
            other = dice.choice(examples)
            data[at:] = other[min(at, len(other)) :]
        case _:
            data = bytearray(dice.randbytes(dice.randint(0, LARGEST_NOISE)))
    return data


def fuzz(
    parse: Parser,
    examples: Sequence[bytes],
    refusals: tuple[type[Exception], ...],
    *,
    seed: int = 1,
    cases: int | None = None,
) -> int:
    """Feed a parser with damaged bytes; return how many cases it accepted.

    Raises:
        AssertionError: as `survive`.
    """
    count = CASES if cases is None else cases
    return survive(parse, mutations(examples, count, seed), refusals)


def survive(
    parse: Callable[[T], object], cases: Iterable[T], refusals: tuple[type[Exception], ...]
) -> int:
    """Feed a parser with ready cases; return how many it accepted.

    Raises:
        AssertionError: it raised something else than `refusals`, hung, took too much memory for
            one case, or let the process grow.
    """
    accepted = number = 0
    resident_bytes = resident()
    for number, case in enumerate(cases):
        measured = number % MEASURED_EVERY == 0
        if measured:
            _check_growth(resident_bytes, number)
        try:
            with _watched(measured):
                parse(case)
            accepted += 1
        except refusals:
            continue
        except Exception as error:
            shown = case.hex() if isinstance(case, bytes) else repr(case)
            raise AssertionError(
                f"case {number}: {type(error).__name__}: {error}; {shown[:400]}"
            ) from error
    _check_growth(resident_bytes, number)
    return accepted


def resident() -> int:
    """Return the bytes of memory that this process holds now, native ones included."""
    return int(MEMORY_TOLD.read_text("ascii").split()[1]) * PAGE_BYTES


def _check_growth(before: int, cases: int) -> None:
    grown = resident() - before
    assert grown < GROWTH_LIMIT_BYTES, f"{grown} bytes more after {cases} cases"


@contextmanager
def _watched(measured: bool) -> Iterator[None]:
    previous = signal.signal(signal.SIGALRM, _hung)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    if measured:
        tracemalloc.start()
    try:
        yield
        if measured:
            peak = tracemalloc.get_traced_memory()[1]
            assert peak < MEMORY_LIMIT_BYTES, f"{peak} bytes of memory for one case"
    finally:
        if measured:
            tracemalloc.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _hung(number: int, frame: FrameType | None) -> None:
    raise Hang(f"no return within {HANG_S} s")
