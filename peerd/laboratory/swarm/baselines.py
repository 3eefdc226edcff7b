"""The two curves beside the swarm's: plain averaging with the liars, and no liars at all."""

from __future__ import annotations

from functools import partial

import trio

from peerd.laboratory.experiments.attacks import ATTACKS as LEARNING_LIES
from peerd.laboratory.swarm.options import SwarmOptions

STRONGEST = "sign-flip"


def learning_attack(options: SwarmOptions) -> str:
    """What every liar does to a plain mean: the first attack on learning that was asked for.

    Nobody can lie in a protocol that isn't there, so where only the protocol was attacked, the
    liars flip signs instead.
    """
    return next((name for name in options.attacks if name in LEARNING_LIES), STRONGEST)


async def baselines(options: SwarmOptions) -> dict[str, list[float | None]]:
    """``plain_mean`` and ``no_liars``: the task's metric after each round, same seeds and data;
    None where the task's metric gives no number.
    """
    return {
        "plain_mean": await _curve(options, "plain_mean", options.liars, learning_attack(options)),
        "no_liars": await _curve(options, options.work.aggregator, 0, None),
    }


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
    # libp2p installs trio-stubs, which are older than this argument.
    return await trio.to_thread.run_sync(run, abandon_on_cancel=True)  # type: ignore[call-arg]
