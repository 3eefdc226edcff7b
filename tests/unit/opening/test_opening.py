"""Opening: right with t liars and e absent, never silently wrong (docs/protocol.md §6)."""

from __future__ import annotations

import math
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.field import FAMILY, P16, P31, PrimeField
from protocols.field.polynomial import powers, vanishing
from protocols.hashing import Xof
from protocols.opening import (
    Undecodable,
    encode_polynomials,
    evaluate_polynomial,
    first_wrong,
    open_sum,
    polynomial_path,
    polynomial_root,
    sum_shares,
    values_of,
    verify_polynomial,
    verify_word,
    word_path,
    word_root,
)
from protocols.opening.decoding import decode_word
from protocols.opening.opening import projections
from protocols.plan import CommitteePlan, require_sound
from protocols.proof import BIT, FREE, DealingShape, Relation, Segment, one_segment, split

ENTROPY = b"e" * 16
TIGHT = CommitteePlan(14, 3, 2, 2)  # (A) and (C) with equality
UNPACKED = CommitteePlan(10, 3, 1, 0)  # all three with equality
PLANS = [CommitteePlan(10, 1, 4, 0), TIGHT, UNPACKED]


def shape(plan: CommitteePlan, field: PrimeField = P16, length: int = 61) -> DealingShape:
    return DealingShape(plan, field, one_segment(length, BIT))


@cache
def members(of: DealingShape, dealers: int = 4) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Every member's word, and the plain sum."""
    rng = np.random.default_rng(1)
    values = rng.integers(0, 2, (dealers, of.length)).astype(np.uint32)
    vectors = [split(of, row, bytes([i]) * 32, b"c" * 32).vectors for i, row in enumerate(values)]
    words = {}
    for seat in range(of.plan.committee):
        shares = np.stack([vector[seat, : of.polynomials] for vector in vectors])
        words[seat] = sum_shares(of, shares)
    return words, values.sum(axis=0)


def lie(of: DealingShape, word: np.ndarray, coordinate: int, by: int = 1) -> np.ndarray:
    changed = word.copy()
    changed[coordinate] = (int(changed[coordinate]) + by) % of.field.p
    return changed


@pytest.mark.parametrize("field", FAMILY, ids=lambda f: str(f.p))
@pytest.mark.parametrize("plan", PLANS, ids=lambda p: f"{p.committee}-{p.packing}")
class TestOpening:
    def test_the_opened_sum_is_the_plain_sum(self, plan: CommitteePlan, field: PrimeField) -> None:
        require_sound(plan)
        of = shape(plan, field)
        words, expected = members(of)
        opened = open_sum(of, words, ENTROPY)
        assert opened.values.tolist() == expected.tolist()
        assert opened.values.dtype == np.int64
        assert opened.liars == ()
        assert (values_of(of, opened.polynomials) == expected).all()

    def test_t_liars_and_e_absent(self, plan: CommitteePlan, field: PrimeField) -> None:
        of = shape(plan, field)
        words, expected = members(of)
        honest = open_sum(of, words, ENTROPY)
        received = dict(words)
        for seat in range(plan.absent):
            del received[plan.committee - 1 - seat]
        lies = {seat: seat * 3 % of.polynomials for seat in range(plan.threshold)}
        for seat, coordinate in lies.items():
            received[seat] = lie(of, received[seat], coordinate, by=seat + 1)
        opened = open_sum(of, received, ENTROPY)
        assert opened.values.tolist() == expected.tolist()
        assert (opened.polynomials == honest.polynomials).all()
        assert opened.liars == tuple(lies.items())

    def test_liars_that_agree_among_themselves(
        self, plan: CommitteePlan, field: PrimeField
    ) -> None:
        """The best lie: t words on another codeword, which delta honest words agree with."""
        of = shape(plan, field)
        words, expected = members(of)
        received = dict(words)
        agreeing = of.sharing.seats[plan.threshold : plan.threshold + of.sharing.degree]
        others = vanishing(field, agreeing, of.sharing.seats)
        for seat in range(plan.threshold):
            received[seat] = field.add(words[seat], others[seat].reshape(1))
        for seat in range(plan.absent):
            del received[plan.committee - 1 - seat]
        opened = open_sum(of, received, ENTROPY)
        assert opened.values.tolist() == expected.tolist()
        assert opened.liars == tuple((seat, 0) for seat in range(plan.threshold))

    def test_too_few_words(self, plan: CommitteePlan, field: PrimeField) -> None:
        of = shape(plan, field)
        words, expected = members(of)
        needed = plan.quorum
        few = dict(list(words.items())[: needed - 1])
        with pytest.raises(Undecodable, match=f"{needed - 1} words") as raised:
            open_sum(of, few, ENTROPY)
        assert raised.value.culprit is None
        enough = dict(list(words.items())[-needed:])
        assert open_sum(of, enough, ENTROPY).values.tolist() == expected.tolist()

    def test_evidence_against_a_liar(self, plan: CommitteePlan, field: PrimeField) -> None:
        """One signed coordinate, against the certified polynomials, and nothing else."""
        of = shape(plan, field)
        words, _ = members(of)
        word = lie(of, words[1], of.polynomials - 1)
        opened = open_sum(of, words | {1: word}, ENTROPY)
        ((seat, index),) = opened.liars
        encoded = encode_polynomials(of, opened.polynomials)
        root = polynomial_root(of, encoded)
        coefficients = field.encode(opened.polynomials[index])
        path = polynomial_path(of, encoded, index)
        assert verify_polynomial(of, root, index, coefficients, path)
        right = evaluate_polynomial(of, coefficients, seat)
        said = int(word[index])
        assert verify_word(of, word_root(of, word), index, said, word_path(of, word, index))
        assert said != right == int(words[seat][index])


@settings(max_examples=25)
@given(st.data())
def test_any_lies_up_to_t_are_found(data: st.DataObject) -> None:
    of = shape(TIGHT)
    words, expected = members(of)
    seats = st.integers(0, TIGHT.committee - 1)
    liars = data.draw(st.sets(seats, max_size=TIGHT.threshold))
    absent = data.draw(st.sets(seats, max_size=TIGHT.absent)) - liars
    received = {seat: word for seat, word in words.items() if seat not in absent}
    first = {}
    for seat in sorted(liars):
        where = data.draw(st.sets(st.integers(0, of.polynomials - 1), min_size=1, max_size=3))
        first[seat] = min(where)
        for coordinate in where:
            by = data.draw(st.integers(1, of.field.p - 1))
            received[seat] = lie(of, received[seat], coordinate, by)
    opened = open_sum(of, received, data.draw(st.binary(min_size=16, max_size=32)))
    assert opened.values.tolist() == expected.tolist()
    assert opened.liars == tuple(first.items())


@settings(max_examples=25)
@given(st.data())
def test_more_lies_than_t_are_never_silently_believed(data: st.DataObject) -> None:
    """Independent lies beyond t: the right sum, or Undecodable."""
    of = shape(TIGHT)
    words, expected = members(of)
    more = data.draw(st.integers(TIGHT.threshold + 1, TIGHT.committee))
    order = data.draw(st.permutations(range(TIGHT.committee)))
    received = dict(words)
    for number, seat in enumerate(order[:more]):
        noise = of.field.sample(Xof("test", bytes([number])), of.polynomials)
        received[seat] = of.field.add(words[seat], noise)
    try:
        opened = open_sum(of, received, ENTROPY)
    except Undecodable:
        return
    assert opened.values.tolist() == expected.tolist()


def test_sums_are_linear() -> None:
    of = shape(TIGHT)
    words, expected = members(of)
    doubled = {seat: of.field.add(word, word) for seat, word in words.items()}
    assert open_sum(of, doubled, ENTROPY).values.tolist() == (2 * expected).tolist()


def weights(of: DealingShape) -> np.ndarray:
    """Of all projections (q, L): products of two factors each, a row's and a column's."""
    count, width = projections(of.field.p), math.isqrt(of.polynomials - 1) + 1
    height = -(-of.polynomials // width)
    drawn = of.field.sample(Xof("peerd/opening/projection", ENTROPY), count * (height + width))
    rows, columns = np.split(drawn.astype(np.uint64), [count * height])
    products = of.field.mul(rows.reshape(count, -1, 1), columns.reshape(count, 1, -1))
    return products.reshape(count, -1)[:, : of.polynomials]


def test_each_projection_is_needed_alone() -> None:
    """A lie that cancels in one projection is still found in the others: in one row of weights, and
    in two.
    """
    of = shape(TIGHT)
    words, expected = members(of)
    given = weights(of)
    for place in (1, 17):
        for number, each in enumerate(given):
            inverse = int(of.field.inverse(each[place : place + 1])[0])
            wrong = lie(of, words[4], 0, by=1)
            wrong = lie(of, wrong, place, by=-int(each[0]) * inverse)
            cancelled = of.field.sum(of.field.mul(given, of.field.sub(wrong, words[4])), axis=1)
            assert np.flatnonzero(cancelled == 0).tolist() == [number]
            opened = open_sum(of, words | {4: wrong}, ENTROPY)
            assert opened.liars == ((4, 0),)
            assert opened.values.tolist() == expected.tolist()


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_products_of_two_weights_miss_a_difference_with_two_in_p_at_most(
    rows: int, columns: int
) -> None:
    """All differences over p = 3, and all weights: a polynomial of degree 2 in them."""
    p, worst = 3, 0.0
    weights = np.array(list(product(range(p), repeat=rows + columns)))
    products = weights[:, :rows, None] * weights[:, None, rows:]
    for difference in product(range(p), repeat=rows * columns):
        total = np.einsum("nrc,rc->n", products, np.reshape(difference, (rows, columns))) % p
        if any(difference):
            worst = max(worst, float((total == 0).mean()))
    assert 1 / p < worst <= 2 / p


def test_projections_err_with_less_than_two_to_the_minus_64() -> None:
    assert [projections(field.p) for field in FAMILY] == [5, 4, 4]
    assert projections(7) == 36
    for p in (7, 251, *(field.p for field in FAMILY)):
        count = projections(p)
        assert 2**count << 64 <= p**count
        assert count == 4 or 2 ** (count - 1) << 64 > p ** (count - 1)


def test_the_first_wrong_coordinate_of_a_word() -> None:
    of = shape(TIGHT)
    words, _ = members(of)
    opened = open_sum(of, words, ENTROPY)
    for seat in (0, 13):
        assert first_wrong(of, opened.polynomials, seat, words[seat]) is None
        assert first_wrong(of, opened.polynomials, 5, words[seat]) == 0
        for coordinate in (0, 7, of.polynomials - 1):
            wrong = lie(of, lie(of, words[seat], coordinate), of.polynomials - 1, by=3)
            assert first_wrong(of, opened.polynomials, seat, wrong) == coordinate


@pytest.mark.parametrize("field", [PrimeField(61), *FAMILY], ids=lambda f: str(f.p))
@pytest.mark.parametrize(("count", "delta"), [(1, 0), (5, 4), (6, 3), (12, 4), (23, 2)])
def test_one_word_decodes_up_to_the_radius(field: PrimeField, count: int, delta: int) -> None:
    points = field.array([i - count // 2 for i in range(count)])
    f = field.sample(Xof("test", b"f"), delta + 1).astype(np.uint64)
    word = field.matmul(f[None, :], powers(field, points, delta + 1))[0]
    for errors in range((count - delta - 1) // 2 + 1):
        wrong = word.copy()
        wrong[:errors] = field.add(wrong[:errors], np.arange(1, errors + 1, dtype=np.uint64))
        decoded = decode_word(field, points, wrong, delta)
        assert decoded is not None
        assert decoded.tolist() == f.tolist()


def test_a_word_on_no_codeword() -> None:
    points = P16.array(list(range(12)))
    assert decode_word(P16, points, P16.sample(Xof("test", b"w"), 12), 2) is None


def test_what_open_sum_does_not_take() -> None:
    of = shape(TIGHT)
    words, _ = members(of)
    with pytest.raises(ValueError, match="entropy"):
        open_sum(of, words, b"short")
    with pytest.raises(ValueError, match="seat 14 of 14"):
        open_sum(of, words | {14: words[0]}, ENTROPY)
    with pytest.raises(ValueError, match="word of seat 2"):
        open_sum(of, words | {2: words[2][:-1]}, ENTROPY)
    with pytest.raises(ValueError, match="word of seat 2"):
        open_sum(of, words | {2: words[2] + np.uint64(of.field.p)}, ENTROPY)
    for wrong in (words[0], [], [words[0], words[1][:-1]]):
        with pytest.raises(ValueError, match=r"each dealer has shares of shape \(31,\)"):
            sum_shares(of, wrong)


# -- weights, signs and hidden segments --------------------------------------------------------

WEIGHED = DealingShape(
    CommitteePlan(10, 1, 4, 0),
    P31,
    Relation((Segment("hidden", 3, BIT, opened=False), Segment("w", 9, FREE))),
)


def test_a_weighted_sum_of_signed_values_is_opened_and_nothing_hidden() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.integers(0, 2, (3, 3)), rng.integers(-1000, 1001, (3, 9))], axis=1)
    weights = [1, 5, 1000]
    vectors = [
        split(WEIGHED, row, bytes([i]) * 32, b"c" * 32).vectors for i, row in enumerate(values)
    ]
    opened_polynomials = WEIGHED.opened_polynomials
    assert (opened_polynomials, WEIGHED.polynomials) == (3, 4)
    words = {}
    for seat in range(10):
        shares = np.stack([vector[seat, :opened_polynomials] for vector in vectors])
        words[seat] = sum_shares(WEIGHED, shares, weights)
    opened = open_sum(WEIGHED, words, bytes(32))
    assert opened.values.tolist() == (np.array(weights) @ values[:, 3:]).tolist()
    assert opened.values.min() < 0


def test_weights_of_one_are_the_plain_sum() -> None:
    shares = np.arange(6).reshape(2, 3).astype(np.uint32)
    plain = sum_shares(WEIGHED, shares)
    assert (sum_shares(WEIGHED, shares, [1, 1]) == plain).all()
    assert (sum_shares(WEIGHED, shares, [2, 1]) != plain).any()


def test_shares_and_weights_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"each dealer has shares of shape \(3,\)"):
        sum_shares(WEIGHED, np.zeros((2, 4), np.uint32))
    with pytest.raises(ValueError, match="3 weights for 2 dealers"):
        sum_shares(WEIGHED, np.zeros((2, 3), np.uint32), [1, 2, 3])
