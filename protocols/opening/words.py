"""Words: one member's share of the sum, its bytes and the Merkle tree over its coordinates.

docs/protocol.md §6. Member j's word is S_j = sum of w_i share_ij over the cohort D, one element
per opened polynomial (L below counts these); its share of the coin is such a word as well. It
travels under a signed root, so that one coordinate with its path, against the certified
polynomials, is evidence of a wrong opening.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from protocols.errors import WireError
from protocols.field import Elements
from protocols.hashing import DIGEST_BYTES, digest, digest_each
from protocols.proof.challenge import windows
from protocols.proof.merkle import MerkleTree, climb, depth
from protocols.proof.shape import DealingShape, Opening

LEAF_DOMAIN = "peerd/opening/word"
CHUNK_ELEMENTS = 256
"""Coordinates under one leaf. One leaf a coordinate would make hashing dearer than decoding."""

MOST_ROWS = 16
"""With more dealers a window of their sum gets no narrower: to cut each of a thousand shares into
strips of 65 costs ten times what adding them does."""


def sum_shares(
    shape: DealingShape, shares: Sequence[Elements] | Elements, weights: Sequence[int] | None = None
) -> Elements:
    """S_j, shape (L,): the sum of w_i share_ij over the cohort, from shares (L,) of each dealer.

    ``weights``: one non-negative integer a dealer, all 1 by default, and in unweighted segments.
    """
    count = shape.opened_polynomials
    if not len(shares) or any(share.shape != (count,) for share in shares):
        raise ValueError(f"each dealer has shares of shape ({count},)")
    if weights is not None and len(weights) != len(shares):
        raise ValueError(f"{len(weights)} weights for {len(shares)} dealers")
    factors = None
    if weights is not None and any(weight != 1 for weight in weights):
        factors = shape.field.array(list(weights)).reshape(1, -1)
    total: Elements = np.empty(count, shape.field.dtype)
    for columns in windows(min(len(shares), MOST_ROWS), slice(0, count)):
        part = np.stack([share[columns] for share in shares])
        total[columns] = _summed(shape, part, factors)
    for columns in shape.layout.unweighted if factors is not None else ():
        part = np.stack([share[columns] for share in shares])
        total[columns] = shape.field.sum(part, axis=0)
    return total


def _summed(shape: DealingShape, part: Elements, factors: Elements | None) -> Elements:
    if factors is None:
        return shape.field.sum(part, axis=0)
    total: Elements = shape.field.matmul(factors, part)[0]
    return total


def word_bytes(shape: Opening) -> int:
    """Bytes of an encoded word: L elements."""
    return shape.opened_polynomials * shape.field.element_bytes


def encode_words(shape: Opening, words: Elements) -> bytes:
    """The canonical bytes of one member's word (L,)."""
    if words.shape != (shape.opened_polynomials,):
        raise ValueError(f"a word has shape ({shape.opened_polynomials},), not {words.shape}")
    return shape.field.encode(words)


def decode_words(shape: Opening, data: bytes) -> Elements:
    """One member's word (L,). Raises WireError on a wrong length or an element >= p."""
    return shape.field.decode(data, shape.opened_polynomials)


def word_root(shape: Opening, words: Elements) -> bytes:
    """The Merkle root over a word's coordinates, CHUNK_ELEMENTS to a leaf."""
    return _tree(shape, encode_words(shape, words)).root


def word_path(shape: Opening, words: Elements, index: int) -> bytes:
    """The opening of coordinate ``index``: its chunk's bytes, then the siblings."""
    return word_paths(shape, words, [index])[0]


def word_paths(shape: Opening, words: Elements, indices: Sequence[int]) -> list[bytes]:
    """Openings of several coordinates, from one tree. Raises IndexError."""
    data = encode_words(shape, words)
    tree = _tree(shape, data)
    paths = []
    for index in indices:
        if not 0 <= index < shape.opened_polynomials:
            raise IndexError(f"coordinate {index} of {shape.opened_polynomials}")
        chunk = index // CHUNK_ELEMENTS
        window = _window(shape, chunk)
        paths.append(data[window] + tree.path(chunk))
    return paths


def word_path_bytes(shape: Opening, index: int) -> int:
    """Bytes of ``word_path`` for a coordinate."""
    window = _window(shape, index // CHUNK_ELEMENTS)
    return window.stop - window.start + DIGEST_BYTES * depth(_chunks(shape))


def verify_word(shape: Opening, root: bytes, index: int, value: int, path: bytes) -> bool:
    """Whether ``value`` is coordinate ``index`` of the word under ``root``. Never raises."""
    if not 0 <= index < shape.opened_polynomials or len(path) != word_path_bytes(shape, index):
        return False
    chunk, offset = divmod(index, CHUNK_ELEMENTS)
    window = _window(shape, chunk)
    size = window.stop - window.start
    data, siblings = path[:size], path[size:]
    try:
        elements = shape.field.decode(data, size // shape.field.element_bytes)
    except WireError:
        return False
    return int(elements[offset]) == value and climb(_leaf(data), chunk, siblings) == root


def _chunks(shape: Opening) -> int:
    return -(-shape.opened_polynomials // CHUNK_ELEMENTS)


def _window(shape: Opening, chunk: int) -> slice[int, int, None]:
    """The chunk's bytes in the encoded word."""
    size = CHUNK_ELEMENTS * shape.field.element_bytes
    return slice(chunk * size, min((chunk + 1) * size, word_bytes(shape)))


def _tree(shape: Opening, data: bytes) -> MerkleTree:
    return MerkleTree(digest_each(LEAF_DOMAIN, data, CHUNK_ELEMENTS * shape.field.element_bytes))


def _leaf(chunk: bytes) -> bytes:
    return digest(LEAF_DOMAIN, chunk)
