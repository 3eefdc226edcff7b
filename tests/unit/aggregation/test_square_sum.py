"""Sums of squares in parts: nothing wraps around at any length, and no part's sum is another."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_samples import ball_points, inside, model_of

from protocols.aggregation import AggregationError, Aggregator, aggregator, square_sum
from protocols.aggregation.ball import Ball
from protocols.aggregation.bits import LARGEST_PRIME, to_bits
from protocols.aggregation.contract import Encoded, Reference
from protocols.aggregation.fltrust import FLTrust
from protocols.aggregation.square_sum import MIN_PART, SquareSum
from protocols.field import P61, Residues
from protocols.opening import open_sum
from protocols.plan import CommitteePlan
from protocols.proof import (
    Dealing,
    DealingShape,
    Verdict,
    check,
    deal,
    seal,
    smallness,
    split,
)
from protocols.proof.layout import Projected

PLAN = CommitteePlan(committee=10, threshold=1, packing=4, absent=0)
SECRET, CONTEXT = b"s" * 32, b"c" * 32
PARTS = 10_000
"""Parameters: at theta = 18, parts of 4096."""
RULES = ["weighted-mean", "centered-clipping-l2", "fltrust"]


def ball(**constants: int | str) -> Ball:
    rule = aggregator("weighted-mean", {"theta": 18, **constants})
    return rule.ball  # type: ignore[attr-defined, no-any-return]


@cache
def in_parts() -> DealingShape:
    return DealingShape(PLAN, P61, ball().relation(PARTS))


# -- sizes ---------------------------------------------------------------------------------------


@given(st.integers(1, 10**8), st.integers(1, 40), st.integers(4, 56))
def test_no_sum_wraps_around(length: int, magnitude: int, bits: int) -> None:
    """Whatever the values up to the largest, and whatever bits are beside them: if it is said."""
    largest = 1 << magnitude
    of = SquareSum.divided("v", length, largest, bits)
    longest = max(window.stop - window.start for window in of.windows)
    assert sum(window.stop - window.start for window in of.windows) == length
    assert of.modulus_above(largest) >= longest * largest**2 + (1 << bits)
    assert of.modulus_above(largest) >= (len(of.windows) + 1) << bits or len(of.windows) == 1
    fits = of.modulus_above(largest) < LARGEST_PRIME
    whole = length * largest**2 + (1 << bits) < LARGEST_PRIME
    assert (len(of.windows) == 1) == whole or not fits
    if len(of.windows) > 1:
        assert of.part >= MIN_PART and of.part & (of.part - 1) == 0
        assert of.part * largest**2 + (1 << bits) < LARGEST_PRIME


@pytest.mark.parametrize("name", ["weighted-mean", "centered-clipping-l2"])
@pytest.mark.parametrize("parameters", [10**6, 10**7, 10**8])
@pytest.mark.parametrize("blocks", ["whole", "layers"])
def test_the_default_holds_models_of_any_size(name: str, parameters: int, blocks: str) -> None:
    """Sizes alone. The hidden bits are less than a thousandth of the values."""
    layers = f"{parameters // 2} {parameters // 4} 2x{parameters // 8}"
    relation = aggregator(name, {"blocks": layers if blocks == "layers" else blocks}).relation(
        parameters
    )
    assert relation.opened_length == parameters
    assert relation.length - parameters < parameters / 1000
    assert relation.fits(LARGEST_PRIME)
    assert [len(small.segments) for small in relation.smallness] == [
        sum(segment.opened for segment in relation.segments)
    ]


BEFORE = {
    ("weighted-mean", 100_000): "ea605a231576f01fba98924d",
    ("fltrust", 100_000): "1ca15b63eb4aaeac286f8daf",
    ("centered-clipping-l2", 131_071): "4f94c25b0f259dec45e2f007",
}
"""Identifiers of version 2's shapes, as the code computed them before it knew parts (bf3f88b)."""


@pytest.mark.parametrize(("name", "parameters"), BEFORE)
def test_what_fitted_in_one_sum_is_proven_as_before(name: str, parameters: int) -> None:
    """A group of version 2 with such a model goes on as it is."""
    relation = aggregator(name, {}).relation(parameters)
    of = DealingShape(PLAN, P61, relation, 2)
    assert of.identifier.hex()[:24] == BEFORE[name, parameters]


# -- round trips ---------------------------------------------------------------------------------


@settings(max_examples=10)
@given(st.integers(0, 10_000))
def test_points_of_a_ball_in_parts_are_laid_out_and_read(seed: int) -> None:
    of, model = ball(), model_of(PARTS, seed)
    relation = of.relation(PARTS)
    assert [segment.length for segment in relation.segments if segment.opened] == [4096, 4096, 1808]
    for vector in ball_points(of.limit, PARTS, np.random.default_rng(seed)):
        encoded = of.lay_out(vector)
        assert relation.violations(P61.p, encoded) == []
        assert np.array_equal(encoded[:PARTS], vector)
        assert np.array_equal(of.encode("test", model, of.preimage(model, encoded)), encoded)
        for index, start in enumerate((0, 4096, 8192)):
            bits = encoded[relation.segment(f"square sum of change, part {index}")]
            part = vector[start : start + 4096]
            assert sum(int(b) << i for i, b in enumerate(bits)) == int(part @ part)
        wrong = encoded.copy()
        wrong[relation.segment("square sum of change, part 1").start] ^= 1
        assert len(relation.violations(P61.p, wrong)) == 2
        with pytest.raises(AggregationError, match="no encoding"):
            of.preimage(model, wrong)


def test_parts_of_several_blocks() -> None:
    of = ball(blocks="9000 1000")
    relation = of.relation(PARTS)
    vector = np.concatenate(
        [
            inside(np.random.default_rng(1).standard_normal(block.length), block.limit)
            for block in of.blocks.divide(PARTS, of.limit)
        ]
    )
    encoded = of.lay_out(vector)
    assert relation.violations(P61.p, encoded) == []
    assert [s.name for s in relation.segments if s.opened] == [
        *(f"change, block 0, part {index}" for index in range(3)),
        "change, block 1",
    ]
    dealt = deal(DealingShape(PLAN, P61, relation), encoded, SECRET, CONTEXT)
    assert judged(DealingShape(PLAN, P61, relation), dealt) == {Verdict.VALID}


def judged(of: DealingShape, made: Dealing) -> set[Verdict]:
    item = CONTEXT, made.root, made.proof
    return {check(of, seat, *item, package) for seat, package in enumerate(made.packages)}


def test_a_sum_in_parts_is_opened_as_one_vector() -> None:
    of = in_parts()
    values = [ball().lay_out(inside(np.random.default_rng(i).standard_normal(PARTS), 9e4))
              for i in range(3)]  # fmt: skip
    words = None
    for each in values:
        vectors = split(of, each, SECRET, CONTEXT).vectors[:, : of.opened_polynomials]
        words = vectors if words is None else of.field.add(words, vectors)
    assert words is not None
    opened = open_sum(of, dict(enumerate(words)), b"e" * 16)
    assert opened.values.tolist() == sum(each[:PARTS] for each in values).tolist()


# -- liars ---------------------------------------------------------------------------------------


def accepted(of: DealingShape, values: Encoded) -> bool:
    """As t seats keep silent: 2δ members may be satisfied by polynomials made to fit them."""
    made = seal(of, CONTEXT, split(of, of.field.array(values), SECRET, CONTEXT))
    found = [
        check(of, seat, CONTEXT, made.root, made.proof, package)
        for seat, package in enumerate(made.packages)
    ]
    assert set(found) <= {Verdict.VALID, Verdict.INVALID}
    return found.count(Verdict.VALID) > 2 * PLAN.degree


def put(of: DealingShape, values: Encoded, name: str, number: int) -> None:
    window = of.relation.segment(name)
    values[window] = to_bits(number, window.stop - window.start)


def test_a_vector_beyond_the_ball_is_convicted_whatever_its_parts_bits_say() -> None:
    """T² + 1 over two parts: with both sums true there is no slack; with one of them smaller than
    true all adds up, but that part's own sum.
    """
    of, limit = in_parts(), ball().limit
    vector = np.zeros(PARTS, np.int64)
    vector[0], vector[5000] = limit, 1
    assert not ball().holds(vector)
    values = ball().lay_out(vector * (np.arange(PARTS) < 4096))
    assert accepted(of, values)
    values[5000] = 1
    assert of.relation.violations(P61.p, values)
    assert not accepted(of, values), "the second part's bits say 0"
    put(of, values, "square sum of change, part 1", 1)
    assert not accepted(of, values), "the slack is 0, and would have to be -1"
    put(of, values, "square sum of change, part 0", limit**2 - 1)
    assert not accepted(of, values), "the first part's bits say one too little"


@pytest.mark.parametrize("spelt", ["nothing", "all that there is room for", "modulo 2^34"])
def test_a_part_of_the_largest_coordinates_has_no_bits_that_spell_it(spelt: str) -> None:
    """As large as smallness lets them be, in all of one part: their squares sum to less than p,
    and to more than 34 bits spell. In one sum for all parameters they would wrap around.
    """
    of, largest = in_parts(), ball()._largest
    total = 4096 * largest**2
    assert 1 << 34 <= total < P61.p - (1 << 34) < PARTS * largest**2
    values = ball().lay_out(np.zeros(PARTS, np.int64))
    values[:4096] = largest
    number = {"nothing": 0, "modulo 2^34": total % (1 << 34)}.get(spelt, (1 << 34) - 1)
    put(of, values, "square sum of change, part 0", number)
    assert any("summed constraint" in each for each in of.relation.violations(P61.p, values))
    sums_alone = DealingShape(PLAN, P61, replace(of.relation, smallness=()))
    assert not accepted(sums_alone, values)


def test_squares_that_sum_to_1_modulo_p_are_convicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """2^30 twice: the squares sum to p + 1, as in all sums a single 1 does. Smallness refuses it,
    also from a liar whose projections' bits are cut to what there is room for. The control: the
    sums alone take it.
    """
    values = ball().lay_out(np.eye(1, PARTS, 0, dtype=np.int64)[0])
    values[:2] = 1 << 30
    assert P61.p + 1 == 2 << 60
    of = in_parts()
    broken = of.relation.violations(P61.p, values)
    assert broken and all("too large" in each for each in broken)
    sums_alone = DealingShape(PLAN, P61, replace(of.relation, smallness=()))
    assert accepted(sums_alone, values)
    honest = smallness._bit_slots

    def cut(shape: DealingShape, each: Projected, y: Residues) -> Residues:
        bound = np.full(len(y), each.small.bound, np.uint64)
        fitting = shape.field.add(y, bound) % (np.uint64(2) * bound)
        return honest(shape, each, shape.field.sub(fitting, bound))

    monkeypatch.setattr(smallness, "_bit_slots", cut)
    assert not accepted(of, values)


# -- FLTrust -------------------------------------------------------------------------------------


def trust(parameters: int) -> tuple[FLTrust, Reference]:
    rule = aggregator("fltrust", {"theta": 17})
    assert isinstance(rule, FLTrust)
    step = np.random.default_rng(4).standard_normal(parameters)
    return rule, rule.reference(step)


def test_trust_in_parts_is_dealt_and_read() -> None:
    """And any one step beside it is convicted: in W, in X, in a part's bits, in both slacks."""
    rule, root = trust(PARTS)
    model = model_of(PARTS, 1)
    relation = rule.relation(PARTS, root)
    assert [s.name for s in relation.segments if s.opened] == [
        *(f"gradient, part {index}" for index in range(3)),
        "score",
    ]
    of = DealingShape(PLAN, P61, relation)
    update = (model + 0.01 * root / rule.scale).astype(np.float32)
    encoded = rule.encode(model, update, root)
    _, score = rule._form.read(encoded, PARTS, root)
    assert score > 0.9 * rule.scale
    assert judged(of, deal(of, encoded, SECRET, CONTEXT)) == {Verdict.VALID}
    assert np.array_equal(rule.encode(model, rule.preimage(model, encoded, root), root), encoded)
    for name in [segment.name for segment in relation.segments]:
        wrong = encoded.copy()
        wrong[relation.segment(name).start] ^= 1
        assert relation.violations(P61.p, wrong)
        assert not accepted(of, wrong), name


def test_a_score_above_the_cosine_is_convicted_in_parts() -> None:
    """W as long as X, and not along G_0: only ⟨W, G_0⟩ ≥ X² refuses, over all parts."""
    rule, root = trust(PARTS)
    across = np.random.default_rng(9).standard_normal(PARTS)
    across -= (across @ root) * root / float(root @ root)
    vector = inside(across, 0.9 * rule.scale)
    score = int(0.9 * rule.scale)
    assert not rule._form.holds(vector, score, root)
    relation = rule.relation(PARTS, root)
    of = DealingShape(PLAN, P61, relation)
    values = rule._form.lay_out(vector, score, vector * 2)  # slacks as if it were along the root
    assert not accepted(of, values)


def bound_of(rule: Aggregator, parameters: int) -> int:
    return rule.relation(parameters).least_modulus


def test_an_inner_product_with_the_root_needs_no_parts() -> None:
    """|⟨W, G_0⟩| ≤ S² by Cauchy-Schwarz, as long as ‖W‖ ≤ X ≤ S: its bound doesn't grow with d."""
    rule, _ = trust(10)
    assert bound_of(rule, 10**6) == bound_of(rule, 10**5)
    assert max(bound_of(rule, d) for d in (10**5, 10**6, 4 * 10**6)) < P61.p


@pytest.mark.parametrize("length", [1, 4095, 4096, 4097, 100_000])
def test_a_sum_of_squares_does_not_overflow(length: int) -> None:
    vector = np.full(length, 1 << 24, np.int64)
    assert square_sum.of(vector) == length << 48
