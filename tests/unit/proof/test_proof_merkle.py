"""Merkle trees: every leaf opens, and nothing else does."""

from __future__ import annotations

import pytest

from protocols.hashing import digest
from protocols.proof.merkle import EMPTY, MerkleTree, climb, depth


def leaves(count: int) -> list[bytes]:
    return [digest("test", bytes([i])) for i in range(count)]


@pytest.mark.parametrize("count", range(1, 18))
def test_every_leaf_opens_at_its_own_place_only(count: int) -> None:
    tree = MerkleTree(leaves(count))
    for index, leaf in enumerate(leaves(count)):
        path = tree.path(index)
        assert len(path) == 32 * depth(count)
        opened = [
            place for place in range(1 << depth(count)) if climb(leaf, place, path) == tree.root
        ]
        assert opened == [index]


def test_the_root_by_hand() -> None:
    a, b, c = leaves(3)
    left, right = digest("peerd/merkle/node", a, b), digest("peerd/merkle/node", c, EMPTY)
    assert MerkleTree([a, b, c]).root == digest("peerd/merkle/node", left, right)


def test_a_changed_path_opens_nothing() -> None:
    tree = MerkleTree(leaves(5))
    path = tree.path(3)
    for position in range(len(path)):
        changed = bytearray(path)
        changed[position] ^= 1
        assert climb(leaves(5)[3], 3, bytes(changed)) != tree.root


@pytest.mark.parametrize("index", [-1, 5, 7])
def test_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        MerkleTree(leaves(5)).path(index)


def test_no_leaves() -> None:
    with pytest.raises(ValueError, match="at least one"):
        MerkleTree([])


def test_depths() -> None:
    assert [depth(n) for n in (1, 2, 3, 4, 5, 300, 512)] == [0, 1, 2, 2, 3, 9, 9]
