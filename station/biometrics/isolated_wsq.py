"""Decode WSQ in a process of its own.

The decoder of the `wsq` package (NBIS in C) frees memory twice on some damaged inputs, which kills
the process it runs in, and prints on standard error, which would tear the operator's screen.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import Final

import numpy as np
from numpy.typing import NDArray

DECODE_TIMEOUT_S: Final = 20.0

_PROGRAM: Final = """
import struct, sys, _wsq
pixels, width, height, ppi = _wsq.decompress(sys.stdin.buffer.read())
sys.stdout.buffer.write(struct.pack(">II", width, height) + pixels)
"""


class DamagedWsq(Exception):
    """The decoder refused the bytes, crashed on them or did not end."""


def decode_wsq(data: bytes) -> NDArray[np.uint8]:
    """Decode one WSQ image to (height, width) uint8; about 50 ms more than the decoding itself.

    Raises:
        DamagedWsq: not a decodable WSQ image.
    """
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and our own constant program
            [sys.executable, "-I", "-c", _PROGRAM],
            input=data,
            capture_output=True,
            timeout=DECODE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DamagedWsq(f"decoder did not end within {DECODE_TIMEOUT_S:.0f} s") from error
    if child.returncode != 0 or len(child.stdout) < 8:
        raise DamagedWsq(f"decoder ended with {child.returncode}")
    width, height = struct.unpack_from(">II", child.stdout)
    if len(child.stdout) != 8 + width * height:
        raise DamagedWsq(f"decoder gave {len(child.stdout) - 8} bytes for {width} x {height}")
    return np.frombuffer(child.stdout, np.uint8, offset=8).reshape(height, width).copy()
