"""Deadlines are counted by a clock that nobody sets (fault 40): a wall clock may jump or stand."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest
import trio
import trio.testing

from peerd.runner.alarms import Alarms
from protocols.record.effects import Timer
from protocols.record.timers import RevealsDue

ROOT = Path(__file__).resolve().parents[3]
WALL = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "datetime.today"}
MAY_READ_THE_WALL_CLOCK = {
    "peerd/discovery/address_book.py",
    "peerd/discovery/discovery.py",
    "peerd/runner/rhythm.py",
    "peerd/status/board.py",
    "peerd/status/codes.py",
    "peerd/status/control_tls.py",
    "peerd/status/pending.py",
    "peerd/storage/lock.py",
    "peerd/transport/links.py",
}
"""What people and other machines are shown: when a record expires, since when a lock is held. And
when a group's rounds begin, which are times of day: a clock that is wrong alone begins none.
And codes of a second factor, which are made from the time; certificates and lists of revoked ones,
which end at one; orders that wait for a second officer, over restarts.
"""
WITH_DEADLINES = ("peerd/runner", "peerd/transport", "peerd/discovery", "peerd/storage")
JUMPS = [-3e8, -3600.0, 0.0, 3600.0, 3e8]
DELAYS = (4000, 20_000, 48_000)


def reads_wall_clock(path: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and f"{node.value.id}.{node.attr}" in WALL
        for node in ast.walk(ast.parse(path.read_text()))
    )


def test_nothing_with_a_deadline_reads_the_wall_clock() -> None:
    found = {
        str(path.relative_to(ROOT))
        for folder in (*WITH_DEADLINES, "peerd/status")
        for path in (ROOT / folder).rglob("*.py")
        if reads_wall_clock(path)
    }
    assert found == MAY_READ_THE_WALL_CLOCK


@pytest.mark.parametrize("jump", JUMPS)
def test_a_timer_rings_when_it_is_due_however_the_wall_clock_jumps(
    jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's own timers, on trio's clock; the wall clock is set while they run."""
    rung: list[tuple[float, Timer]] = []
    wall = time.time()

    def wall_clock() -> float:
        return wall + jump * (1 + len(rung))

    async def run() -> None:
        nonlocal began
        began = trio.current_time()
        alarms = Alarms()

        async def ring(timer: Timer) -> None:
            rung.append((trio.current_time() - began, timer))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(alarms.run, ring)
            for delay in reversed(DELAYS):
                await trio.sleep(0)  # some are set while it waits for a later one
                alarms.set(Timer((0, 0), RevealsDue(), delay))
            await trio.sleep(max(DELAYS) / 1000 + 1)
            nursery.cancel_scope.cancel()

    began = 0.0
    monkeypatch.setattr(time, "time", wall_clock)
    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert [timer for _, timer in rung] == [Timer((0, 0), RevealsDue(), d) for d in DELAYS]
    assert [round(after * 1000) for after, _ in rung] == list(DELAYS)


def test_a_clock_that_is_set_moves_no_clock_of_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop's real clock: it goes on while the wall clock is a year off, and never back."""

    async def run() -> list[float]:
        seen = [trio.current_time()]
        for jump in JUMPS:
            monkeypatch.setattr(time, "time", lambda jump=jump: 1e9 + jump)
            await trio.sleep(0.001)
            seen.append(trio.current_time())
        return seen

    seen = trio.run(run)
    assert seen == sorted(seen) and seen[-1] - seen[0] < 3000
