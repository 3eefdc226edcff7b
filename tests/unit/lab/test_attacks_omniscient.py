"""Attacks of liars who see the honest updates: against ByzFL, the papers' searches, and by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from byzfl_reference import module
from numpy.typing import NDArray
from scipy.stats import norm

from peerd.errors import ConfigError
from peerd.laboratory.experiments.attacks import CATALOGUE, View, attack_spec
from peerd.laboratory.experiments.attacks.omniscient import (
    DIRECTIONS,
    alie_z,
    min_max,
    min_sum,
    perturbation,
)

Array = NDArray[np.float64]
SEEDS = range(10)


def view(seed: int, round: int = 0, honest: int = 8, liars: int = 3) -> View:
    drawn = np.random.default_rng((seed, round)).standard_normal((honest + liars + 1, 6))
    previous = drawn[-1] if round else None
    random = np.random.default_rng((seed, round, 1))
    return View(round, drawn[:honest], drawn[honest:-1], previous, random)


def lie(name: str, seen: View, **parameters: object) -> Array:
    return attack_spec(name, parameters).start()(seen)


@pytest.mark.parametrize("seed", SEEDS)
def test_they_agree_with_byzfl(seed: int) -> None:
    """ByzFL's sign flipping is minus the honest mean, which is inner product manipulation at 1.

    Its ALIE adds τσ (τ given), ours subtracts zσ: the same with τ = −z. Ours of bit flip inverts
    the liar's own update, so it is theirs on a single vector.
    """
    theirs = module("attacks.attacks")
    seen = view(seed)
    honest = seen.honest
    pairs = [
        (lie("ipm", seen, epsilon=2.5), theirs.InnerProductManipulation(tau=2.5)(honest)),
        (lie("ipm", seen, epsilon=1), theirs.SignFlipping()(honest)),
        (lie("alie", seen, z=1.25), theirs.ALittleIsEnough(tau=-1.25)(honest)),
    ]
    for ours, other in pairs:
        assert ours.shape == (3, 6)
        np.testing.assert_allclose(ours, np.tile(other, (3, 1)), rtol=1e-12, atol=1e-15)
    flipped = lie("bit-flip", seen), lie("sign-flip", seen, scale=4)
    for own, told, scaled in zip(seen.own, *flipped, strict=True):
        np.testing.assert_array_equal(told, theirs.SignFlipping()(own[None]))
        np.testing.assert_array_equal(scaled, 4 * theirs.SignFlipping()(own[None]))


@pytest.mark.parametrize(("peers", "liars"), [(50, 10), (50, 23), (20, 5), (25, 11), (4, 1)])
def test_alie_takes_the_z_of_the_paper(peers: int, liars: int) -> None:
    supporters = peers // 2 + 1 - liars
    assert alie_z(peers, liars) == pytest.approx(
        norm.ppf((peers - liars - supporters) / (peers - liars)), abs=1e-9
    )


def test_alie_without_a_z_in_the_paper_stays_finite() -> None:
    """20 peers, 10 liars (Figure 4): one supporter; 12 liars need none, Φ⁻¹(1) is infinite."""
    assert alie_z(20, 10) == pytest.approx(norm.ppf(0.9))
    assert alie_z(20, 12) == pytest.approx(norm.ppf(1 - 1 / 16))


def searched(honest: Array, push: Array, allowed: Callable[[Array], bool]) -> Array:
    """The papers' bisection for the largest γ (Shejwalkar and Houmansadr, Algorithm 1)."""
    mean = honest.mean(axis=0)
    low, high = 0.0, 1.0
    while allowed(mean + high * push):
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(mean + middle * push) else (low, middle)
    return mean + low * push


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("seed", SEEDS)
def test_min_max_and_min_sum_are_where_the_search_of_their_paper_ends(
    seed: int, direction: str
) -> None:
    honest = view(seed).honest
    push = perturbation(honest, direction)
    squares = ((honest[:, None] - honest[None]) ** 2).sum(axis=2)

    def within_max(told: Array) -> bool:
        return bool(((told - honest) ** 2).sum(axis=1).max() <= squares.max())

    def within_sum(told: Array) -> bool:
        return bool(((told - honest) ** 2).sum() <= squares.sum(axis=1).max())

    np.testing.assert_allclose(
        min_max(honest, direction), searched(honest, push, within_max), rtol=1e-9
    )
    np.testing.assert_allclose(
        min_sum(honest, direction), searched(honest, push, within_sum), rtol=1e-9
    )


def test_mimic_copies_one_honest_peer_and_stays_with_it() -> None:
    """Peer 2 alone points far along one axis, round after round. ByzFL's is told whom to copy."""
    theirs = module("attacks.attacks").Mimic(epsilon=2)
    attack = attack_spec("mimic", {"warm_up": 5}).start()
    for round in range(12):
        seen = view(4, round)
        seen.honest[:, 0] *= 0.01
        seen.honest[2, 0] += 20.0
        told = attack(seen)
        if round >= 2:
            np.testing.assert_array_equal(told, np.tile(theirs(seen.honest), (3, 1)))
    moved = view(4, 13)
    moved.honest[5, 1] += 100.0
    np.testing.assert_array_equal(attack(moved)[0], moved.honest[2])


def test_gaussian_noise_is_as_wide_as_the_liars_own_change() -> None:
    """ByzFL's has one given width; ours is it at ``scale`` times each liar's own deviation.

    60,000 draws: mean and deviation within five of their standard errors.
    """
    drawn = np.random.default_rng(6).standard_normal((3, 60_000)) * [[1.0], [0.1], [20.0]]
    told = lie("gaussian", View(0, drawn, drawn, None, np.random.default_rng(7)), scale=3)
    for own, noise in zip(drawn, told, strict=True):
        width = 3 * np.std(own)
        assert abs(np.mean(noise)) < 5 * width / np.sqrt(60_000)
        assert abs(np.std(noise) / width - 1) < 5 / np.sqrt(2 * 60_000)
        assert abs(np.corrcoef(noise, own)[0, 1]) < 5 / np.sqrt(60_000)


def test_a_free_rider_hands_in_the_last_change_of_the_model() -> None:
    assert not lie("free-riding", view(1)).any()
    later = view(1, 3)
    np.testing.assert_array_equal(lie("free-riding", later), np.tile(later.previous, (3, 1)))


def test_lies_in_the_data_are_told_as_they_were_learnt() -> None:
    seen = view(2)
    np.testing.assert_array_equal(lie("label-flip", seen), seen.own)
    np.testing.assert_array_equal(lie("backdoor", seen, scale=2), 2 * seen.own)
    np.testing.assert_array_equal(lie("none", seen), seen.own)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
@pytest.mark.parametrize("honest", [1, 8])
def test_every_attack_repeats_and_is_finite(name: str, honest: int) -> None:
    def play() -> list[Array]:
        attack = attack_spec(name).start()
        return [attack(view(7, round, honest)) for round in range(4)]

    for first, second in zip(play(), play(), strict=True):
        np.testing.assert_array_equal(first, second)
        assert np.isfinite(first).all() and first.shape == (3, 6)


def test_equal_updates_leave_nothing_to_hide_in() -> None:
    """No spread, so no room: min-max, min-sum and ALIE say the honest mean."""
    seen = View(0, np.ones((5, 4)), np.ones((2, 4)), None, np.random.default_rng(0))
    for name in ("min-max", "min-sum", "alie"):
        for parameters in ({}, *([{"direction": "unit"}] if name != "alie" else [])):
            np.testing.assert_allclose(lie(name, seen, **parameters), np.ones((2, 4)))


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("ipn", {}, "there is no attack 'ipn'.*ipm"),
        ("ipm", {"scale": 2}, "ipm has no parameter 'scale'.*epsilon"),
        ("none", {"scale": 2}, "it has none"),
        ("ipm", {"epsilon": -1}, "number from 0"),
        ("ipm", {"epsilon": True}, "number from 0"),
        ("ipm", {"epsilon": float("nan")}, "number from 0"),
        ("min-max", {"direction": "up"}, "one of unit, sign, std"),
    ],
)
def test_a_wrong_attack_is_refused(name: str, parameters: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        attack_spec(name, parameters)


def test_labels_name_what_is_not_the_default() -> None:
    assert attack_spec("ipm").label == "ipm"
    assert attack_spec("ipm", {"epsilon": 5}).label == "ipm(epsilon=5)"
    assert attack_spec("min-max", {"direction": "unit"}).label == "min-max(direction=unit)"
