"""Definition 1 for every rule: V is what F^P yields, all of it and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_samples import VARIANTS, Variant, field_of, model_of, points, reference_of

from peerd.laboratory.experiments.rules import CLEAR_RULES
from peerd.laboratory.simulation.groups import RULES
from protocols.aggregation import AggregationError
from protocols.aggregation.registry import AGGREGATORS

SEEDS = st.integers(0, 2**32 - 1)
every_rule = pytest.mark.parametrize("variant", VARIANTS, ids=str)


def test_every_rule_that_ships_is_tested_simulated_and_compared_in_the_clear() -> None:
    # Of rows' gradients there is a test of its own, and an experiment: one curator, in the clear.
    rows = {"dp-sgd"}
    assert {variant.rule.name for variant in VARIANTS} | rows == set(AGGREGATORS)
    assert set(RULES) == set(AGGREGATORS)
    assert set(AGGREGATORS) - rows <= set(CLEAR_RULES)


@every_rule
@given(seed=SEEDS, parameters=st.integers(1, 40))
@settings(max_examples=40)
def test_every_point_of_v_has_a_preimage(variant: Variant, seed: int, parameters: int) -> None:
    rule, model = variant.rule, model_of(parameters, seed)
    reference = reference_of(rule, parameters, seed)
    relation, p = rule.relation(parameters, reference), field_of(rule, parameters).p
    for point in points(rule, parameters, seed, reference):
        assert relation.violations(p, point) == []
        found = rule.encode(model, rule.preimage(model, point, reference), reference)
        assert np.array_equal(found, point)


@every_rule
@given(seed=SEEDS, parameters=st.integers(1, 200), magnitude=st.integers(-30, 60))
@settings(max_examples=40)
def test_every_update_is_encoded_into_v(
    variant: Variant, seed: int, parameters: int, magnitude: int
) -> None:
    rule, model = variant.rule, model_of(parameters, seed)
    random = np.random.default_rng([seed, 2])
    change = random.standard_normal(parameters) * 2.0**magnitude
    change[random.random(parameters) < 0.1] = 0
    update = (model + change).astype(np.float32)
    reference = reference_of(rule, parameters, seed)
    encoded = rule.encode(model, update, reference)
    assert encoded.dtype == np.int64
    relation = rule.relation(parameters, reference)
    assert relation.violations(field_of(rule, parameters).p, encoded) == []
    again = rule.encode(model.copy(), update.copy(), reference)
    assert np.array_equal(encoded, again)


@every_rule
def test_sizes_depend_on_the_number_of_parameters_only(variant: Variant) -> None:
    rule = variant.rule
    for parameters in (1, 17):
        bare = rule.relation(parameters)
        full = rule.relation(parameters, reference_of(rule, parameters, 3))
        assert bare.segments == full.segments
        assert bare.smallness == full.smallness
        assert bare.modulus_above == full.modulus_above


@every_rule
def test_what_cannot_be_encoded_is_a_local_error(variant: Variant) -> None:
    rule, model = variant.rule, model_of(3, 1)
    reference = reference_of(rule, 3, 1)
    for update in (np.array([1, np.nan, 0]), np.array([np.inf, 0, 0]), np.zeros(2)):
        with pytest.raises(AggregationError):
            rule.encode(model, update.astype(np.float32), reference)
    with pytest.raises(AggregationError):
        rule.encode(np.array([np.nan, 0, 0], dtype=np.float32), model, reference)
    with pytest.raises(AggregationError):
        rule.preimage(model, np.full(rule.relation(3).length, 2, dtype=np.int64), reference)


@every_rule
def test_a_wrong_opening_is_refused(variant: Variant) -> None:
    rule, model = variant.rule, model_of(3, 1)
    length = rule.relation(3).opened_length
    bound = 4 * rule.largest_sum(3, 4)
    for opened in (np.zeros(length + 1), np.full(length, bound + 1), np.full(length, -bound - 1)):
        with pytest.raises(AggregationError):
            rule.apply(model, opened.astype(np.int64), 4, 0)
