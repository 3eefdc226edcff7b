"""Every kernel against Python integers, at the extremes too (docs/protocol.md §3)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import WireError
from protocols.field import FAMILY, P16, P31, P61, PrimeField, field_for
from protocols.field._small import FEW, MAX_TERMS, WINDOW, SmallKernel
from protocols.field.prime import FEW_INVERSES
from protocols.hashing import Xof

TINY = PrimeField(7)
FIELDS = (TINY, PrimeField(257), *FAMILY)


def draw(field: PrimeField, *shape: int, seed: bytes = b"a") -> np.ndarray:
    """Uniform elements, with the extremes 0 and p - 1 mixed in."""
    values = field.sample(Xof("test", seed), int(np.prod(shape))).astype(np.uint64)
    values[::5], values[1::7] = field.p - 1, 0
    return values.reshape(shape)


def exact(array: np.ndarray) -> np.ndarray:
    return array.astype(object)


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: str(f.p))
class TestAgainstIntegers:
    def test_elementwise(self, field: PrimeField) -> None:
        a, b, c = (draw(field, 400, seed=name) for name in (b"a", b"b", b"c"))
        x, y, z = exact(a), exact(b), exact(c)
        p = field.p
        assert (field.mul(a, b) == x * y % p).all()
        assert (field.add(a, b) == (x + y) % p).all()
        assert (field.sub(a, b) == (x - y) % p).all()
        assert (field.neg(a) == -x % p).all()
        assert (field.fma(a, b, c) == (x * y + z) % p).all()

    @pytest.mark.parametrize("coefficients", [(0, 1, -1), (3, 0, 0), (-1, -1, -1), (0, 5, 2)])
    def test_quadratic(self, field: PrimeField, coefficients: tuple[int, int, int]) -> None:
        c0, c1, c2 = coefficients
        for count in (300, FEW + 300):
            x = draw(field, count)
            expected = (c0 + c1 * exact(x) + c2 * exact(x) ** 2) % field.p
            assert (field.quadratic(c0, c1, c2, x) == expected).all()

    @pytest.mark.parametrize("inner", [1, 2, 65, 1500, 4200])
    def test_matrix_product(self, field: PrimeField, inner: int) -> None:
        a, b = draw(field, 3, inner), draw(field, inner, 2, seed=b"b")
        assert (field.matmul(a, b) == exact(a) @ exact(b) % field.p).all()

    def test_next_to_multiples_of_p(self, field: PrimeField) -> None:
        """Sums one below, at and one beyond a multiple, as large as one block's may be."""
        if field.p < 1 << 16:
            most = (MAX_TERMS * (field.p - 1) ** 2) // field.p
            spread = np.linspace(1, most, WINDOW + 7, dtype=np.int64) * field.p
            sums = np.concatenate([spread - 1, spread, spread + 1])
            reduced = SmallKernel(field.p)._residues(sums.astype(np.float64))
            assert (reduced == sums % field.p).all()

    @pytest.mark.parametrize("inner", [2048, 4200, MAX_TERMS, MAX_TERMS + 1])
    def test_the_largest_matrix_product(self, field: PrimeField, inner: int) -> None:
        """Every element p - 1: the sum that exactness has to hold, in one block and in several."""
        a = np.full((2, inner), field.p - 1, np.uint64)
        assert (field.matmul(a, a.T.copy()) == inner % field.p).all()

    def test_batched_matrix_product(self, field: PrimeField) -> None:
        a, b = draw(field, 4, 3, 9), draw(field, 1, 9, 2, seed=b"b")
        expected = np.stack([exact(each) @ exact(b[0]) % field.p for each in a])
        assert (field.matmul(a, b) == expected).all()

    def test_sum_and_product(self, field: PrimeField) -> None:
        a = draw(field, 1001, 3)
        assert (field.sum(a, axis=0) == exact(a).sum(axis=0) % field.p).all()
        nonzero = np.maximum(a[:100], 1).astype(np.uint64)
        expected = [1, 1, 1]
        for row in nonzero.tolist():
            expected = [e * x % field.p for e, x in zip(expected, row, strict=True)]
        assert field.product(nonzero).tolist() == expected
        assert field.product(a[:0]).tolist() == [1, 1, 1]

    def test_inverse(self, field: PrimeField) -> None:
        for count in (0, 1, FEW_INVERSES, FEW_INVERSES + 1):
            a = np.maximum(draw(field, count), 1).astype(np.uint64)
            assert (field.mul(a, field.inverse(a)) == 1).all()
        matrix = np.maximum(draw(field, 5, 7), 1).astype(np.uint64)
        assert (field.mul(matrix, field.inverse(matrix)) == 1).all()
        with pytest.raises(ZeroDivisionError):
            field.inverse(np.zeros(1, np.uint64))

    def test_bytes(self, field: PrimeField) -> None:
        a = draw(field, 20)
        data = field.encode(a)
        assert len(data) == 20 * field.element_bytes
        assert (field.decode(data, 20) == a).all()
        assert int.from_bytes(data[: field.element_bytes], "little") == int(a[0])

    def test_bytes_that_are_not_elements(self, field: PrimeField) -> None:
        good = field.encode(draw(field, 3))
        for bad in (good[:-1], good + b"\0", b""):
            with pytest.raises(WireError, match="bytes where 3 field elements"):
                field.decode(bad, 3)
        size = field.element_bytes
        for value in (field.p, (1 << 8 * size) - 1):
            with pytest.raises(WireError, match="not below p"):
                field.decode(good[:size] + value.to_bytes(size, "little") + good[2 * size :], 3)
        with pytest.raises(ValueError, match="not below p"):
            field.encode(np.array([field.p], np.uint64))

    def test_a_sample_is_the_streams_accepted_words(self, field: PrimeField) -> None:
        count, size = 700, field.element_bytes
        stream = Xof("test", b"s").read(size * 4 * count)
        mask = (1 << field.p.bit_length()) - 1
        words = [
            int.from_bytes(stream[i : i + size], "little") & mask
            for i in range(0, len(stream), size)
        ]
        expected = [word for word in words if word < field.p][:count]
        assert field.sample(Xof("test", b"s"), count).tolist() == expected

    def test_rows_are_single_samples(self, field: PrimeField) -> None:
        seeds = [bytes([i]) for i in range(40)]
        rows = field.sample_rows([Xof("test", seed) for seed in seeds], 300)
        for row, seed in zip(rows, seeds, strict=True):
            assert row.tolist() == field.sample(Xof("test", seed), 300).tolist()


def test_a_sample_is_uniform() -> None:
    """A modulo instead of rejection would give 0 twice the frequency of the others (mod 7)."""
    counts = np.bincount(TINY.sample(Xof("test", b"u"), 70_000), minlength=7)
    assert abs(counts - 10_000).max() < 500  # five standard deviations are 463


@settings(max_examples=60)
@given(st.sampled_from([P31, P61]), st.data())
def test_mersenne_products(field: PrimeField, data: st.DataObject) -> None:
    values = st.integers(0, field.p - 1) | st.sampled_from([0, 1, field.p - 1, field.p // 2])
    a, b = data.draw(values), data.draw(values)
    product = field.mul(np.array([a], np.uint64), np.array([b], np.uint64))
    assert int(product[0]) == a * b % field.p


@pytest.mark.parametrize("p", [0, 1, 2, 4, 65535, 65537, (1 << 31) - 3, 1 << 61])
def test_a_modulus_outside_the_family(p: int) -> None:
    with pytest.raises(ValueError, match="not in the family"):
        PrimeField(p)


def test_the_smallest_field_that_holds_the_sum() -> None:
    """Sums have a sign: p exceeds twice the largest."""
    assert field_for(1000, 353) == P16
    assert field_for(32760, 65521) == P16
    assert field_for(32761, 10) == P31
    assert field_for(10, 65522) == P31
    assert field_for(1 << 30, 10) == P61
    with pytest.raises(ValueError, match="no field"):
        field_for(1 << 60, 10)


def test_a_field_for_constraints_that_must_not_wrap() -> None:
    assert field_for(10, 10, 65520) == P16
    assert field_for(10, 10, 65521) == P31
    assert field_for(10, 10, P31.p) == P61
    with pytest.raises(ValueError, match="no field"):
        field_for(10, 10, P61.p)


@pytest.mark.parametrize("field", [TINY, P16, P31, P61], ids=lambda f: str(f.p))
def test_centred_residues(field: PrimeField) -> None:
    half = field.p // 2
    values = np.array([-half, -1, 0, 1, half], np.int64)
    assert field.centred(field.array(values)).tolist() == values.tolist()


@pytest.mark.parametrize("field", [TINY, P16, P31, P61], ids=lambda f: str(f.p))
def test_signed_products(field: PrimeField) -> None:
    """At the extremes, too: all signs alike and all elements p - 1."""
    rng = np.random.default_rng(5)
    signs = rng.integers(-1, 2, (9, 5000)).astype(np.int8)
    signs[0], signs[1] = 1, -1
    b = field.array(rng.integers(0, field.p, (5000, 3)))
    b[:, 1] = field.p - 1
    exact = (signs.astype(object) @ b.astype(object)) % field.p
    assert field.signed_matmul(signs, b).tolist() == exact.tolist()


def test_element_sizes() -> None:
    assert [field.element_bytes for field in (TINY, P16, P31, P61)] == [1, 2, 4, 8]
