"""Lies of liars who know every honest update of the round, and agree on one lie (f rows alike).

Each follows its paper; "honest" is the matrix (h, d) of the honest changes. A change is minus the
step along a gradient, so a paper's formula for gradients holds with both signs turned, where its
sign matters.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from peerd.laboratory.experiments.attacks.view import Changes, Vector, View


def inner_product(honest: Changes, epsilon: float) -> Vector:
    """−ε times the honest mean (Xie, Koyejo, Gupta 2019).

    A plain mean turns round when ε exceeds h / f; small ε are for rules that look at distances.
    """
    result: Vector = -epsilon * honest.mean(axis=0)
    return result


def alie_z(peers: int, liars: int) -> float:
    """z_max = Φ⁻¹((n − f − s) / (n − f)), s = ⌊n/2 + 1⌋ − f (Baruch et al. 2019).

    The s honest peers furthest out are to take the lie's side of the median; none are needed, and
    the largest z of a finite sample is taken, when the liars are a majority by themselves.
    """
    supporters = max(math.floor(peers / 2 + 1) - liars, 0)
    honest = peers - liars
    share = (honest - supporters) / honest
    return NormalDist().inv_cdf(min(max(share, 1 / (2 * honest)), 1 - 1 / (2 * honest)))


def a_little_is_enough(honest: Changes, z: float) -> Vector:
    """μ − zσ by coordinate, σ with n − 1 (Baruch et al. 2019)."""
    result: Vector = honest.mean(axis=0) - z * _deviation(honest)
    return result


def min_max(honest: Changes, direction: str) -> Vector:
    """μ + γp with the largest γ that keeps max‖lie − honest‖ ≤ the honest diameter.

    Min-Max of Shejwalkar and Houmansadr (2021). Each honest change gives one quadratic inequality
    in γ, so the largest γ is the least of their positive roots; the paper searches for it.
    """
    mean: Vector = honest.mean(axis=0)
    push = perturbation(honest, direction)
    limit = _squared_distances(honest).max()
    gaps = mean - honest
    square = float(push @ push)
    if not square:
        return mean
    middle: Vector = gaps @ push
    rest = np.einsum("ij,ij->i", gaps, gaps) - limit
    roots: Vector = (-middle + np.sqrt(np.maximum(middle**2 - square * rest, 0.0))) / square
    result: Vector = mean + max(float(roots.min()), 0.0) * push
    return result


def min_sum(honest: Changes, direction: str) -> Vector:
    """μ + γp with the largest γ that keeps Σ‖lie − honest‖² ≤ the largest such sum of an honest.

    Min-Sum of Shejwalkar and Houmansadr (2021). The honest gaps to μ sum to zero, so the left side
    is Σ‖μ − honest‖² + hγ²‖p‖².
    """
    mean: Vector = honest.mean(axis=0)
    push = perturbation(honest, direction)
    limit = float(_squared_distances(honest).sum(axis=1).max())
    spent = float(((mean - honest) ** 2).sum())
    square = len(honest) * float(push @ push)
    gamma = math.sqrt(max(limit - spent, 0.0) / square) if square else 0.0
    result: Vector = mean + gamma * push
    return result


DIRECTIONS = ("unit", "sign", "std")


def perturbation(honest: Changes, direction: str) -> Vector:
    """p of the two above: −μ/‖μ‖, −sign(μ) or −σ (inverse unit, sign and standard deviation)."""
    mean: Vector = honest.mean(axis=0)
    if direction == "sign":
        return np.negative(np.sign(mean))
    if direction == "std":
        return -_deviation(honest)
    length = float(np.linalg.norm(mean))
    if not length:
        return np.zeros_like(mean)
    unit: Vector = -mean / length
    return unit


class Mimic:
    """All liars repeat one honest peer, so that it counts too much (Karimireddy et al. 2022).

    In the first ``warm_up`` rounds Oja's iteration follows the direction z in which the honest
    changes differ most, and the peer with the largest |Σ⟨z, x_i⟩| is copied;
    afterwards that peer stays. Harmless where data are iid.
    """

    def __init__(self, warm_up: int) -> None:
        self.warm_up = warm_up
        self._direction: Vector = np.zeros(0)
        self._mean: Vector = np.zeros(0)
        self._weight: Vector = np.zeros(0)

    def __call__(self, view: View) -> Changes:
        if view.round < self.warm_up or not self._weight.size:
            self._learn(view)
        return np.tile(view.honest[int(np.argmax(np.abs(self._weight)))], (view.liars, 1))

    def _learn(self, view: View) -> None:
        if not self._weight.size:
            drawn = view.random.standard_normal(view.honest.shape[1])
            self._direction = np.asarray(drawn / np.linalg.norm(drawn))
            self._mean = np.zeros_like(drawn)
            self._weight = np.zeros(len(view.honest))
        old = view.round / (view.round + 1)
        mean: Vector = view.honest.mean(axis=0)
        self._mean = np.asarray(old * self._mean + (1 - old) * mean)
        gaps = view.honest - self._mean
        along: Vector = gaps @ self._direction
        spread: Vector = along @ gaps
        moved: Vector = old * self._direction + (1 - old) * spread
        length = float(np.linalg.norm(moved))
        if length:
            self._direction = moved / length
        more: Vector = view.honest @ self._direction
        self._weight = self._weight + more


def _deviation(honest: Changes) -> Vector:
    """σ by coordinate with n − 1; zero for a single honest peer."""
    if len(honest) == 1:
        return np.zeros(honest.shape[1])
    result: Vector = honest.std(axis=0, ddof=1)
    return result


def _squared_distances(honest: Changes) -> Changes:
    """(h, h), exact zeros on the diagonal."""
    squares = np.empty((len(honest), len(honest)))
    for peer, own in enumerate(honest):
        gaps = honest - own
        squares[peer] = np.einsum("ij,ij->i", gaps, gaps)
    return squares
