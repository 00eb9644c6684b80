"""Seeds by name: every random choice of the simulation has a name, not a place in an order."""

from __future__ import annotations

import hashlib


def derive(*parts: object) -> int:
    """Derive a seed in 0..2**64-1 from names, e.g. `derive("resident-7", "finger", 3)`.

    The names are joined by "/" and hashed by BLAKE2b with a digest of 8 bytes, big endian. Python's
    own `hash` is salted per process and would give another resident at every start.
    """
    name = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
