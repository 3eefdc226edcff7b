"""Real daemons, one of which is put back to a copy of its data directory (fault 47).

The copy is as young as can be: of the round in progress, made before the peer signs more in it. To
the daemon that looks like a crash; the others show what it signed. Three of the others stand still
meanwhile, so that the round can't be over before the daemon is back.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from peerd.laboratory.swarm.layout import Place, lay_out
from peerd.storage import Store
from tests.network.group import Group, running, tolerance, verdict, witnesses
from tests.network.scenarios import COMMITTING

SEED = 3
SITTING_OUT = "sitting out"
STILL = (6, 7, 8)
"""As many as the plan can do without: the round goes on without these, and not without one more."""
PAUSE = 2.0  # seconds from the kill to the start on the old copy

pytestmark = [pytest.mark.swarm, pytest.mark.acceptance]
"""`make test` has one such peer in the group of test_disks_and_crashes.py."""


def _copy(group: Group, peer: int, name: str) -> Path:
    """The data directory as it is now; the process stands still meanwhile."""
    data = group.layout.places[peer].data
    copy = data.with_name(name)
    shutil.rmtree(copy, ignore_errors=True)
    with group.frozen(peer):
        shutil.copytree(data, copy, ignore=shutil.ignore_patterns("run"))  # sockets
    return copy


def _signed(copy: Path, round_: int) -> set[str]:
    with Store.open(copy) as store:
        return {key for key in store.journal(round_) if key.startswith("slot/")}


async def _signs_more(group: Group, peer: int, round_: int, copy: Path) -> None:
    """Until the peer has signed something in the round that the copy lacks."""
    known = _signed(copy, round_)
    while True:
        was = group.standing[peer]
        await group.until("it goes on", lambda was=was: group.standing[peer] != was)
        if _signed(_copy(group, peer, "now"), round_) - known:
            return


async def _put_back(group: Group, peer: int, copy: Path) -> None:
    place: Place = group.layout.places[peer]
    daemon = group.daemons[peer]
    before = daemon.pid
    daemon.kill(PAUSE)
    while daemon.pid == before and before is not None and Path(f"/proc/{before}/fd").exists():
        await trio.sleep(0.01)
    shutil.rmtree(place.data)
    shutil.copytree(copy, place.data)


async def restored(group: Group, peer: int, phase: str) -> None:
    """A copy is made in ``phase`` of a round, and put back once the peer has gone on in it."""
    round_ = await group.middle(phase, peer)
    with ExitStack() as still:
        for other in STILL:
            still.enter_context(group.frozen(other))
        copy = _copy(group, peer, "copy")
        await _signs_more(group, peer, round_, copy)
        group.say(f"a copy of round {round_} is put back in {group.standing[peer]}")
        await _put_back(group, peer, copy)
        await group.until("it sits out", lambda: group.standing[peer] == (round_, SITTING_OUT))
        group.say(f"peer {peer}: {group.standing[peer]}")
    await group.together()
    group.say(f"all together in round {group.head()}")


async def play(say: Callable[[str], None]) -> list[str]:
    """What the oracle finds wrong; any blame at all raises at once."""
    directory = Path(tempfile.mkdtemp(prefix="peerd-old-"))
    layout = await lay_out(tolerance(SEED), directory)
    async with running(layout, SEED, say) as group:
        await group.complete(0, group.everybody)
        await restored(group, 2, COMMITTING)
        await restored(group, 4, COMMITTING)
        rounds = min(group.finished.values()) + 1
        found = await witnesses(group, rounds)
    wrong = verdict(layout, tolerance(SEED), found, rounds)
    say(f"{rounds} rounds, {len(wrong)} findings")
    if not wrong:
        shutil.rmtree(directory)
    return wrong


def test_a_daemon_on_a_young_backup_sits_out_and_is_not_blamed() -> None:
    assert trio.run(play, print) == []
