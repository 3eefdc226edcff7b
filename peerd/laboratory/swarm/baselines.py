"""The curves beside the swarm's: plain averaging with the liars, and no liars at all; for a group
that protects rows, what noise and sharing it cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import trio

from peerd.laboratory.adversaries.lies import POISONED_NOISE
from peerd.laboratory.experiments.attacks import ATTACKS as LEARNING_LIES
from peerd.laboratory.swarm.options import SwarmOptions
from protocols.aggregation.dp_sgd import DpSgd
from protocols.record.setting import Setting

if TYPE_CHECKING:
    from peerd.laboratory.experiments.private_rounds import Shares

STRONGEST = "sign-flip"
LABELS = {
    "no_liars": "no liars",
    "plain_mean": "plain averaging, same liars",
    "no_noise": "no liars, no noise",
    "one_curator": "one curator with all rows",
    "unsigned": "same poisoned noise, without the coin's signs",
}


def learning_attack(options: SwarmOptions) -> str:
    """What every liar does to a plain mean: the first attack on learning that was asked for.

    Nobody can lie in a protocol that isn't there, so where only the protocol was attacked, the
    liars flip signs instead.
    """
    return next((name for name in options.attacks if name in LEARNING_LIES), STRONGEST)


async def baselines(options: SwarmOptions, setting: Setting) -> dict[str, list[float | None]]:
    """The task's metric after each round, same seeds and data; None where it gives no number.

    ``plain_mean`` and ``no_liars``; of a rule that clips rows, what ``_arms`` says. ``setting``:
    the swarm's group.
    """
    if isinstance(setting.aggregator, DpSgd):
        return await _private_curves(options, setting)
    return {
        "plain_mean": await _curve(options, "plain_mean", options.liars, learning_attack(options)),
        "no_liars": await _curve(options, options.work.aggregator, 0, None),
    }


async def _private_curves(options: SwarmOptions, setting: Setting) -> dict[str, list[float | None]]:
    from peerd.laboratory.experiments.private_baseline import private_baseline

    found = {}
    for name, (rule, shares) in _arms(options, setting).items():
        run = partial(
            private_baseline,
            options.work.task_class,
            options.work.options,
            rule,
            shares=shares,
            rounds=options.rounds,
            seed=options.seed,
            local=options.work.here.local,
            start_from=options.work.here.start_from,
        )
        found[name] = await _aside(run)
    return found


def _arms(options: SwarmOptions, setting: Setting) -> dict[str, tuple[DpSgd, Shares]]:
    """``no_liars``: with the noise of the group; ``no_noise``: without. ``one_curator``: DP-SGD by
    one who has all rows. Of lies about sums ``plain_mean``, in which these are as long as rows can
    make them; of poisoned noise ``unsigned``, in which no coin gives it order and signs.
    """
    from peerd.laboratory.experiments.private_rounds import (
        Shares,
        forging,
        poisoning,
        pooled,
        unbounded,
    )

    rule, noise = setting.aggregator, setting.noise
    assert isinstance(rule, DpSgd) and noise is not None
    noisy = setting.noise_makers + setting.liars_among(options.peers, options.peers)
    shares = Shares(options.peers, noisy, setting.noise_makers, rule.noise)
    arms = {
        "no_liars": (rule, shares),
        "no_noise": (rule, replace(shares, noise=None)),
        "one_curator": (pooled(rule, options.peers), Shares(1, 1, 1, rule.noise)),
    }
    forged, longest = learning_attack(options), rule.rows * rule.steps
    for name, lies, plain, lie in (
        ("plain_mean", LEARNING_LIES, unbounded(rule), forging(forged, longest)),
        ("unsigned", (POISONED_NOISE,), rule, poisoning(noise)),
    ):
        liars = frozenset(each for each in range(options.peers) if options.lie_of(each) in lies)
        if liars:
            arms[name] = plain, replace(shares, liars=liars, lie=lie)
    return arms


async def _curve(
    options: SwarmOptions, kind: str, liars: int, attack: str | None
) -> list[float | None]:
    # Imports torch: here, when the daemons are gone, and not where the swarm is driven.
    from peerd.laboratory.experiments.baseline import baseline

    run = partial(
        baseline,
        kind,
        options.work.task_class,
        options.work.options,
        peers=options.peers,
        liars=liars,
        attack=attack if liars else None,
        rounds=options.rounds,
        seed=options.seed,
        local=options.work.here.local,
        aggregator_name=options.work.aggregator,
        constants=options.work.constants,
        weights=options.weights or None,
        start_from=options.work.here.start_from,
    )
    return await _aside(run)


async def _aside(run: Callable[[], list[float | None]]) -> list[float | None]:
    # libp2p installs trio-stubs, which are older than this argument.
    return await trio.to_thread.run_sync(run, abandon_on_cancel=True)  # type: ignore[call-arg]
