"""Throw damaged bytes at a parser: it may refuse, and nothing else.

Cases are made from good examples by a seeded mutator: flipped bits, cut and repeated pieces, lies
about lengths, spliced examples, noise. 20 000 cases a parser in every run; `make soak` sets
REKAM_FUZZ_CASES to a million.
"""

from __future__ import annotations

import os
import random
import signal
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

CASES = int(os.environ.get("REKAM_FUZZ_CASES", "20000"))
HANG_S = 2.0
MEMORY_LIMIT_BYTES = 64 << 20
MEASURED_EVERY = 200
"""Memory is traced for one case in so many: tracing slows a parser down several times."""
LARGEST_NOISE = 600

Parser = Callable[[bytes], object]


class Hang(AssertionError):
    """A parser did not return."""


def mutations(examples: Sequence[bytes], cases: int, seed: int) -> Iterator[bytes]:
    """Yield `cases` damaged versions of the examples, the same ones for the same seed."""
    dice = random.Random(seed)  # noqa: S311  # reproducible, not secret
    for _ in range(cases):
        data = bytearray(dice.choice(examples))
        for _ in range(dice.randint(1, 4)):
            data = _damage(data, examples, dice)
        yield bytes(data)


def _damage(data: bytearray, examples: Sequence[bytes], dice: random.Random) -> bytearray:
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
    """Feed a parser; return how many cases it accepted.

    Raises:
        AssertionError: it raised something else than `refusals`, hung, or took too much memory.
    """
    accepted = 0
    for number, data in enumerate(mutations(examples, CASES if cases is None else cases, seed)):
        measured = number % MEASURED_EVERY == 0
        try:
            with _watched(measured):
                parse(data)
            accepted += 1
        except refusals:
            continue
        except Exception as error:
            raise AssertionError(
                f"case {number} of seed {seed}: {type(error).__name__}: {error}; {data.hex()[:400]}"
            ) from error
    return accepted


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
