"""A model's one form and its hash; the clear rules."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.aggregation import AggregationError, canonical_model, model_hash
from protocols.aggregation.clear import plain_mean


def test_equal_models_have_equal_hashes_and_others_do_not() -> None:
    model = canonical_model(np.array([1.0, -0.0, 1e-45, 0.1]))
    assert model.tolist() == [1.0, 0.0, 0.0, np.float32(0.1)]
    assert not np.signbit(model).any()
    assert model_hash(model) == model_hash(model.astype(">f4").astype(np.float32))
    assert model_hash(model) != model_hash(model[:-1])
    changed = model.copy()
    changed[3] = np.nextafter(changed[3], np.float32(1))
    assert model_hash(model) != model_hash(changed)
    assert len(model_hash(model)) == 32


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(AggregationError, match="coordinate 1"):
        canonical_model(np.array([0.0, np.nan]))
    with pytest.raises(AggregationError, match="vector"):
        canonical_model(np.zeros((2, 2)))
    with pytest.raises(AggregationError, match="float32"):
        model_hash(np.zeros(2))  # type: ignore[arg-type]


def test_plain_mean_is_the_mean_and_lets_one_liar_do_anything() -> None:
    honest = np.array([[1, 2], [3, 4]], dtype=np.float32)
    assert plain_mean(honest).tolist() == [2.0, 3.0]
    lie = np.array([[3e38, -3e38]], dtype=np.float32)
    assert np.abs(plain_mean(np.concatenate([honest, lie]))).min() > 1e37
    with pytest.raises(AggregationError):
        plain_mean(np.zeros((0, 3), dtype=np.float32))
