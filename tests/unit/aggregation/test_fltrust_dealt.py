"""FLTrust's forbidden scores, dealt by a liar that lays all else out as well as can be (row 79)."""

from __future__ import annotations

import numpy as np
import pytest
from rule_samples import VARIANTS, FLTrust, model_of, reference_of

from protocols.aggregation.contract import Encoded, Reference
from protocols.field import field_for
from protocols.plan import CommitteePlan
from protocols.proof import DealingShape, Verdict, check_many, seal, split

PLAN = CommitteePlan(committee=10, threshold=1, packing=4, absent=0)
SIZE = 21
SECRET, CONTEXT = b"s" * 32, b"c" * 32
RULES = [each for each in VARIANTS if isinstance(each.rule, FLTrust)]


def valid(rule: FLTrust, encoded: Encoded, reference: Reference) -> int:
    """How many of the ten members would find the dealing valid."""
    relation = rule.relation(SIZE, reference)
    points = PLAN.committee + PLAN.packing
    field = field_for(rule.largest_sum(SIZE, 1), points, relation.least_modulus)
    shape = DealingShape(PLAN, field, relation)
    dealt = seal(shape, CONTEXT, split(shape, shape.field.array(encoded), SECRET, CONTEXT))
    return sum(
        check_many(shape, seat, [(CONTEXT, dealt.root, dealt.proof, package)])[0][0]
        is Verdict.VALID
        for seat, package in enumerate(dealt.packages)
    )


def honest(rule: FLTrust) -> tuple[Encoded, int, Reference]:
    reference = reference_of(rule, SIZE, 9)
    model = model_of(SIZE, 3)
    update = (model + 0.01 * reference / float(np.linalg.norm(reference))).astype(np.float32)
    vector, score = rule._form.read(rule.encode(model, update, reference), SIZE, reference)
    assert score > 1
    return vector, score, reference


@pytest.mark.parametrize("variant", RULES, ids=str)
def test_a_negative_score_or_none_beside_a_vector_is_found_out(variant: object) -> None:
    """At most 2δ members can be satisfied by polynomials made to fit them."""
    rule = variant.rule  # type: ignore[attr-defined]
    vector, score, reference = honest(rule)
    zero = np.zeros(SIZE, dtype=np.int64)
    spike = zero.copy()
    spike[0] = 1
    form = rule._form
    assert valid(rule, form.lay_out(vector, score, reference), reference) == PLAN.committee
    assert valid(rule, form.lay_out(zero, 0, reference), reference) == PLAN.committee
    for name, claimed, low in (
        ("negative", vector, -score),
        ("negative and turned round", -vector, -score),
        ("minus one for nothing", zero, -1),
        ("no score beside one step", spike, 0),
        ("no score beside a vector", vector, 0),
        ("a score that its vector has not", -vector, score),
    ):
        found = valid(rule, form.lay_out(claimed, low, reference), reference)
        assert found <= 2 * PLAN.degree, (name, found)


@pytest.mark.parametrize("variant", RULES, ids=str)
def test_each_inequality_holds_to_the_unit(variant: object) -> None:
    """‖W‖² = X² and ⟨W, G_0⟩ = X² are members of V; one more of the first, one less of the second
    leaves a slack of −1, which no bits spell."""
    rule = variant.rule  # type: ignore[attr-defined]
    form, score = rule._form, rule.scale - 1
    first, second = np.eye(2, SIZE, dtype=np.int64)
    reference = score * first
    assert valid(rule, form.lay_out(score * first, score, reference), reference) == PLAN.committee
    longer = score * first + second
    assert int(longer @ longer) == score**2 + 1 and int(longer @ reference) == score**2
    assert valid(rule, form.lay_out(longer, score, reference), reference) <= 2 * PLAN.degree
    reference = (score + 1) * first
    less = (score - 1) * first
    assert int(less @ less) < score**2 and int(less @ reference) == score**2 - 1
    assert valid(rule, form.lay_out(less, score, reference), reference) <= 2 * PLAN.degree
