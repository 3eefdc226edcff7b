"""Four real daemons; two data directories are lost once a cohort is decided, ahead of their sums.

The group stops and says what to do; three operators type it; the next round completes with all.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from peerd.laboratory.swarm.layout import Place, lay_out
from peerd.laboratory.swarm.options import MAX_ROUNDS, SwarmOptions
from peerd.laboratory.swarm.process import daemon_command
from peerd.runner.evidence.audit import audit
from peerd.status.client import get
from peerd.storage import Store
from tests.local.no_sums import ROUND
from tests.network.group import WORK, Group, ledgers, running

SEED = 5
LOST = (0, 1)
PAUSE = 3.0  # seconds from the kill to the start on an empty directory
PATIENCE = 600.0
NO_SUMS = Path(__file__).with_name("no_sums.py")

pytestmark = pytest.mark.swarm


async def lose(group: Group, peer: int) -> None:
    """Its data directory is gone; its key is not."""
    place, before = group.layout.places[peer], group.daemons[peer].pid
    group.daemons[peer].kill(PAUSE)
    while before is not None and Path(f"/proc/{before}/fd").exists():
        await trio.sleep(0.01)
    shutil.rmtree(place.data)


async def abandon(place: Place, cohort: str | None, typed: str) -> str:
    """``peerd abandon`` as an operator types it; what it printed."""
    command = [sys.executable, "-m", "peerd.cli.main", "abandon", "--config", str(place.config)]
    command += ["--yes-abandon", typed, *(["--cohort", cohort] if cohort else [])]
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
    return done.stdout.decode() + done.stderr.decode()


async def give_up(group: Group, say: Callable[[str], None]) -> None:
    """Three of four operators: one that lost its directory, and two that know the cohort."""
    places = group.layout.places
    shown = await get(places[2].socket, "/v1/status")
    assert shown["state"] == "stopped" and "peerd abandon" in str(shown["advice"]), shown
    cohort = str(shown["abandon"])
    name = cohort.split(".")[2]
    wrong = await abandon(places[2], None, "0" * 8)
    assert "nothing was signed" in wrong
    for peer in (0, 2, 3):
        said = await abandon(places[peer], cohort if peer in LOST else None, name[:8])
        say(f"operator of peer {peer}: {said}")
        assert "signed; the round ends" in said, said


async def play(say: Callable[[str], None]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="peerd-lost-"))
    layout = await lay_out(SwarmOptions(4, MAX_ROUNDS, WORK, (), SEED), directory)
    mute = set(LOST)

    def command(place: Place) -> list[str]:
        honest = daemon_command(place)
        return [honest[0], str(NO_SUMS), *honest[4:]] if place.index in mute else honest

    async with running(layout, SEED, say, command) as group:
        group.patience = PATIENCE
        group.may_stop = True
        await group.until("the group stops", lambda: {2, 3} <= group.stopped)
        assert group.head() == ROUND
        mute.clear()
        for peer in LOST:
            await lose(group, peer)
        sitting = (ROUND, "sitting out")
        await group.until(
            "they sit out", lambda: all(group.standing[peer] == sitting for peer in LOST)
        )
        await give_up(group, say)
        await group.complete(ROUND + 2, group.everybody)
        say(f"all together in round {group.head()}")
    assert ledgers(layout, ROUND + 3) == []
    found = directory / "transcript"
    with Store.open(layout.places[2].data) as store:
        record = store.transcript(ROUND)
        assert record is not None
        found.write_bytes(record)
        assert (store.round(ROUND) or {})["outcome"] == "abandoned"
    told = audit(found, layout.genesis_path)
    assert len(told["abandoned_by"]) == 3 and "We give up" in told["words"]
    shutil.rmtree(directory)


@pytest.mark.acceptance
def test_operators_give_up_a_cohort_whose_shares_are_lost() -> None:
    trio.run(play, print)
