"""Sums of runs, many in one pass."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.field import FAMILY, PrimeField


@pytest.mark.parametrize("of", FAMILY, ids=lambda of: str(of.p))
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=20), seed=st.integers(0, 2**32))
def test_each_is_the_sum_of_its_run(of: PrimeField, lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, of.p, (3, sum(lengths)), dtype=np.uint64)
    values[0] = of.p - 1
    edges = [0, *np.cumsum(lengths).tolist()]
    found = of.run_sums(values.astype(of.dtype), edges[:-1])
    assert found.dtype == np.uint64 and found.shape == (3, len(lengths))
    for row in range(3):
        for at, (start, end) in enumerate(pairwise(edges)):
            assert int(found[row, at]) == sum(map(int, values[row, start:end])) % of.p
