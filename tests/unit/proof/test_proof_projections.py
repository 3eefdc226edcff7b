"""Projections: the chance that one passes, for what is too large and for what is small."""

from __future__ import annotations

import math
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from proof_world import CONTEXT
from relation_world import counts
from smallness_world import COUNT, SMALL, left, small, versions

from protocols.field import P61
from protocols.plan import CommitteePlan
from protocols.proof import DealingShape
from protocols.proof.constraints import HONEST_SPREAD
from protocols.proof.projections import draw
from protocols.proof.smallness import project

DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()

SIGNS = {0: 2, 1: 1, -1: 1}
"""An entry of version 2's factors, and of b since: of weight 4."""


def passing(p: int, bound: int, w: np.ndarray, signs: dict[int, int]) -> np.ndarray:
    """Of weight 4^(entries), how much passes, for each W (number, l, k)."""
    number, left, right = w.shape
    total = np.zeros(number, np.int64)
    for entries in product(signs, repeat=left + right):
        a, b = np.array(entries[:left]), np.array(entries[left:])
        y = np.einsum("l,nlk,k->n", a, w, b) % p
        weight = int(np.prod([signs[entry] for entry in entries]))
        total += weight * ((y + bound) % p < 2 * bound)
    return total


def all_matrices(p: int, left: int, right: int) -> np.ndarray:
    entries = left * right
    w = np.array(np.meshgrid(*[np.arange(p)] * entries, indexing="ij")).reshape(entries, -1).T
    return w.reshape(-1, left, right)


def size(p: int, w: np.ndarray) -> np.ndarray:
    """Of the largest coordinate of each W, as a centred residue."""
    largest: np.ndarray = np.minimum(w, p - w).max(axis=(1, 2))
    return largest


@pytest.mark.parametrize(("left", "right"), [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)])
def test_a_coordinate_that_is_too_large_passes_with_three_quarters_at_most(
    left: int, right: int
) -> None:
    """Version 2. All W over p = 17 with B = 2: what a projection lets pass, of 4^(l + k) rows."""
    p, bound = 17, 2
    w = all_matrices(p, left, right)
    total = passing(p, bound, w, SIGNS)
    everything = 4 ** (left + right)
    assert total[size(p, w) >= 4 * bound].max() * 4 <= 3 * everything
    assert total[size(p, w) == 0].min() == everything


def rows_that_pass(
    p: int, bound: int, w: np.ndarray, first: tuple[int, ...], vectors: int
) -> np.ndarray:
    """Of 2^l bits of one a_i and, for each of ``vectors`` b, weight 4^k: how much passes with all
    of them, given a_0 = ``first``. Without b where ``vectors`` is 0.
    """
    number, left, right = w.shape
    total = np.zeros(number, np.int64)
    for bits in product((0, 1), repeat=left):
        u = np.einsum("l,nlk->nk", np.array(bits) - np.array(first), w)
        if not vectors:
            total += ((u[:, 0] + bound) % p) < 2 * bound
            continue
        one = np.zeros(number, np.int64)
        for b in product(SIGNS, repeat=right):
            weight = math.prod(SIGNS[entry] for entry in b)
            one += weight * ((u @ np.array(b) + bound) % p < 2 * bound)
        total += one**vectors
    return total


@pytest.mark.parametrize("vectors", [1, 2, 3])
@pytest.mark.parametrize(("left", "right"), [(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1)])
def test_given_a_0_a_row_passes_with_a_half_and_little_more(
    left: int, right: int, vectors: int
) -> None:
    """Version 3. All W over p = 17 with B = 2, and all a_0: a_0 is common to all rows, so that they
    are independent only given it, and none of its values may be a weak one.
    """
    p, bound = 17, 2
    w = all_matrices(p, left, right)
    large = size(p, w) >= 4 * bound
    everything = 2**left * 4 ** (right * vectors)
    for first in product((0, 1), repeat=left):
        total = rows_that_pass(p, bound, w, first, vectors)
        assert total[large].max() * 2 ** (vectors + 1) <= (2**vectors + 1) * everything
        assert total[size(p, w) == 0].min() == everything


@pytest.mark.parametrize("left", [1, 2, 3])
def test_with_one_slot_given_a_0_a_row_passes_with_a_half(left: int) -> None:
    p, bound = 17, 2
    w = all_matrices(p, left, 1)
    for first in product((0, 1), repeat=left):
        total = rows_that_pass(p, bound, w, first, 0)
        assert total[size(p, w) >= 4 * bound].max() * 2 <= 2**left


def test_bits_of_which_none_is_subtracted_pass_as_often_but_lean() -> None:
    """The control: without a_0 the same half passes, and an honest y has a mean. W of equal
    entries of norm 1 has a^T W = sqrt(l) / 2 in the mean, which no bound of 19 norms holds.
    """
    length = 10_000
    w = np.full(length, 1 / math.sqrt(length))
    bits = np.random.default_rng(1).integers(0, 2, (100, length))
    assert (bits @ w).min() > HONEST_SPREAD
    assert np.abs((bits[1:] - bits[0]) @ w).max() < HONEST_SPREAD


def test_signs_without_zero_let_a_half_pass() -> None:
    """The control: twice (p + 1) / 2 is 1, so that entries +-1 alone see nothing."""
    w = np.array([[[9, 9]]])
    assert passing(17, 2, w, {1: 1, -1: 1})[0] == 2**3


@versions
def test_entries_are_as_often_0_as_not(version: int) -> None:
    of = small(version)
    (drawn,) = draw(of, CONTEXT, b"root")
    a = left(of, drawn)
    assert a.shape == (of.projections.all, COUNT // 4)
    assert drawn.right.shape == (of.projections.all, 4)
    for entry, share in ((0, 1 / 2), (1, 1 / 4), (-1, 1 / 4)):
        assert abs(float((a == entry).mean()) - share) < 0.05
        assert abs(float((drawn.right == entry).mean()) - share) < 0.07


def test_the_rows_have_one_in_common_and_nothing_else() -> None:
    """a_i - a_j has lost it: its entries are as often 0 as not as well, and no row or b is twice
    there.
    """
    of = small(3)
    (drawn,) = draw(of, CONTEXT, b"root")
    a = left(of, drawn)[:: of.projections.vectors]
    assert len({row.tobytes() for row in a}) == of.projections.rows
    assert (((a == 1).any(axis=0)) != ((a == -1).any(axis=0))).all(), "where a_0 is 0, all are >= 0"
    assert abs(float((a[1:] == a[:-1]).mean()) - 1 / 2) < 0.02


@pytest.mark.parametrize("packing", [1, 2, 4, 127])
@versions
def test_enough_projections_and_no_more(version: int, packing: int) -> None:
    """The chance that all pass, with one row fewer or with all: 2^-128 lies between them."""
    plan = CommitteePlan(2 * packing + 8, 1, packing, 0)
    of = DealingShape(plan, P61, SMALL, version)
    rows, vectors = of.projections.rows, of.projections.vectors
    assert (rows, vectors) == counts(version, packing)
    if version == 2:
        passed, of_all = 3, 4
    elif packing == 1:
        passed, of_all = 1, 2
    else:
        passed, of_all = 2**vectors + 1, 2 ** (vectors + 1)
    assert passed**rows << 128 <= of_all**rows
    assert passed ** (rows - 1) << 128 > of_all ** (rows - 1)


def tail(spread: float) -> float:
    """Pr[|y| >= spread N] is at most this: Chernoff from E exp(x y) <= (1 - x^2 / 4)^(-1/2), N = 1.

    x is where the derivative of the bound is 0.
    """
    x = (math.sqrt(1 + 16 * spread**2) - 1) / (2 * spread)
    return 2 * math.exp(-x * spread) / math.sqrt(1 - x**2 / 4)


@pytest.mark.parametrize("x", [0.3, 1.0, 1.6, 1.97])
def test_the_moment_bound_holds(x: float) -> None:
    """All W of 2 x 2 entries from -3 to 3, exactly."""
    chances = {0: 1 / 2, 1: 1 / 4, -1: 1 / 4}
    drawn = np.array([entries for entries in product(range(-3, 4), repeat=4) if any(entries)])
    w = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).reshape(-1, 2, 2)
    mean = np.zeros(len(w))
    for entries in product(chances, repeat=4):
        y = np.einsum("l,nlk,k->n", entries[:2], w, entries[2:])
        mean += math.prod(chances[entry] for entry in entries) * np.exp(x * y)
    assert mean.max() <= 1 / math.sqrt(1 - x**2 / 4)


def test_the_stated_chances_of_an_honest_dealing() -> None:
    one, most, every = re.findall(
        r"≥ 19N\] < 2\^-([\d.]+)[\s\S]*?all (\d+) does with < 2\^-([\d.]+)", DOCUMENT
    )[0]
    assert int(most) == max(math.prod(counts(version, k)) for version in (2, 3) for k in (1, 4))
    assert tail(HONEST_SPREAD) < 2 ** -float(one) < 2**0.1 * tail(HONEST_SPREAD)
    assert int(most) * 2 ** -float(one) < 2 ** -float(every)
    assert int(most) * tail(HONEST_SPREAD - 1) > 2 ** -float(every)
    assert f"| < 2^-{every} a dealing; nobody is blamed |" in DOCUMENT


@versions
@pytest.mark.parametrize("shape", ["one coordinate", "rank one", "flat", "random"])
def test_a_small_w_passes(shape: str, version: int) -> None:
    """At the largest norm that ``bits_for`` allows; rank one has the heaviest tail."""
    of = small(version)
    w = np.zeros(COUNT, np.int64)
    if shape == "one coordinate":
        w[7] = 100
    elif shape == "rank one":
        w[40:48] = [35, -35] * 4
    elif shape == "flat":
        w[:] = 5
    else:
        w[:] = np.random.default_rng(1).integers(-8, 9, COUNT)
    assert int(w @ w) <= 100**2
    for number in range(20):
        (drawn,) = draw(of, CONTEXT, bytes([number]))
        y = of.field.centred(project(of, of.layout.projected[0], drawn, of.slot_values(w)))
        assert np.abs(y).max() < of.relation.smallness[0].bound
