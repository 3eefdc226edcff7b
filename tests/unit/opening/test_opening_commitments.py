"""Words and polynomials: bytes, roots, and openings that prove exactly what they say."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.errors import WireError
from protocols.field import FAMILY, P16, PrimeField
from protocols.hashing import Xof, digest
from protocols.opening import (
    decode_polynomials,
    decode_words,
    encode_polynomials,
    encode_words,
    evaluate_polynomial,
    polynomial_bytes,
    polynomial_path,
    polynomial_paths,
    polynomial_root,
    verify_polynomial,
    verify_word,
    word_bytes,
    word_path,
    word_path_bytes,
    word_paths,
    word_root,
)
from protocols.opening.polynomials import leaf_polynomials
from protocols.plan import CommitteePlan
from protocols.proof import BIT, DealingShape, one_segment
from protocols.proof.merkle import MerkleTree

PLAN = CommitteePlan(10, 1, 4, 0)
LENGTHS = [1, 4 * 256, 4 * 256 + 1, 4 * 700]


def shape(length: int, field: PrimeField = P16) -> DealingShape:
    return DealingShape(PLAN, field, one_segment(length, BIT))


def word(of: DealingShape) -> np.ndarray:
    return of.field.sample(Xof("test", b"w"), of.polynomials)


def polynomials(of: DealingShape) -> np.ndarray:
    count = of.sharing.degree + 1
    return of.field.sample(Xof("test", b"p"), of.polynomials * count).reshape(-1, count)


@pytest.mark.parametrize("field", FAMILY, ids=lambda f: str(f.p))
@pytest.mark.parametrize("length", LENGTHS)
class TestWords:
    def test_bytes(self, length: int, field: PrimeField) -> None:
        of = shape(length, field)
        data = encode_words(of, word(of))
        assert len(data) == word_bytes(of)
        assert (decode_words(of, data) == word(of)).all()
        for bad in (data[:-1], data + b"\0", b"\xff" * len(data)):
            with pytest.raises(WireError):
                decode_words(of, bad)

    def test_a_coordinate_opens_to_its_value_only(self, length: int, field: PrimeField) -> None:
        of = shape(length, field)
        said, root = word(of), word_root(of, word(of))
        indices = sorted({0, of.polynomials // 2, of.polynomials - 1})
        for index, path in zip(indices, word_paths(of, said, indices), strict=True):
            value = int(said[index])
            assert path == word_path(of, said, index)
            assert len(path) == word_path_bytes(of, index)
            assert verify_word(of, root, index, value, path)
            for wrong in (value + 1, value + field.p, -1):
                assert not verify_word(of, root, index, wrong, path)
            assert not verify_word(of, bytes(32), index, value, path)
            for elsewhere in (index - 256, index + 256, of.polynomials, -1):
                assert not verify_word(of, root, elsewhere, value, path)
            for changed in (path[:-1], path + b"\0", b"", b"\xff" * len(path)):
                assert not verify_word(of, root, index, value, changed)

    def test_polynomials(self, length: int, field: PrimeField) -> None:
        of = shape(length, field)
        rows = polynomials(of)
        data = encode_polynomials(of, rows)
        assert len(data) == of.polynomials * polynomial_bytes(of)
        assert (decode_polynomials(of, data) == rows).all()
        for bad in (data[:-1], data + b"\0", b"\xff" * len(data)):
            with pytest.raises(WireError):
                decode_polynomials(of, bad)

    def test_a_polynomial_opens_at_its_own_place_only(self, length: int, field: PrimeField) -> None:
        of = shape(length, field)
        rows = polynomials(of)
        encoded = encode_polynomials(of, rows)
        root = polynomial_root(of, encoded)
        indices = sorted({0, of.polynomials // 2, of.polynomials - 1})
        for index, path in zip(indices, polynomial_paths(of, encoded, indices), strict=True):
            coefficients = field.encode(rows[index])
            assert verify_polynomial(of, root, index, coefficients, path)
            assert not verify_polynomial(of, bytes(32), index, coefficients, path)
            for elsewhere in (index + 1, index - 1, -1, of.polynomials):
                assert not verify_polynomial(of, root, elsewhere, coefficients, path)
            for changed in (coefficients[:-1], b"", b"\xff" * len(coefficients)):
                assert not verify_polynomial(of, root, index, changed, path)
            flipped = bytes([coefficients[0] ^ 1]) + coefficients[1:]
            assert not verify_polynomial(of, root, index, flipped, path)
            assert not verify_polynomial(of, root, index, coefficients, path + bytes(32))

    def test_evaluation_at_each_seat(self, length: int, field: PrimeField) -> None:
        of = shape(length, field)
        rows = polynomials(of)
        at_seats = field.matmul(rows[-1:], of.sharing.seat_powers[: of.sharing.degree + 1])[0]
        found = [evaluate_polynomial(of, field.encode(rows[-1]), seat) for seat in range(10)]
        assert found == at_seats.tolist()
        with pytest.raises(WireError):
            evaluate_polynomial(of, b"\xff" * polynomial_bytes(of), 0)


def test_words_of_another_shape() -> None:
    of = shape(40)
    with pytest.raises(ValueError, match="a word has shape"):
        encode_words(of, word(shape(44)))
    with pytest.raises(ValueError, match="the shape says"):
        encode_polynomials(of, polynomials(shape(44)))
    for index in (-1, of.polynomials):
        with pytest.raises(IndexError):
            word_path(of, word(of), index)


# -- several polynomials to a leaf -------------------------------------------------------------

MANY = 2 * 4096 + 4096 // 2 + 1
"""Opened polynomials: in version 3 three to a leaf, the last leaf with one of them."""


def grouped(version: int) -> DealingShape:
    return DealingShape(PLAN, P16, one_segment(4 * MANY, BIT), version)


@pytest.mark.parametrize(
    ("count", "together"),
    [(1, 1), (4095, 1), (4096, 1), (4097, 2), (8192, 2), (8193, 3), (10**6, 245)],
)
def test_how_many_polynomials_a_leaf_has(count: int, together: int) -> None:
    relation = one_segment(4 * count, BIT)
    assert leaf_polynomials(DealingShape(PLAN, P16, relation, 3)) == together
    assert leaf_polynomials(DealingShape(PLAN, P16, relation, 2)) == 1
    assert -(-count // together) <= 4096


def by_hand(of: DealingShape, encoded: bytes, together: int) -> bytes:
    """The root, from the text: leaves of so many polynomials."""
    size = together * polynomial_bytes(of)
    leaves = [encoded[start : start + size] for start in range(0, len(encoded), size)]
    return MerkleTree([digest("peerd/opening/polynomial", each) for each in leaves]).root


def test_the_roots_of_both_versions() -> None:
    encoded = encode_polynomials(grouped(3), polynomials(grouped(3)))
    roots = {version: polynomial_root(grouped(version), encoded) for version in (2, 3)}
    assert roots == {2: by_hand(grouped(2), encoded, 1), 3: by_hand(grouped(3), encoded, 3)}
    assert roots[2] != roots[3]
    with pytest.raises(ValueError, match="bytes of polynomials"):
        polynomial_root(grouped(3), encoded[:-1])


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("index", [0, 1, 2, 3, 5000, MANY - 2, MANY - 1])
def test_a_polynomial_of_a_leaf_opens_at_its_own_place_only(index: int, version: int) -> None:
    of = grouped(version)
    encoded = encode_polynomials(of, polynomials(of))
    root, size = polynomial_root(of, encoded), polynomial_bytes(of)
    coefficients = encoded[index * size : (index + 1) * size]
    path = polynomial_path(of, encoded, index)
    leaf = encoded[index // 3 * 3 * size :][: 3 * size] if version == 3 else b""
    assert path[: len(leaf)] == leaf
    assert len(path) == len(leaf) + 32 * (12 if version == 3 else 14)
    assert verify_polynomial(of, root, index, coefficients, path)
    for elsewhere in (index - 3, index - 1, index + 1, index + 3, -1, MANY):
        assert not verify_polynomial(of, root, elsewhere, coefficients, path)
    for place in {0, len(leaf) // 2, max(len(leaf) - 1, 0), len(leaf), len(path) - 1}:
        changed = path[:place] + bytes([path[place] ^ 1]) + path[place + 1 :]
        assert not verify_polynomial(of, root, index, coefficients, changed)
    for changed in (path[1:], path[:-1], path + b"\0", path[len(leaf) :] if leaf else b"", b""):
        assert not verify_polynomial(of, root, index, coefficients, changed)
    wrong = bytes([coefficients[0] ^ 1]) + coefficients[1:]
    assert not verify_polynomial(of, root, index, wrong, path)
    assert not verify_polynomial(grouped(5 - version), root, index, coefficients, path)


def test_another_polynomial_of_the_leaf_is_not_this_one() -> None:
    """A liar's sum, judged against its neighbour under the same leaf: same path, other place."""
    of = grouped(3)
    encoded = encode_polynomials(of, polynomials(of))
    root, size = polynomial_root(of, encoded), polynomial_bytes(of)
    path = polynomial_path(of, encoded, 4)
    for index in (3, 4, 5):
        given = encoded[index * size : (index + 1) * size]
        assert verify_polynomial(of, root, index, given, path)
        assert verify_polynomial(of, root, 4, given, path) == (index == 4)


def test_a_leaf_with_a_number_beyond_p_is_no_opening_of_it() -> None:
    """But of the others: a leaf that somebody certified is judged by the polynomial in question."""
    of = grouped(3)
    size = polynomial_bytes(of)
    encoded = b"\xff" * size + encode_polynomials(of, polynomials(of))[size:]
    root = polynomial_root(of, encoded)
    for index in range(3):
        path = polynomial_path(of, encoded, index)
        coefficients = encoded[index * size : (index + 1) * size]
        assert verify_polynomial(of, root, index, coefficients, path) == (index > 0)


def test_paths_of_polynomials_that_are_not_there() -> None:
    of = grouped(3)
    encoded = encode_polynomials(of, polynomials(of))
    for index in (-1, MANY):
        with pytest.raises(IndexError, match=f"polynomial {index} of {MANY}"):
            polynomial_path(of, encoded, index)
