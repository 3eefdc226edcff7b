"""What DP-SGD keeps from round to round, and its step: w, its momentum, and the clipping norm.

All of it is certified, in one vector: w (d,), then m (d,) where there is momentum, then C where
that follows a quantile.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from protocols.aggregation.clip_quantile import ClipQuantile
from protocols.aggregation.contract import AggregationError, Encoded, Model
from protocols.aggregation.model import in_windows
from protocols.aggregation.rounding import Reals


@dataclass(frozen=True, slots=True)
class Optimizer:
    """``eta`` η, ``momentum`` β, and ``clip``: C, or where it starts if ``quantile`` moves it."""

    eta: Fraction
    momentum: Fraction
    clip: Fraction
    quantile: ClipQuantile | None

    def own_parameters(self, parameters: int) -> int:
        """d, of a vector of so many numbers. AggregationError where none has as many."""
        vectors = 2 if self.momentum else 1
        own, left = divmod(parameters - (self.quantile is not None), vectors)
        if left or own < 1:
            raise AggregationError(
                f"{parameters} numbers are not a model's with its momentum and clipping norm:"
                " other constants, or another model"
            )
        return own

    def first_vector(self, model: Model) -> Model:
        """``model`` (d,), m = 0, and the C to start at."""
        still = np.zeros(model.size if self.momentum else 0, np.float32)
        clip = np.array([self.clip] if self.quantile else [], np.float32)
        return np.concatenate([model, still, clip])

    def clip_at(self, vector: Model) -> Fraction:
        """C of the round that ``vector`` leads to: exactly, as all have it."""
        return Fraction(self.quantile.within(float(vector[-1]))) if self.quantile else self.clip

    def stepped(self, vector: Model, opened: Encoded, scale: Fraction, weight: int) -> Model:
        """The next vector. ``opened`` (d,): sums of gradients in units of C/``scale``, and behind
        them the count of clipped rows. The same bits anywhere.
        """
        own = self.own_parameters(vector.size)
        if opened.size != own + (self.quantile is not None):
            raise AggregationError(f"{opened.size} sums were opened for {own} parameters")
        unit = self.clip_at(vector) / scale
        parts = [self._momentum(vector, opened, own, unit)] if self.momentum else []
        if self.quantile is not None:
            clip = self.quantile.moved(float(self.clip_at(vector)), int(opened[own]), weight)
            parts.append(np.array([clip], np.float32))
        moves: Model | Encoded = parts[0] if self.momentum else opened
        step = float(self.eta if self.momentum else self.eta * unit)

        def moved(window: slice) -> Reals:
            move = np.multiply(moves[window].astype(np.float64), step)
            return np.subtract(vector[window].astype(np.float64), move)

        return np.concatenate([in_windows(own, moved), *parts])

    def _momentum(self, vector: Model, opened: Encoded, own: int, unit: Fraction) -> Model:
        """β·m + (1 − β)·u."""
        kept, fresh = float(self.momentum), float((1 - self.momentum) * unit)

        def mixed(window: slice) -> Reals:
            before = vector[own + window.start : own + window.stop].astype(np.float64)
            new = np.multiply(opened[window].astype(np.float64), fresh)
            return np.add(np.multiply(before, kept), new)

        return in_windows(own, mixed)
