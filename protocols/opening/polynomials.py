"""The opened polynomials: bytes, values, and the Merkle tree that the certificate binds.

docs/protocol.md §6. Polynomial l has delta + 1 coefficients, lowest degree first; its value at
slot s is the opened sum of the value that the relation's layout puts there. Only the polynomials of
opened segments are summed, and behind them those of the coin: L below counts these. A leaf holds
one where they are few; with a leaf for each of a million hashing would be dearer than all else that
an opening does.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from protocols.errors import WireError
from protocols.field import Elements
from protocols.hashing import DIGEST_BYTES, digest, digest_each
from protocols.proof.challenge import windows
from protocols.proof.merkle import MerkleTree, climb, depth
from protocols.proof.shape import DealingShape
from protocols.version import V3

MAX_LEAVES = 1 << 12
LEAF_DOMAIN = "peerd/opening/polynomial"


def leaf_polynomials(shape: DealingShape) -> int:
    """How many polynomials lie under a leaf; the last one may have fewer."""
    if shape.version < V3:
        return 1
    return max(1, -(-shape.certified_polynomials // MAX_LEAVES))


def polynomial_bytes(shape: DealingShape) -> int:
    """Bytes of one polynomial: delta + 1 elements."""
    return (shape.sharing.degree + 1) * shape.field.element_bytes


def encode_polynomials(shape: DealingShape, polynomials: Elements) -> bytes:
    """The canonical bytes of (L, delta + 1) coefficients, polynomial by polynomial."""
    expected = (shape.certified_polynomials, shape.sharing.degree + 1)
    if polynomials.shape != expected:
        raise ValueError(f"polynomials of shape {polynomials.shape}; the shape says {expected}")
    return shape.field.encode(polynomials)


def decode_polynomials(shape: DealingShape, data: bytes) -> Elements:
    """Coefficients (L, delta + 1). Raises WireError."""
    terms = shape.sharing.degree + 1
    return shape.field.decode(data, shape.certified_polynomials * terms).reshape(-1, terms)


def values_of(shape: DealingShape, polynomials: Elements) -> npt.NDArray[np.int64]:
    """The opened integers (opened_length,), centred: residues above p / 2 are negative. Of the
    opened sums; what lies behind them, the coin, is not looked at.
    """
    count = shape.opened_polynomials
    slots: Elements = np.empty((count, shape.plan.packing), shape.field.dtype)
    for rows in windows(polynomials.shape[1], slice(0, count)):
        slots[rows] = shape.field.matmul(polynomials[rows], shape.sharing.slot_powers)
    opened = shape.layout.opened_values(slots)
    del slots
    return shape.field.centred(opened)


def polynomial_root(shape: DealingShape, encoded: bytes) -> bytes:
    """The Merkle root over the encoded polynomials."""
    return _tree(shape, encoded).root


def polynomial_path(shape: DealingShape, encoded: bytes, index: int) -> bytes:
    """What leads from polynomial ``index`` to the root. Raises IndexError."""
    return polynomial_paths(shape, encoded, [index])[0]


def polynomial_paths(shape: DealingShape, encoded: bytes, indices: Sequence[int]) -> list[bytes]:
    """The paths of several polynomials, from one tree: siblings, and ahead of them what lies under
    the leaf, if that is more than the polynomial. Raises IndexError.
    """
    tree, paths = _tree(shape, encoded), []
    for index in indices:
        if not 0 <= index < shape.certified_polynomials:
            raise IndexError(f"polynomial {index} of {shape.certified_polynomials}")
        leaf = index // leaf_polynomials(shape)
        beside = encoded[_window(shape, leaf)] if leaf_polynomials(shape) > 1 else b""
        paths.append(beside + tree.path(leaf))
    return paths


def verify_polynomial(
    shape: DealingShape, root: bytes, index: int, coefficients: bytes, path: bytes
) -> bool:
    """Whether ``coefficients`` (canonical bytes) is polynomial ``index`` under ``root``."""
    if not 0 <= index < shape.certified_polynomials:
        return False
    together, size = leaf_polynomials(shape), polynomial_bytes(shape)
    leaf, offset = divmod(index, together)
    window = _window(shape, leaf)
    edge = window.stop - window.start if together > 1 else 0
    content = path[:edge] if together > 1 else coefficients
    if len(path) != edge + DIGEST_BYTES * depth(_leaves(shape)):
        return False
    if together > 1 and content[offset * size : (offset + 1) * size] != coefficients:
        return False
    try:
        shape.field.decode(coefficients, shape.sharing.degree + 1)
    except WireError:
        return False
    return climb(_leaf(content), leaf, path[edge:]) == root


def evaluate_polynomial(shape: DealingShape, coefficients: bytes, seat: int) -> int:
    """What an honest member in ``seat`` sends for this polynomial. Raises WireError."""
    row = shape.field.decode(coefficients, shape.sharing.degree + 1)
    value = 0
    point = int(shape.sharing.seats[seat])
    for coefficient in row[::-1].tolist():
        value = (value * point + coefficient) % shape.field.p
    return value


def _leaves(shape: DealingShape) -> int:
    return -(-shape.certified_polynomials // leaf_polynomials(shape))


def _window(shape: DealingShape, leaf: int) -> slice[int, int, None]:
    """The leaf's bytes among the encoded polynomials."""
    size = leaf_polynomials(shape) * polynomial_bytes(shape)
    end = shape.certified_polynomials * polynomial_bytes(shape)
    return slice(leaf * size, min((leaf + 1) * size, end))


def _tree(shape: DealingShape, encoded: bytes) -> MerkleTree:
    if len(encoded) != shape.certified_polynomials * polynomial_bytes(shape):
        raise ValueError(f"{len(encoded)} bytes of polynomials; encode_polynomials gives others")
    width = leaf_polynomials(shape) * polynomial_bytes(shape)
    return MerkleTree(digest_each(LEAF_DOMAIN, encoded, width))


def _leaf(content: bytes) -> bytes:
    return digest(LEAF_DOMAIN, content)
