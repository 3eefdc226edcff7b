"""What liars see of a round, and how a lie becomes a model of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from protocols.aggregation.contract import Model

Changes: TypeAlias = NDArray[np.float64]
Vector: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class View:
    """One round as omniscient liars see it: all changes x_i − w, before anybody has spoken.

    ``honest`` (h, d): the honest peers' changes. ``own`` (f, d): what each liar learnt on its own
    data, which its attack may have poisoned. ``previous`` (d,): the common model's last change,
    None in the first round. ``random`` is seeded by run and round.
    """

    round: int
    honest: Changes
    own: Changes
    previous: Vector | None
    random: np.random.Generator

    @property
    def liars(self) -> int:
        return len(self.own)

    @property
    def peers(self) -> int:
        return len(self.own) + len(self.honest)


Attack: TypeAlias = Callable[[View], Changes]
"""From the view of a round to the liars' changes (f, d). May remember earlier rounds."""


def said(model: Model, change: Vector) -> Model:
    """The model (d,) that a liar claims to have learnt: ``model`` + ``change``, finite in float32.

    A change smaller than the distance to the next float32 must not turn into a tie.
    """
    limit = float(np.finfo(np.float32).max)
    forged: Model = np.clip(model.astype(np.float64) + change, -limit, limit).astype(np.float32)
    lost = (forged == model) & (change != 0)
    towards = np.where(change > 0, np.float32(np.inf), np.float32(-np.inf)).astype(np.float32)
    return np.where(lost, np.nextafter(model, towards), forged)
