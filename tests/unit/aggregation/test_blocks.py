"""Balls of blocks: how coordinates are divided, and what each block's ball lets through."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_samples import model_of

from protocols.aggregation import AggregationError, aggregate, aggregator
from protocols.aggregation.ball import Ball
from protocols.aggregation.blocks import LAYERS, MAX_BLOCKS, Blocks, written
from protocols.field import P61
from protocols.plan import CommitteePlan
from protocols.proof import DealingShape, Verdict, check, deal, seal, split

PLAN = CommitteePlan(committee=10, threshold=1, packing=4, absent=0)
SECRET, CONTEXT = b"s" * 32, b"c" * 32
RULES = ["weighted-mean", "centered-clipping-l2"]


def ball(**constants: int | str) -> Ball:
    rule = aggregator("weighted-mean", {"theta": 20, **constants})
    return rule.ball  # type: ignore[attr-defined, no-any-return]


# -- how they are written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "lengths", "back"),
    [
        ("whole", (), None),
        (7, (7,), 7),
        ("7", (7,), 7),
        ("1x7", (7,), 7),
        ("10 10 3", (10, 10, 3), "2x10 3"),
        ("2x10 3", (10, 10, 3), "2x10 3"),
        ("3 2x10 3", (3, 10, 10, 3), "3 2x10 3"),
        ("784x10 10", (10,) * 785, "785x10"),
    ],
)
def test_what_is_read_has_one_genesis_form(
    given: int | str, lengths: tuple[int, ...], back: int | str | None
) -> None:
    read = Blocks.read(given)
    assert read.lengths == lengths
    assert read.constants() == ({} if back is None else {"blocks": back})
    rule = aggregator("weighted-mean", {"blocks": given})
    assert rule.constants().get("blocks") == back
    assert aggregator("weighted-mean", rule.constants()) == rule


@given(st.lists(st.integers(1, 5), min_size=2, max_size=40))
def test_lengths_are_read_as_they_were_written(lengths: list[int]) -> None:
    assert Blocks.read(written((*lengths,))).lengths == (*lengths,)


@pytest.mark.parametrize(
    "given",
    [
        0,
        -3,
        True,
        "",
        " ",
        "5 ",
        " 5",
        "5  5",
        "05",
        "0x5 1",
        "5x",
        "x5",
        "5x0",
        "-5",
        "1.5",
        "5,5",
        "٥ ٥",
        "10001x1",
        "9999x1 1 1",
        "99999999999 1",
        2.5,
    ],
)
def test_what_no_blocks_are(given: int | str) -> None:
    with pytest.raises(AggregationError, match=r"constant blocks = .* must be whole, layers, a"):
        Blocks.read(given)


def test_layers_are_replaced_where_a_group_is_founded() -> None:
    found = Blocks.read(LAYERS)
    assert found.constants() == {"blocks": LAYERS}
    with pytest.raises(AggregationError, match="founding a group puts the layers' lengths here"):
        found.divide(10, 7)


# -- how they divide -----------------------------------------------------------------------------


@given(
    st.integers(1, 10_000),
    st.one_of(st.just("whole"), st.integers(1, 11_000), st.integers(2, 50)),
    st.integers(7, 1 << 27),
)
def test_blocks_follow_each_other_and_their_balls_lie_in_the_whole_one(
    parameters: int, given: int | str, limit: int
) -> None:
    """Σ T_b² ≤ T², and each T_b is the largest integer at which τ_b = τ √(d_b/d)."""
    blocks = Blocks.read(given).divide(parameters, limit)
    edges = [0, *(block.window.stop for block in blocks)]
    assert [(block.window.start, block.window.stop) for block in blocks] == [*pairwise(edges)]
    assert edges[-1] == parameters
    assert sum(block.limit**2 for block in blocks) <= limit**2
    for block in blocks:
        share = Fraction(block.length, parameters)
        assert block.limit**2 <= limit**2 * share < (block.limit + 1) ** 2
        assert block.share == pytest.approx(float(share) ** 0.5, rel=1e-15)
    if given == "whole":
        assert [(block.limit, block.share) for block in blocks] == [(limit, 1.0)]


def test_lengths_that_do_not_fit_say_what_would() -> None:
    with pytest.raises(AggregationError, match="names 13 parameters, and the model has 14"):
        Blocks.read("10 3").divide(14, 1000)
    most = MAX_BLOCKS * 3
    assert len(Blocks.read(3).divide(most, 1000)) == MAX_BLOCKS
    with pytest.raises(
        AggregationError, match=r"blocks = 3: 30001 parameters have more than 10000.*4 or more"
    ):
        Blocks.read(3).divide(most + 1, 1000)
    assert len(Blocks.read(4).divide(most + 1, 1000)) == 7501


@pytest.mark.parametrize("name", RULES)
def test_a_block_in_which_rounding_fills_the_ball_is_refused(name: str) -> None:
    with pytest.raises(AggregationError, match=r"too coarse for 1 of 1000 .*; theta from 9 on"):
        aggregator(name, {"theta": 8, "blocks": "999 1"}).relation(1000)
    aggregator(name, {"theta": 9, "blocks": "999 1"}).relation(1000)


def test_a_ball_that_holds_nothing_but_0_is_refused() -> None:
    """T_b = 0, where the other block's ball is wide enough for its rounding."""
    rule = aggregator("weighted-mean", {"theta": 11, "blocks": "1999999 1"})
    with pytest.raises(AggregationError, match="too coarse for 1 of 2000000"):
        rule.relation(2_000_000)


# -- F^P -----------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(-12, 12), st.integers(1, 60))
@settings(max_examples=60)
def test_each_block_keeps_its_direction_and_is_clipped_alone(
    seed: int, magnitude: int, length: int
) -> None:
    of, model = ball(tau="3/2", blocks=length), model_of(50, seed)
    random = np.random.default_rng([seed, 1])
    change = random.standard_normal(50) * 2.0 ** (magnitude + random.integers(-3, 4, 50))
    update = (model + change).astype(np.float32)
    change = update.astype(np.float64) - model
    encoded = of.encode("test", model, update)
    for block in of.blocks.divide(50, of.limit):
        part = change[block.window]
        radius = 1.5 * (block.length / 50) ** 0.5
        expected = part * min(1.0, radius / float(np.linalg.norm(part)))
        got = encoded[block.window] / float(of.scale)
        assert float(np.linalg.norm(got)) <= radius
        assert np.abs(got - expected).max() <= 1.5 * (1 / of.limit + 8 / of.limit)


def test_a_change_within_the_whole_ball_but_not_within_a_block_is_clipped_there_alone() -> None:
    of, model = ball(tau="1", blocks=10), np.zeros(40, np.float32)
    update = np.zeros(40, np.float32)
    update[3], update[25] = 0.9, 0.3  # a block's radius is 1/2
    whole = ball(tau="1").encode("test", model, update)[:40] / float(of.scale)
    assert whole == pytest.approx(update.astype(float), abs=1e-5)
    got = of.encode("test", model, update)[:40] / float(of.scale)
    assert got[3] == pytest.approx(0.5, abs=1e-4) and got[3] <= 0.5
    assert got[25] == pytest.approx(0.3, abs=1e-5)


def test_weighted_means_of_blocks_are_means_of_what_was_clipped() -> None:
    """The liar's weight of 3 in 10 moves each block by 3/10 of its radius and no more."""
    rule = aggregator("weighted-mean", {"tau": "1/2", "theta": 20, "blocks": "30 10"})
    model = model_of(40, 1)
    lie = np.full(40, 3e38, dtype=np.float32)
    moved = aggregate(rule, model, [model.copy(), lie], 0, weights=[7, 3]).astype(float) - model
    for window, share in ((slice(0, 30), 3 / 4), (slice(30, 40), 1 / 4)):
        most = 0.3 * 0.5 * share**0.5
        assert 0.999 * most < float(np.linalg.norm(moved[window])) <= most * (1 + 1e-6)


# -- what members accept -------------------------------------------------------------------------


def shape(of: Ball, parameters: int) -> DealingShape:
    return DealingShape(PLAN, P61, of.relation(parameters))


def accepted(of: DealingShape, values: np.ndarray) -> bool:
    """As t seats keep silent: 2δ members may be satisfied by polynomials made to fit them."""
    made = seal(of, CONTEXT, split(of, values, SECRET, CONTEXT))
    found = [
        check(of, seat, CONTEXT, made.root, made.proof, package)
        for seat, package in enumerate(made.packages)
    ]
    assert set(found) <= {Verdict.VALID, Verdict.INVALID}
    return found.count(Verdict.VALID) > 2 * PLAN.degree


@pytest.mark.parametrize("wrong", [0, 1, 2])
@pytest.mark.parametrize("slack", ["none", "all ones", "modulo p"])
def test_a_block_beyond_its_own_ball_is_refused_and_convicted(wrong: int, slack: str) -> None:
    """One above T_b² in one block, all else 0: far inside the ball as a whole. There is no slack
    that would do, and none is taken for one.
    """
    of = ball(blocks="8 8 5")
    where = shape(of, 21)
    blocks = of.blocks.divide(21, of.limit)
    vector = np.zeros(21, np.int64)
    vector[blocks[wrong].window.start] = blocks[wrong].limit
    assert of.holds(vector)
    values = of.lay_out(vector)
    assert where.relation.violations(P61.p, values) == [] and accepted(where, values)
    vector[blocks[wrong].window.start] += 1
    assert not of.holds(vector) and int(vector @ vector) < of.limit**2
    values = of.lay_out(np.zeros(21, np.int64))
    values[:21] = vector
    window = where.relation.segment(f"slack {wrong}")
    over = int(vector @ vector) - blocks[wrong].limit ** 2
    if slack == "none":
        values[window] = 0
    elif slack == "all ones":
        values[window] = 1
    else:  # a "bit" that makes up for it
        values[window] = 0
        values[window.start] = -over
    assert any("does not hold" in each or "breaks" in each
               for each in where.relation.violations(P61.p, values))  # fmt: skip
    with pytest.raises(ValueError, match=f"slack {wrong}"):
        deal(where, values, SECRET, CONTEXT)
    assert not accepted(where, values)


def test_what_one_block_has_to_spare_is_no_other_blocks() -> None:
    """Each block's slack stands in its own sum: an empty block's does not let another be longer."""
    of = ball(blocks="8 8 5")
    where = shape(of, 21)
    vector = np.zeros(21, np.int64)
    vector[0] = of.blocks.divide(21, of.limit)[0].limit
    values = of.lay_out(vector)
    values[0] += 1000
    first, second = (where.relation.segment(f"slack {index}") for index in (0, 1))
    values[first], values[second] = values[second].copy(), values[first].copy()
    assert not accepted(where, values)


@pytest.mark.parametrize("parameters", [21, 40])
def test_a_point_of_the_blocks_has_a_preimage_and_nothing_else_has(parameters: int) -> None:
    of, model = ball(blocks=8), model_of(parameters, 2)
    vector = np.zeros(parameters, np.int64)
    for block in of.blocks.divide(parameters, of.limit):
        vector[block.window.stop - 1] = -block.limit
    encoded = of.lay_out(vector)
    update = of.preimage(model, encoded)
    assert np.array_equal(of.encode("test", model, update), encoded)
    for place in (0, parameters - 1, parameters, len(encoded) - 1):
        wrong = encoded.copy()
        wrong[place] += 1
        with pytest.raises(AggregationError, match="no encoding"):
            of.preimage(model, wrong)
    with pytest.raises(AggregationError, match="no encoding"):
        ball().preimage(model, encoded)
