"""One real daemon of four is paused, resumed and drained by its operator's commands."""

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
from peerd.status.board import JsonObject
from peerd.status.client import get
from tests.network.group import WORK, Group, ledgers, running

SEED = 11
AWAY = 3

pytestmark = pytest.mark.swarm


async def order(place: Place, word: str, *more: str) -> tuple[int, str]:
    """As an operator types it: the exit code, and what it printed."""
    command = [sys.executable, "-m", "peerd.cli.main", word, "--config", str(place.config), *more]
    done = await trio.run_process(command, capture_stdout=True, capture_stderr=True, check=False)
    return done.returncode, done.stdout.decode() + done.stderr.decode()


async def status(group: Group, peer: int) -> JsonObject:
    return await get(group.layout.places[peer].socket, "/v1/status")


async def seconds(group: Group, first: int, peer: int = 0) -> list[float]:
    """Of the rounds from ``first`` on, as a peer that takes part has them."""
    answer = await get(group.layout.places[peer].socket, f"/v1/rounds?limit={MAX_ROUNDS}")
    rounds = answer["rounds"]
    assert isinstance(rounds, list)
    return [each["seconds"] for each in rounds if each["round"] >= first]


async def play(say: Callable[[str], None]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="peerd-pause-"))
    layout = await lay_out(SwarmOptions(4, MAX_ROUNDS, WORK, (), SEED), directory)
    place, others = layout.places[AWAY], (0, 1, 2)
    me = place.identity.peer_id
    async with running(layout, SEED, say) as group:
        await group.complete(1, group.everybody)
        code, said = await order(place, "pause")
        assert code == 0 and "paused" in said and "1 of 4 members" in said, said
        since = (await status(group, AWAY))["paused_from"]
        assert isinstance(since, int)
        await group.complete(since + 2, group.everybody)
        for peer in others:
            shown = await status(group, peer)
            assert shown["away"] == {me: since}, shown
        peers = (await get(layout.places[0].socket, "/v1/peers"))["peers"]
        assert isinstance(peers, list)
        assert [each["peer"] for each in peers if each["away"]] == [me]
        assert not group.aborted
        say(f"paused from {since}: rounds took {await seconds(group, since)}")

        # two are too few to go on without: it is said, and asked for
        code, said = await order(layout.places[0], "pause")
        assert code == 2 and "can't go on" in said and "--yes" in said, said

        # its next life is paused as well
        group.failing.add(AWAY)
        await group.daemons[AWAY].stop()
        group.start(AWAY)
        head = group.head()
        await group.complete(head + 2, group.everybody)
        assert (await status(group, AWAY))["paused_from"] == since

        code, said = await order(place, "resume")
        assert code == 0 and "resumed" in said, said
        back = group.head()
        await group.complete(back + 4, group.everybody)
        answer = await get(layout.places[0].socket, f"/v1/rounds/{back + 4}")
        dealers = answer["dealers"]
        assert isinstance(dealers, list)
        assert me in [each["peer"] if isinstance(each, dict) else each for each in dealers], answer
        assert (await status(group, 0))["away"] == {}

        group.failing.add(AWAY)
        code, said = await order(place, "drain")
        assert code == 0 and "draining" in said, said
        await group.until("it has left", lambda: group.daemons[AWAY].pid is None)
        assert AWAY not in group.ended, group.ended
        last = group.head()
        await group.complete(last + 1, others)
        group.start(AWAY)
        await group.complete(group.head() + 3, group.everybody)
        assert (await status(group, AWAY))["paused_from"] is None
        done = min(group.finished.values()) + 1
    assert ledgers(layout, done) == []
    shutil.rmtree(directory)


def test_one_node_stays_away_and_comes_back() -> None:
    trio.run(play, print)


async def play_fewer(say: Callable[[str], None]) -> None:
    directory = Path(tempfile.mkdtemp(prefix="peerd-fewer-"))
    layout = await lay_out(SwarmOptions(4, MAX_ROUNDS, WORK, (), SEED), directory)
    place = layout.places[AWAY]
    config = place.config.read_text()
    place.config.write_text(f"rounds = 3\n{config}" if "rounds =" not in config else _three(config))
    async with running(layout, SEED, say) as group:
        await group.complete(8, group.everybody)
        assert (await status(group, 0))["away"] == {place.identity.peer_id: 3}
        assert not group.aborted
        taken = await seconds(group, 0)
        say(f"one site has 3 rounds of its own; all rounds took {taken}")
    shutil.rmtree(directory)


def _three(config: str) -> str:
    lines = ("rounds = 3" if line.startswith("rounds =") else line for line in config.splitlines())
    return "\n".join(lines) + "\n"


@pytest.mark.acceptance
def test_one_with_fewer_rounds_of_its_own_says_that_it_is_away() -> None:
    trio.run(play_fewer, print)
