"""What a group counts of its members' held-out rows: V, what is opened, and what is refused."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.aggregation import AggregationError, aggregator
from protocols.aggregation.clear_sum import opened_part
from protocols.aggregation.evaluation import Counts, Evaluation
from protocols.field import P16, P31, field_for
from protocols.opening import open_sum, sum_shares
from protocols.plan import plan_group
from protocols.proof import DealingShape, Verdict, check_many, deal, seal, split

ROWS = (100, 0, 63, 50)
FULL = Evaluation(ROWS, classes=3, loss_bits=6)
KINDS = [
    FULL,
    Evaluation(ROWS, loss_bits=0),
    Evaluation(ROWS, classes=2),
    Evaluation(ROWS, accuracy=False, loss_bits=8),
]
PLAN = plan_group(4, Fraction(1, 4), Fraction(0))
CONTEXT, SECRET = b"c" * 32, b"s" * 32


@st.composite
def counts(draw: st.DrawFn, of: Evaluation, peer: int) -> Counts:
    rows, left = of.rows[peer], of.rows[peer]
    class_rows = []
    for _ in range(of.classes):
        class_rows.append(draw(st.integers(0, left)))
        left -= class_rows[-1]
    right = draw(st.integers(0, rows)) if of.accuracy else 0
    class_right = tuple(draw(st.integers(0, each)) for each in class_rows)
    loss = draw(st.integers(0, of.loss_levels))
    return Counts(1, rows, right, tuple(class_rows), class_right, loss)


@given(st.data())
def test_what_a_site_can_have_is_in_v_and_is_read_again(data: st.DataObject) -> None:
    of = data.draw(st.sampled_from(KINDS))
    peer = data.draw(st.sampled_from([0, 2, 3]))
    said, relation = data.draw(counts(of, peer)), of.relation()
    values = of.encode(peer, said)
    assert relation.violations(P16.p, values, of.public_inputs(peer)) == []
    assert of.read(opened_part(relation, values)) == said


@pytest.mark.parametrize("of", KINDS)
@pytest.mark.parametrize("peer", range(4))
def test_who_takes_no_part_counts_nothing(of: Evaluation, peer: int) -> None:
    values, relation = of.encode(peer, None), of.relation()
    assert not values.any()
    assert relation.violations(P16.p, values, of.public_inputs(peer)) == []
    empty = (0,) * of.classes
    assert of.read(opened_part(relation, values)) == Counts(0, 0, 0, empty, empty, 0)


def test_every_opened_value_is_bounded_by_what_is_hidden() -> None:
    """Whatever is opened otherwise, with the bits of one's choice: nothing beyond n, nothing below
    0, no row right that is none, and nothing at all from who takes no part.
    """
    of = Evaluation((63, 63), classes=2, loss_bits=2)
    relation = of.relation()
    honest = of.encode(0, Counts(1, 63, 9, (20, 30), (5, 4), 2))
    opened = [s for s in relation.segments if s.opened]
    for segment, change in itertools.product(opened, (1, -1, 64, -64)):
        for offset in range(segment.length):
            forged = honest.copy()
            forged[relation.segment(segment.name).start + offset] += change
            assert relation.violations(P16.p, forged, (63, 0)), (segment.name, offset, change)


def test_who_has_no_rows_takes_no_part_whatever_it_deals() -> None:
    """Its bit would be a site more, and its loss would move the mean of the others'."""
    of = FULL
    relation = of.relation()
    forged = of.encode(1, None)
    for name, value in (("sites", 1), ("loss", 63), ("loss bits", 1)):
        forged[relation.segment(f"evaluation: {name}")] = value
    assert relation.violations(P16.p, forged, of.public_inputs(1))
    shape = shape_of(of)
    update = values_of_site(of, 1)[: -relation.length]
    parts = split(shape, np.concatenate([update, forged]), SECRET, CONTEXT)
    lied = seal(shape, CONTEXT, parts, of.public_inputs(1))
    for seat in range(PLAN.committee):
        item = CONTEXT, lied.root, lied.proof, lied.packages[seat]
        assert check_many(shape, seat, [item], [of.public_inputs(1)])[0] == [Verdict.INVALID]


def test_counts_that_no_site_has_are_refused() -> None:
    for said, why in [
        (Counts(1, 99, 5, (0, 0, 0), (0, 0, 0)), "counts 100 rows"),
        (Counts(0, 100, 5, (0, 0, 0), (0, 0, 0)), "counts 100 rows"),
        (Counts(1, 100, 101, (0, 0, 0), (0, 0, 0)), "than there are"),
        (Counts(1, 100, -1, (0, 0, 0), (0, 0, 0)), "than there are"),
        (Counts(1, 100, 5, (50, 51, 0), (0, 0, 0)), "than there are"),
        (Counts(1, 100, 5, (10, 10, 10), (0, 11, 0)), "than there are"),
        (Counts(1, 100, 5, (10, 10), (0, 1)), "3 classes"),
        (Counts(1, 100, 5, (0, 0, 0), (0, 0, 0), 64), "0 to 63"),
    ]:
        with pytest.raises(AggregationError, match=why):
            FULL.encode(0, said)
    with pytest.raises(AggregationError, match="counts 0 rows"):
        FULL.encode(1, Counts(1, 0, 0, (0, 0, 0), (0, 0, 0)))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rows": (49, 100)}, "50 to"),
        ({"rows": (0, 0)}, "nobody"),
        ({"rows": (100,), "classes": 1}, "classes"),
        ({"rows": (100,), "classes": 257}, "classes"),
        ({"rows": (100,), "loss_bits": 9}, "bits of loss"),
        ({"rows": (100,), "accuracy": False, "classes": 2, "loss_bits": 4}, "can be right"),
        ({"rows": (100,), "accuracy": False}, "neither"),
    ],
)
def test_an_evaluation_that_contradicts_itself_is_refused(wrong: dict, why: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(AggregationError, match=why):
        Evaluation(**wrong)


def test_losses_are_told_in_steps() -> None:
    assert [FULL.steps(loss) for loss in (0.0, 0.26, 0.24, 15.9, 16.0, 1e9)] == [
        0,
        1,
        0,
        63,
        63,
        63,
    ]
    assert [FULL.steps(loss) for loss in (None, float("nan"), float("inf"), -3.0)] == [
        63,
        63,
        63,
        0,
    ]
    assert FULL.mean_loss(Counts(2, 100, loss=3)) == pytest.approx((1.5 + 0.5) / 4)
    assert FULL.mean_loss(Counts(0, 0)) is None


# -- dealt, beside updates of other weights ------------------------------------------------------


def shape_of(of: Evaluation) -> DealingShape:
    rule = aggregator("weighted-mean", {"theta": 12})
    relation = rule.relation(5).beside(of.relation())
    largest = max(rule.largest_sum(5, 10), of.largest_sum)
    field = field_for(largest, PLAN.committee + PLAN.packing, relation.least_modulus)
    return DealingShape(PLAN, field, relation)


def values_of_site(of: Evaluation, peer: int) -> np.ndarray:
    rule, model = aggregator("weighted-mean", {"theta": 12}), np.zeros(5, np.float32)
    update = rule.encode(model, np.full(5, 0.1 * (peer + 1), np.float32))
    rows = of.rows[peer]
    third, none = rows // 3, (0,) * of.classes
    said = Counts(1, rows, rows - peer, (third,) * of.classes, none, peer) if rows else None
    return np.concatenate([update, of.encode(peer, said)])


def test_sums_are_those_of_the_sites_whatever_they_weigh() -> None:
    of, weights = FULL, [7, 1, 1, 1]
    shape = shape_of(of)
    dealt = [values_of_site(of, peer) for peer in range(4)]
    dealings = [
        deal(shape, values, SECRET, CONTEXT, of.public_inputs(peer))
        for peer, values in enumerate(dealt)
    ]
    public = [of.public_inputs(peer) for peer in range(4)]
    words = {}
    for seat in range(PLAN.committee):
        items = [(CONTEXT, d.root, d.proof, d.packages[seat]) for d in dealings]
        verdicts, shares = check_many(shape, seat, items, public)
        assert set(verdicts) == {Verdict.VALID}
        words[seat] = sum_shares(shape, shares, weights)
    opened = open_sum(shape, words, b"e" * 32).values
    parts = np.array([opened_part(shape.relation, values) for values in dealt])
    assert opened[:5].tolist() == (np.array(weights) @ parts[:, :5]).tolist()
    assert opened[5:].tolist() == parts[:, 5:].sum(axis=0).tolist()
    found = of.read(opened[5:])
    assert (found.sites, found.rows) == (3, 213)
    assert found.right == 100 + 61 + 47


@pytest.mark.parametrize("claimed", [101, 99])
def test_a_dealing_with_other_rows_than_the_genesis_names_is_invalid(claimed: int) -> None:
    """Sealed without the check that an honest dealer makes; every seat sees it."""
    other = Evaluation((claimed, 0, 63, 50), classes=3, loss_bits=6)
    shape = shape_of(FULL)
    values = values_of_site(other, 0)
    made = seal(shape, CONTEXT, split(shape, values, SECRET, CONTEXT), (100, 0))
    lied = seal(shape, CONTEXT, split(shape, values, SECRET, CONTEXT), (claimed, 0))
    for dealing in (made, lied):
        for seat in range(PLAN.committee):
            item = CONTEXT, dealing.root, dealing.proof, dealing.packages[seat]
            assert check_many(shape, seat, [item], [(100, 0)])[0] == [Verdict.INVALID]


def test_a_check_without_the_inputs_that_it_takes_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 public inputs"):
        check_many(shape_of(FULL), 0, [(CONTEXT, b"", b"", b"")])
    assert shape_of(FULL).relation.violations(P31.p, values_of_site(FULL, 0)) == [
        "0 public inputs where the relation takes 2"
    ]
