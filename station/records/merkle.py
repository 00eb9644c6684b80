"""The Merkle tree of the audit log; values in, values out.

Source: RFC 6962 section 2.1 and RFC 9162 section 2.1.1 for the hashes; the compact range is one
hash for every complete subtree, the largest first, so appending costs O(log n).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

HASH_BYTES: Final = 32


def leaf_hash(body: bytes) -> bytes:
    """Hash one leaf."""
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The tree after `size` leaves, as its compact range."""

    size: int = 0
    hashes: tuple[bytes, ...] = field(default=(), repr=False)

    def append(self, body: bytes) -> Frontier:
        """Return the tree with one more leaf."""
        current = leaf_hash(body)
        hashes = list(self.hashes)
        size = self.size
        while size & 1:
            current = node_hash(hashes.pop(), current)
            size >>= 1
        return Frontier(self.size + 1, (*hashes, current))

    @property
    def root(self) -> bytes:
        """The 32-byte root; SHA-256 of nothing for the empty tree."""
        if not self.hashes:
            return hashlib.sha256(b"").digest()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    @property
    def packed(self) -> bytes:
        """The compact range as it is stored beside a leaf."""
        return b"".join(self.hashes)


def unpack_frontier(size: int, packed: bytes) -> Frontier:
    """Read a stored compact range.

    Raises:
        ValueError: a tree of `size` leaves has another number of subtrees.
    """
    if len(packed) != size.bit_count() * HASH_BYTES:
        raise ValueError(f"{len(packed)} bytes are no compact range of {size} leaves")
    starts = range(0, len(packed), HASH_BYTES)
    return Frontier(size, tuple(packed[start : start + HASH_BYTES] for start in starts))
