"""What a poisonous client says instead of its update (paper §B.5): for tests and swarms only.

Every lie is told before F^P, so it passes through the encoding of any aggregator and is a
well-formed member of V: no proof can catch it (Definition 1), robustness has to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from protocols.aggregation.contract import Model

# How many times its true length a lie is, where the rule lets lengths through.
DEFAULT_SCALE = 5.0

Vector: TypeAlias = NDArray[np.float64]


def _sign_flip(change: Vector, scale: float, random: np.random.Generator) -> Vector:
    """The opposite of what was learnt: under RSA, every bit inverted."""
    return -scale * change


def _bit_flip(change: Vector, scale: float, random: np.random.Generator) -> Vector:
    """Each coordinate's sign bit inverted with probability 1/2."""
    return np.where(random.random(change.shape) < 0.5, -scale * change, change)


def _gaussian(change: Vector, scale: float, random: np.random.Generator) -> Vector:
    """Noise of ``scale`` times the true change's standard deviation, or ``scale`` if it is 0."""
    return random.standard_normal(change.shape) * scale * (float(np.std(change)) or 1.0)


def _zero(change: Vector, scale: float, random: np.random.Generator) -> Vector:
    """No change at all: a free rider."""
    return np.zeros_like(change)


ATTACKS: dict[str, Callable[[Vector, float, np.random.Generator], Vector]] = {
    "sign-flip": _sign_flip,
    "bit-flip": _bit_flip,
    "gaussian": _gaussian,
    "zero": _zero,
}


def forge(
    attack: str,
    model: Model,
    update: Model,
    *,
    seed: int,
    round: int,
    scale: float = DEFAULT_SCALE,
) -> Model:
    """The liar's update (d,) in place of the honest ``update``, given the round's ``model`` (d,).

    Deterministic in its arguments. Raises TaskError for an unknown attack.
    """
    make = ATTACKS.get(attack)
    if make is None:
        raise TaskError(f"unknown attack {attack!r}", f"known ones: {', '.join(ATTACKS)}")
    random = np.random.default_rng((seed, round))
    wide = model.astype(np.float64)
    change = make(update.astype(np.float64) - wide, scale, random)
    limit = float(np.finfo(np.float32).max)
    forged: Model = np.clip(wide + change, -limit, limit).astype(np.float32)
    # A change smaller than the distance to the next float32 must not turn into a tie.
    lost = (forged == model) & (change != 0)
    towards = np.where(change > 0, np.float32(np.inf), np.float32(-np.inf)).astype(np.float32)
    return np.where(lost, np.nextafter(model, towards), forged)
