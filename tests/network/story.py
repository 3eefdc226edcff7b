"""Some scenarios, one after another, in one group of daemons."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

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


async def play(
    names: Sequence[str], seed: int, say: Callable[[str], None], keep: bool = False
) -> list[str]:
    """What the oracle finds wrong: nothing, or a line each.

    The daemons' directories are removed, but left when something is wrong or if ``keep``; ``say``
    names them. Raises Stuck when a scenario does not come to its end.
    """
    directory = Path(tempfile.mkdtemp(prefix="peerd-net-"))
    start = time.monotonic()

    def told(line: str) -> None:
        say(f"{time.monotonic() - start:6.1f} s  {line}")

    try:
        with Network(PEERS) as network:
            layout = await lay_out(tolerance(seed), directory, network.hosts)
            async with running(layout, seed, told, in_namespaces(network)) as group:
                group.network = network
                await _play_all(group, names)
                rounds = min(group.finished.values()) + 1
                found = await witnesses(group, rounds)
        wrong = verdict(group.layout, tolerance(seed), found, rounds)
        told(f"{rounds} rounds, {group.aborted} attempts aborted at a peer, {len(wrong)} findings")
    except BaseException:
        told(f"logs, keys and stores are in {directory}")
        raise
    if wrong or keep:
        told(f"logs, keys and stores are in {directory}")
    else:
        shutil.rmtree(directory)
    return wrong


async def _play_all(group: Group, names: Sequence[str]) -> None:
    await group.complete(0, group.everybody)
    for name in names:
        group.say(f"{name}: {(SCENARIOS[name].__doc__ or name).splitlines()[0]}")
        await SCENARIOS[name](group)
        group.say(f"{name}: all together in round {group.head()}")
