"""Every rule through sharing, proof and opening: the model is the clear rule's, to the bit."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from rule_samples import VARIANTS, Variant, model_of, reference_of

from protocols.aggregation import aggregate, aggregator
from protocols.aggregation.contract import Aggregator, Encoded, Model, Reference
from protocols.field import PrimeField, field_for
from protocols.opening import open_sum
from protocols.plan import CommitteePlan
from protocols.proof import Dealing, DealingShape, Verdict, check_many, deal, seal, split

PLAN = CommitteePlan(committee=10, threshold=1, packing=4, absent=0)
PARAMETERS, PEERS = 21, 4
SECRET, CONTEXT = b"s" * 32, b"c" * 32
FORMS = [each for each in VARIANTS if "centered-clipping-32" not in each.label]
every_rule = pytest.mark.parametrize("variant", FORMS, ids=str)


def shape_of(rule: Aggregator, reference: Reference | None, weight: int) -> DealingShape:
    relation = rule.relation(PARAMETERS, reference)
    points = PLAN.committee + PLAN.packing
    field = field_for(rule.largest_sum(PARAMETERS, weight), points, relation.least_modulus)
    return DealingShape(PLAN, field, relation)


def updates_of(model: Model, peers: int, scale: float) -> list[Model]:
    """Around one common direction, so that FLTrust trusts them; the last is its opposite."""
    random = np.random.default_rng(5)
    common = random.standard_normal(model.size)
    changes = [common + random.standard_normal(model.size) for _ in range(peers - 1)]
    return [(model + scale * each).astype(np.float32) for each in [*changes, -common]]


def opened(
    shape: DealingShape, dealings: list[Dealing], weights: list[int], silent: frozenset[int]
) -> Encoded:
    """What the members open from the weighted sums of their shares; all check first."""
    words = {}
    for seat in range(PLAN.committee):
        items = [(CONTEXT + bytes([i]), d.root, d.proof, d.packages[seat]) for i, d in
                 enumerate(dealings)]  # fmt: skip
        verdicts, shares = check_many(shape, seat, items)
        assert set(verdicts) == {Verdict.VALID}
        if seat not in silent:
            valid = [share for share in shares if share is not None]
            words[seat] = _weighted(shape.field, np.stack(valid), weights)
    return open_sum(shape, words, b"e" * 32).values


def _weighted(field: PrimeField, shares: Encoded, weights: list[int]) -> Encoded:
    total = np.zeros(shares.shape[1], np.uint64)
    for share, weight in zip(shares, weights, strict=True):
        total = field.add(total, field.mul(share, np.array(weight, np.uint64)))
    return total.astype(field.dtype)


@every_rule
@pytest.mark.parametrize("scale", [0.01, 5.0])
def test_the_secured_model_is_the_clear_one(variant: Variant, scale: float) -> None:
    rule, model = variant.rule, model_of(PARAMETERS, 3)
    common = np.random.default_rng(5).standard_normal(PARAMETERS)
    reference = rule.reference(common) if rule.uses_reference else None  # type: ignore[attr-defined]
    updates = updates_of(model, PEERS, scale)
    weights = [7, 1, 30, 2] if rule.weighted else [1] * PEERS
    shape = shape_of(rule, reference, sum(weights))
    dealings = [
        deal(shape, rule.encode(model, update, reference), SECRET, CONTEXT + bytes([index]))
        for index, update in enumerate(updates)
    ]
    values = opened(shape, dealings, weights, frozenset({3}))
    secured = rule.apply(model, values, sum(weights), 2)
    clear = aggregate(rule, model, updates, 2, weights=weights, reference=reference)
    assert secured.tobytes() == clear.tobytes()
    assert clear.tobytes() != model.tobytes()


@pytest.mark.parametrize("name", ["centered-clipping-l2", "weighted-mean", "fltrust"])
def test_both_proofs_of_a_rule_give_one_model(name: str) -> None:
    """The bit proof is the reference: the same vectors, shown small in another way."""
    model, reference = model_of(PARAMETERS, 3), None
    models = []
    for proof in ("norm", "bits"):
        rule = aggregator(name, {"theta": 14, "proof": proof})
        if rule.uses_reference:
            reference = reference_of(rule, PARAMETERS, 9)
        encoded = rule.encode(model, updates_of(model, 2, 0.1)[0], reference)
        shape = shape_of(rule, reference, 4)
        values = opened(shape, [deal(shape, encoded, SECRET, CONTEXT + b"\0")], [1], frozenset())
        models.append(rule.apply(model, values, 1, 0).tobytes())
    assert models[0] == models[1]


# -- just outside V --------------------------------------------------------------------------


@cache
def accepted(label: str, poke: str, at: int, by: int) -> bool:
    """Whether a dealing stands whose encoding was moved at one place, as t seats keep silent.

    2δ members may be satisfied by polynomials made to fit them; (A) has one more that is honest.
    """
    variant = next(each for each in VARIANTS if each.label == label)
    rule, model = variant.rule, model_of(PARAMETERS, 3)
    reference = reference_of(rule, PARAMETERS, 9)
    encoded = honest(rule, model, reference)
    relation = rule.relation(PARAMETERS, reference)
    encoded[relation.segment(poke).start + at] += by
    shape = shape_of(rule, reference, 4)
    values = shape.field.array(encoded)
    with pytest.raises(ValueError, match=r"segment|constraint"):
        deal(shape, encoded, SECRET, CONTEXT)
    dealt = seal(shape, CONTEXT, split(shape, values, SECRET, CONTEXT))
    verdicts = [
        check_many(shape, seat, [(CONTEXT, dealt.root, dealt.proof, package)])[0][0]
        for seat, package in enumerate(dealt.packages)
    ]
    return verdicts.count(Verdict.VALID) > 2 * PLAN.degree


def honest(rule: Aggregator, model: Model, reference: Reference | None) -> Encoded:
    if reference is None:
        update = updates_of(model, 2, 0.01)[0]
    else:
        update = (model + 0.01 * reference / float(np.linalg.norm(reference))).astype(np.float32)
    return rule.encode(model, update, reference)


OUTSIDE = [
    (str(each), segment.name, at, by)
    for each in FORMS
    for segment in each.rule.relation(PARAMETERS).segments
    for at in {0, segment.length - 1}
    for by in (1, -1, 2)
    if segment.name[:3] != "bit" or segment.name in ("bit 0", "bit 3")
]


def test_one_step_in_any_place_leaves_v() -> None:
    """All segments of all rules: bits that aren't, coordinates that no slack or link fits.

    A flipped bit may be another point of V (in a box every bit pattern is one), so only steps
    that no honest encoding explains are judged.
    """
    judged = 0
    for label, segment, at, by in OUTSIDE:
        variant = next(each for each in VARIANTS if each.label == label)
        rule, model = variant.rule, model_of(PARAMETERS, 3)
        reference = reference_of(rule, PARAMETERS, 9)
        encoded = honest(rule, model, reference)
        relation = rule.relation(PARAMETERS, reference)
        encoded[relation.segment(segment).start + at] += by
        p = shape_of(rule, reference, 4).field.p
        if relation.violations(p, encoded):
            judged += 1
            assert not accepted(label, segment, at, by), (label, segment, at, by)
        else:
            assert segment in ("sign",) or segment.startswith("bit"), (label, segment, at, by)
    assert judged > len(OUTSIDE) // 2


BALLS = ["centered-clipping-l2-norm", "centered-clipping-l2-bits-12", "weighted-mean-norm-7:3"]


@pytest.mark.parametrize("label", BALLS)
def test_a_vector_just_outside_the_ball_has_no_slack(label: str) -> None:
    """‖V‖² = T² + 1: the slack would be −1, which no bits spell."""
    rule = next(each.rule for each in VARIANTS if each.label == label)
    ball = rule.ball  # type: ignore[attr-defined]
    vector = np.zeros(PARAMETERS, dtype=np.int64)
    vector[0], vector[1] = ball.limit, 1
    assert not ball.holds(vector)
    relation = rule.relation(PARAMETERS)
    p = shape_of(rule, None, 4).field.p
    inside = vector * [1, *[0] * (PARAMETERS - 1)]
    assert relation.violations(p, ball.lay_out(inside)) == []
    assert relation.violations(p, ball.lay_out(vector))
