"""Four real daemons that all lose power at once, again and again: the group goes on each time.

Hosts restart, and compose restarts everybody. What everybody knew and nobody had written down is
gone then, so that whatever the group rests on must be on disks. Some cuts hit daemons that start,
the others a phase of a round, drawn from a fixed seed.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from peerd.laboratory.swarm.layout import lay_out
from peerd.laboratory.swarm.options import MAX_ROUNDS, SwarmOptions
from peerd.status.client import get
from tests.network.group import WORK, Group, running, verdict, witnesses

PEERS = 4
PHASES = (
    "asking what was signed before",
    "collecting commitments",
    "agreeing on the commitments",
    "collecting reveals",
    "agreeing on the reveals",
    "waiting for dealings",
    "collecting reports",
    "comparing reports",
    "agreeing on the cohort",
    "opening the sum",
    "certified",
)
"""Of a round in which nobody lies."""
STARTING = "starting"
LATER = 0.3
"""Seconds: a cut comes up to so long after its phase was told."""
START = 6.0
"""Seconds: one of daemons that start comes up to so long after they were started."""
EVERY = 8
"""After so many cuts the group is let alone until all have made a further round together."""

PATIENCE = 900.0
"""Seconds for anything to happen: four processes that load torch at once take long on few cores."""

pytestmark = pytest.mark.swarm


async def cut(group: Group, number: int, draw: random.Random) -> str:
    """SIGKILL to all four at one moment; they start again at once. In which phase it was."""
    where = draw.choice((STARTING, *PHASES, *PHASES))
    peer, later = draw.randrange(len(group.daemons)), draw.random()
    if where == STARTING:
        await trio.sleep(START * later)
    else:
        await group.until(f"peer {peer} is at {where!r}", lambda: (peer, where) in group.entered)
        await trio.sleep(LATER * later)
    pids = [daemon.pid for daemon in group.daemons]
    group.say(f"cut {number}: {where}; {sorted(group.standing.items())}; pids {pids}")
    for daemon in group.daemons:
        daemon.kill(0.0)
    group.entered.clear()
    return where


async def alike(group: Group) -> None:
    """All make a round that nobody had begun; of no round do two hold different models."""
    await group.together()
    models: dict[int, set[object]] = {}
    for place in group.layout.places:
        records = (await get(place.socket, f"/v1/rounds?limit={MAX_ROUNDS}"))["rounds"]
        assert isinstance(records, list)
        for record in records:
            assert not record["blamed"], record
            models.setdefault(record["round"], set()).add(record["model_hash"])
    two = {round_: found - {None} for round_, found in models.items() if len(found - {None}) > 1}
    assert not two, two
    group.say(f"all together in round {group.head()}; {len(models)} rounds, one model in each")


async def play(cuts: int, seed: int, say: Callable[[str], None]) -> list[str]:
    """What the oracle finds wrong. Raises at once when a daemon ends by itself or blames anybody,
    and Stuck when the group stands.
    """
    directory = Path(tempfile.mkdtemp(prefix="peerd-cut-"))
    options = SwarmOptions(PEERS, MAX_ROUNDS, WORK, (), seed)
    draw, met = random.Random(seed), Counter[str]()
    layout = await lay_out(options, directory)
    async with running(layout, seed, say) as group:
        group.patience = PATIENCE
        group.may_stop = True  # a deadline may pass while all are down; what is missing comes
        await group.complete(0, group.everybody)
        for number in range(1, cuts + 1):
            met[await cut(group, number, draw)] += 1
            if number % EVERY == 0 or number == cuts:
                await alike(group)
        rounds = min(group.finished.values()) + 1
        found = await witnesses(group, rounds)
    wrong = verdict(layout, options, found, rounds)
    say(f"{cuts} cuts, {rounds} rounds, {group.aborted} attempts aborted at a peer, {met}")
    say(f"{sorted(group.stopped)} had called for their operators; {len(wrong)} findings")
    if not wrong:
        shutil.rmtree(directory)
    return wrong


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_all_daemons_lose_power_fifty_times(seed: int) -> None:
    """Two hundred cuts in four groups."""
    assert trio.run(play, 50, seed, print) == []
