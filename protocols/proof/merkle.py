"""Merkle trees of fixed depth over leaf hashes.

The depth follows from the number of leaves, so a path has one possible length; inner nodes have a
domain of their own, so no leaf can pass for a node. Missing leaves are one constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from protocols.hashing import DIGEST_BYTES, digest

NODE_DOMAIN = "peerd/merkle/node"
EMPTY = digest("peerd/merkle/empty")

# digest(NODE_DOMAIN, left, right) with its framing precomputed: a member climbs thousands of paths
# a round, and the framing would cost more than the hash. A test holds the two equal.
_LENGTH = DIGEST_BYTES.to_bytes(8, "little")
_HEAD = len(NODE_DOMAIN).to_bytes(2, "little") + NODE_DOMAIN.encode() + _LENGTH


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_HEAD + left + _LENGTH + right).digest()


def depth(leaves: int) -> int:
    """Levels above the leaves: a path takes 32 * depth bytes."""
    return max(leaves - 1, 0).bit_length()


class MerkleTree:
    """The tree over ``leaves`` (32-byte hashes, at least one)."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        if not leaves:
            raise ValueError("a Merkle tree has at least one leaf")
        level = list(leaves)
        empty = EMPTY
        self._levels = [level]
        for _ in range(depth(len(leaves))):
            if len(level) % 2:
                level = [*level, empty]
            pairs = zip(level[::2], level[1::2], strict=True)
            level = [_node(left, right) for left, right in pairs]
            empty = _node(empty, empty)
            self._levels.append(level)
        self._empty = [EMPTY]
        for _ in self._levels[1:]:
            self._empty.append(_node(self._empty[-1], self._empty[-1]))

    @property
    def root(self) -> bytes:
        return self._levels[-1][0]

    def path(self, index: int) -> bytes:
        """The siblings from the leaf up, 32 bytes each. Raises IndexError."""
        if not 0 <= index < len(self._levels[0]):
            raise IndexError(f"leaf {index} of {len(self._levels[0])}")
        siblings = []
        for level, empty in zip(self._levels[:-1], self._empty, strict=False):
            sibling = index ^ 1
            siblings.append(level[sibling] if sibling < len(level) else empty)
            index >>= 1
        return b"".join(siblings)


def climb(leaf: bytes, index: int, path: bytes) -> bytes:
    """The root that ``path`` leads to from ``leaf`` at ``index``.

    The caller checks that the path has the tree's depth.
    """
    node = leaf
    for start in range(0, len(path), DIGEST_BYTES):
        sibling = path[start : start + DIGEST_BYTES]
        node = _node(sibling, node) if index & 1 else _node(node, sibling)
        index >>= 1
    return node
