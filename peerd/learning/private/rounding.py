"""A row's gradient as integers whose 2-norm is bounded, exactly (worker only)."""

from __future__ import annotations

from dataclasses import dataclass

import torch

PASSES = 3
"""Roundings of a row, each shorter by what the last one was too long. Rounding d numbers adds about
d/12 to the square of their norm, and a pass takes most of that away again.
"""
MARGIN = 1 - 2**-8
"""How much shorter than the bound asks for, so that the next rounding is likely within it; numbers
that are truncated surely are.
"""

LEAST = 1e-100
"""A norm that only zeros are below: what they are divided by must be a number, however small C."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """``rows``: int64 (m, d). ``clipped``, ``unfit``: bool (m,), what was longer than the clip, and
    what was not finite.
    """

    rows: torch.Tensor
    clipped: torch.Tensor
    unfit: torch.Tensor


def to_integers(gradients: torch.Tensor, clip: float, steps: int) -> Rounded:
    """⌊g·steps/clip⌉ of each row of ``gradients`` (m, d), clipped.

    No row's 2-norm is above ``steps``: integers are compared, and no float has a say. A row that
    floats can't bring below it, and one that is not finite, is 0. Every row takes the same passes.
    """
    finite = gradients.isfinite().all(dim=1)
    exact = torch.where(finite[:, None], gradients, 0).to(torch.float64)
    norms = torch.linalg.vector_norm(exact, dim=1)
    scale = steps / norms.clamp(min=max(clip, LEAST))
    bound = steps * steps
    kept = _rounded(exact, scale, steps)
    for _ in range(PASSES - 1):
        squared = _squared(kept)
        long = squared > bound
        shorter = scale * MARGIN * (bound / squared.clamp(min=1).to(torch.float64)).sqrt()
        scale = torch.where(long, shorter, scale)
        kept = torch.where(long[:, None], _rounded(exact, scale, steps), kept)
    long = _squared(kept) > bound
    cut = (exact * (scale * MARGIN)[:, None]).trunc_().clamp_(-steps, steps).to(torch.int64)
    kept = torch.where(long[:, None], cut, kept)
    kept = torch.where((_squared(kept) <= bound)[:, None], kept, 0)
    return Rounded(kept, norms > clip, ~finite)


def _rounded(exact: torch.Tensor, scale: torch.Tensor, steps: int) -> torch.Tensor:
    """No coordinate is above ``steps``, so that squares of 2^26 of them add up in 63 bits."""
    return (exact * scale[:, None]).round_().clamp_(-steps, steps).to(torch.int64)


def _squared(integers: torch.Tensor) -> torch.Tensor:
    """The square of each row's norm, int64 (m,)."""
    return (integers * integers).sum(dim=1)
