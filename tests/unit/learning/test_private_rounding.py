"""Rows' gradients as integers: no norm is above the bound, and little is lost below it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from peerd.learning.private.rounding import to_integers

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


def norms(integers: torch.Tensor) -> list[int]:
    """Squared, in Python's integers."""
    return [sum(value * value for value in row) for row in integers.tolist()]


@given(
    st.integers(1, 12).flatmap(
        lambda d: st.lists(st.lists(FLOATS, min_size=d, max_size=d), min_size=1, max_size=5)
    ),
    st.sampled_from([0.0, 1e-320, 1e-6, 0.3, 1.0, 7.0, 1e6]),
    st.sampled_from([1, 2, 3, 32, 1024, 65536]),
)
def test_no_row_is_longer_than_the_bound(rows: list[list[float]], clip: float, steps: int) -> None:
    found = to_integers(torch.tensor(rows, dtype=torch.float32), clip, steps)
    integers = found.rows
    assert integers.dtype == torch.int64
    assert max(norms(integers)) <= steps * steps
    bad = [not all(map(math.isfinite, row)) for row in rows]
    assert found.unfit.tolist() == bad and not (found.unfit & found.clipped).any()
    assert not any(any(row) for row, is_bad in zip(integers.tolist(), bad, strict=True) if is_bad)


@given(st.integers(0, 10**6), st.sampled_from([1, 5, 32, 1024]), st.sampled_from([3, 500, 20_000]))
def test_nor_are_rows_of_many_numbers(seed: int, steps: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(3, size, generator=generator) * 10.0 ** (seed % 9 - 4)
    found = to_integers(rows, 1.0, steps)
    assert max(norms(found.rows)) <= steps * steps and not found.unfit.any()


def test_a_row_below_the_clip_is_rounded_and_no_more() -> None:
    rows = torch.tensor([[0.3, -0.1, 0.0004], [0.0, 0.0, 0.0]])
    found = to_integers(rows, 2.0, 1000)
    assert found.rows.tolist() == [[150, -50, 0], [0, 0, 0]] and not found.clipped.any()


def test_a_row_on_the_bound_reaches_it() -> None:
    found = to_integers(torch.tensor([[5.0, 0.0], [-3.0, 4.0], [3.0, 4.1]]), 5.0, 1000)
    assert found.rows[:2].tolist() == [[1000, 0], [-600, 800]]
    assert found.clipped.tolist() == [False, False, True]


@pytest.mark.parametrize("size", [100, 5_000, 200_000])
def test_what_is_clipped_keeps_its_direction_and_its_length(size: int) -> None:
    """Rounding alone makes such rows longer than the bound: they lose a hundredth at most."""
    rows = torch.randn(8, size, generator=torch.Generator().manual_seed(size))
    integers = to_integers(rows, 1.0, 1024).rows
    assert all(0.99 * 1024 <= math.sqrt(norm) <= 1024 for norm in norms(integers))
    cosine = torch.nn.functional.cosine_similarity(integers.double(), rows.double())
    assert cosine.min() > 0.95


def test_a_row_does_not_change_what_its_neighbours_become() -> None:
    one = torch.tensor([[3.0, 1.0]])
    nan = torch.tensor([[math.nan, 1.0]])
    large = torch.tensor([[3e38, 3e38]])
    alone, found = to_integers(one, 1.0, 64), to_integers(torch.cat([nan, one, large]), 1.0, 64)
    beside = found.rows
    assert beside[1].tolist() == alone.rows[0].tolist() and beside[0].tolist() == [0, 0]
    assert found.unfit.tolist() == [True, False, False] and beside[2].tolist() == [45, 45]
