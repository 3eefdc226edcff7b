"""Nine daemons, b = 2 and e = 1, whose machines fail one after another in mid-round (rows 43-45).

Disks that are full, torn writes and failed fsyncs come from the kernel: a small tmpfs, a limit on a
file's size, seccomp. Whoever can't keep what it signs ends with exit code 5 before it says a word;
the others go on; on a disk that works again it catches up. Then the oracle of docs/network-tests.md
judges every round: no two models, nobody blamed, one ledger in every store.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from peerd.laboratory.swarm.layout import lay_out
from tests.local.disks import (
    break_fsync,
    command,
    fill,
    free,
    mend_fsync,
    small_disks,
    tear,
    unavailable,
)
from tests.local.test_restored_backup import restored
from tests.network.group import Group, running, tolerance, verdict, witnesses
from tests.network.scenarios import COMMITTING, DEALT, OPENING

STORAGE = 5  # the exit code of a StorageError
SEED = 1
Part = Callable[[Group], Awaitable[None]]

pytestmark = [pytest.mark.swarm, pytest.mark.acceptance]


@pytest.fixture(scope="module", autouse=True)
def _allowed() -> None:
    if reason := unavailable():
        pytest.skip(reason)


async def ends(group: Group, peer: int, phase: str, strike: Callable[[], object]) -> str:
    """The disk of ``peer`` fails in ``phase``: it ends, and the others go on. Its last words."""
    round_ = await group.middle(phase, peer)
    group.failing.add(peer)
    group.say(f"round {round_}: the disk of peer {peer} fails ({phase})")
    strike()
    await group.until(f"peer {peer} has ended", lambda: peer in group.ended)
    said = str(group.ended[peer])
    group.say(f"peer {peer}: {said}")
    assert f"peer {peer} ended with code {STORAGE}: " in said
    await group.complete(group.head() + 1, group.everybody - {peer})
    return said


async def back(group: Group, peer: int) -> None:
    """The disk works again: the daemon comes back and takes part."""
    group.start(peer)
    await group.together()
    group.say(f"all together in round {group.head()}")


async def full_disk(group: Group, *moments: tuple[int, str]) -> None:
    """Not one byte fits any more."""
    for peer, phase in moments or ((1, COMMITTING),):
        place = group.layout.places[peer]
        said = await ends(group, peer, phase, lambda place=place: fill(place))
        assert "No space left" in said or "no space left" in said
        free(place)
        await back(group, peer)


async def torn_write(group: Group) -> None:
    """A write into the database's log stops in its middle."""
    peer = 4
    place, pid = group.layout.places[peer], group.daemons[peer].pid
    assert pid is not None
    await ends(group, peer, DEALT, lambda: tear(pid, place))
    await back(group, peer)


async def failed_fsync(group: Group, *moments: tuple[int, str]) -> None:
    """The kernel says that what was written is lost."""
    for peer, phase in moments or ((6, OPENING),):
        place = group.layout.places[peer]
        said = await ends(group, peer, phase, lambda place=place: break_fsync(place))
        assert "I/O error" in said or "Input/output error" in said
        mend_fsync(place)
        await back(group, peer)


async def at_other_moments(group: Group) -> None:
    """Full disks and failed fsyncs in the phases that the short story leaves out."""
    await full_disk(group, (2, DEALT), (3, OPENING))
    await failed_fsync(group, (5, COMMITTING))


async def crash_loop(group: Group) -> None:
    """One dies again and again, at whatever it does next; the others go on without it."""
    peer = 7
    for count in range(6):
        was = group.standing[peer]
        await group.until("it does something", lambda was=was: group.standing[peer] != was)
        group.say(f"{group.standing[peer]}: kill -9, number {count}")
        group.daemons[peer].kill(0.2)
    await group.together()


async def many_crash(group: Group) -> None:
    """Four at once, beyond b + e: no quorum until they are back."""
    victims = (0, 3, 5, 8)
    round_ = await group.middle(DEALT, peer=5)
    group.say(f"round {round_}: kill -9 of {victims}")
    for victim in victims:
        group.daemons[victim].kill(1.0)
    await group.complete(round_, group.everybody)
    await group.together()


async def young_backup(group: Group) -> None:
    """Put back to a copy of the round in progress: it sits out (test_restored_backup.py)."""
    await restored(group, 5, COMMITTING)


async def play(story: list[Part], say: Callable[[str], None]) -> list[str]:
    """What the oracle finds wrong."""
    directory = Path(tempfile.mkdtemp(prefix="peerd-disk-"))
    layout = await lay_out(tolerance(SEED), directory)
    with small_disks(layout, (1, 2, 3)):
        async with running(layout, SEED, say, command) as group:
            await group.complete(0, group.everybody)
            for part in story:
                say(f"{part.__name__}: {part.__doc__}")
                await part(group)
            rounds = min(group.finished.values()) + 1
            found = await witnesses(group, rounds)
        wrong = verdict(layout, tolerance(SEED), found, rounds)
    say(f"{rounds} rounds, {len(wrong)} findings")
    if not wrong:
        shutil.rmtree(directory)
    return wrong


def test_disks_that_fail_a_young_backup_and_crashes() -> None:
    """One group for all: to start nine daemons is what costs most."""
    story = [young_backup, full_disk, torn_write, failed_fsync, crash_loop, many_crash]
    assert trio.run(play, story, print) == []


def test_disks_that_fail_at_other_moments() -> None:
    assert trio.run(play, [at_other_moments], print) == []
