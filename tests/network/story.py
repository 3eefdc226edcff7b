"""Some scenarios, one after another, in one group of daemons."""

from __future__ import annotations

from collections.abc import Sequence

from peerd.laboratory.swarm.layout import lay_out
from tests.network.group import (
    PEERS,
    Group,
    in_namespaces,
    running,
    tolerance,
    verdict,
    witnesses,
)
from tests.network.namespaces import Network
from tests.network.scenarios import SCENARIOS
from tests.network.stage import Say, stage


async def play(names: Sequence[str], seed: int, say: Say, keep: bool = False) -> list[str]:
    """What the oracle finds wrong: nothing, or a line each.

    The daemons' directories are removed, but left when something is wrong or if ``keep``; ``say``
    names them. Raises Stuck when a scenario does not come to its end.
    """
    with stage(say, "peerd-net-", keep=keep) as here:
        with Network(PEERS) as network:
            layout = await lay_out(tolerance(seed), here.directory, network.hosts)
            async with running(layout, seed, here.told, in_namespaces(network)) as group:
                group.network = network
                await _play_all(group, names)
                rounds = min(group.finished.values()) + 1
                found = await witnesses(group, rounds)
        here.wrong = verdict(group.layout, tolerance(seed), found, rounds)
        aborted, wrong = group.aborted, len(here.wrong)
        here.told(f"{rounds} rounds, {aborted} attempts aborted at a peer, {wrong} findings")
    return here.wrong


async def _play_all(group: Group, names: Sequence[str]) -> None:
    await group.complete(0, group.everybody)
    for name in names:
        group.say(f"{name}: {(SCENARIOS[name].__doc__ or name).splitlines()[0]}")
        await SCENARIOS[name](group)
        group.say(f"{name}: all together in round {group.head()}")
