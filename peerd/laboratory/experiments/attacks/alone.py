"""Lies that a client can tell by itself, from nothing but its own update."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from peerd.errors import TaskError
from peerd.laboratory.experiments.attacks.view import Vector, said
from protocols.aggregation.contract import Encoded, Model

# How many times its true length a lie is, where the rule lets lengths through.
DEFAULT_SCALE = 5.0


def sign_flip(change: Vector, scale: float, random: np.random.Generator) -> Vector:
    """The opposite of what was learnt, ``scale`` times as long (Li et al. 2019, §5, use 4)."""
    return -scale * change


def bit_flip(change: Vector, scale: float, random: np.random.Generator) -> Vector:
    """The sign bit of every coordinate inverted; the length stays (Xie, Koyejo, Gupta 2018).

    Karimireddy et al. (2021, §C) name "bit flipping" what is sent as −∇f; the paper's Table 2
    heads its column "sf". ``scale`` is not used.
    """
    return -change


def gaussian(change: Vector, scale: float, random: np.random.Generator) -> Vector:
    """Noise of ``scale`` times the true change's standard deviation, or ``scale`` if it is 0."""
    return random.standard_normal(change.shape) * scale * (float(np.std(change)) or 1.0)


def zero(change: Vector, scale: float, random: np.random.Generator) -> Vector:
    """No change at all: the plainest free rider."""
    return np.zeros_like(change)


ATTACKS: dict[str, Callable[[Vector, float, np.random.Generator], Vector]] = {
    "sign-flip": sign_flip,
    "bit-flip": bit_flip,
    "gaussian": gaussian,
    "zero": zero,
}
"""What a daemon in a test swarm can be told to play."""


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
    change = update.astype(np.float64) - model.astype(np.float64)
    return said(model, _lie(attack, change, scale, seed, round))


def forge_sum(
    attack: str,
    sum: Encoded,
    longest: int,
    *,
    seed: int,
    round: int,
    scale: float = DEFAULT_SCALE,
) -> Encoded:
    """The liar's sum of rows' gradients, int64 (d,), in place of the honest ``sum``: its 2-norm is
    ``longest`` at most, as no proof would let a longer one through.

    Deterministic in its arguments. Raises TaskError for an unknown attack.
    """
    lie = _lie(attack, sum.astype(np.float64), scale, seed, round)
    length = float(np.linalg.norm(lie))
    room = longest * (1 - 1e-9)  # for what floats round; whole numbers are cut towards 0
    return np.trunc(lie * min(1.0, room / length) if length else lie).astype(np.int64)


def _lie(attack: str, change: Vector, scale: float, seed: int, round: int) -> Vector:
    make = ATTACKS.get(attack)
    if make is None:
        raise TaskError(f"unknown attack {attack!r}", f"known ones: {', '.join(ATTACKS)}")
    return make(change, scale, np.random.default_rng((seed, round)))
