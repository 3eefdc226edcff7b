"""Which steps the event loop makes, and which a thread; timers of what is over make none."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import trio
import trio.testing

from peerd.laboratory.simulation.swarm import FOUR, setting_of
from peerd.runner.ahead import SHORT_ROUND, WriteAhead
from peerd.runner.alarms import Alarms
from peerd.runner.driver import LONG_BURST, MAX_BURST, Driver
from peerd.runner.operators.drain import Drain
from peerd.runner.turn import Turn
from peerd.transport.inbox import Delivery, Inbox
from protocols.record.effects import Effect, Persist, Send, Step, Timer, step_of
from protocols.record.setting import Setting
from protocols.record.timers import AnswersDue, CommitsDue, OfAttempt, RetryDue, SumsDue, is_over

SENT, SIGNED = Send((1,), b"a vote"), Persist(0, "slot", b"a vote")


class Places:
    """Where the core was asked, and where the disk was waited for."""

    def __init__(self) -> None:
        self.core: list[threading.Thread] = []
        self.disk: list[threading.Thread] = []

    def journal_put_many(self, round_: int, entries: dict[str, bytes]) -> None:
        self.disk.append(threading.current_thread())

    def ahead(self, setting: Setting) -> WriteAhead:
        nothing: Any = SimpleNamespace()
        store: Any = self
        return WriteAhead(setting, nothing, store, nothing, Drain())

    def act(self, *effects: Effect) -> Any:
        def act(session: object) -> list[Step]:
            self.core.append(threading.current_thread())
            return [step_of(effects)]

        return act


def made(setting: Setting, effects: Sequence[Effect], *, in_thread: bool) -> Places:
    places = Places()

    async def run() -> list[Effect]:
        turn = Turn()
        async with turn:
            ahead = places.ahead(setting)
            return await ahead.act(places.act(*effects), turn, in_thread=in_thread)

    assert trio.run(run) == list(effects)
    return places


SMALL = setting_of(FOUR, 1)
LARGE = replace(SMALL, parameters=SHORT_ROUND)


def test_a_short_step_is_made_in_the_event_loop_and_written_in_a_thread() -> None:
    here = threading.current_thread()
    assert made(SMALL, [SENT], in_thread=False).core == [here]
    assert made(SMALL, [SENT], in_thread=False).disk == []
    places = made(SMALL, [SIGNED, SENT], in_thread=False)
    assert places.core == [here] and places.disk != [here] and len(places.disk) == 1


@pytest.mark.parametrize(("setting", "in_thread"), [(SMALL, True), (LARGE, False), (LARGE, True)])
def test_a_long_step_is_made_in_a_thread(setting: Setting, in_thread: bool) -> None:
    places = made(setting, [SIGNED, SENT], in_thread=in_thread)
    assert places.core == places.disk and places.core != [threading.current_thread()]


@pytest.mark.parametrize("effects", [[SENT], [SIGNED, SENT]])
def test_what_the_core_has_decided_is_carried_out_though_the_daemon_stops(
    effects: list[Effect],
) -> None:
    """Its state has gone on: a vote that is neither written nor sent would never be said."""
    places, found = Places(), list[Effect]()

    async def run() -> None:
        turn = Turn()
        async with turn:
            ahead = places.ahead(SMALL)
            with trio.CancelScope() as scope:
                scope.cancel()
                found.extend(await ahead.act(places.act(*effects), turn, in_thread=False))

    trio.run(run)
    assert found == effects and len(places.disk) == len(effects) - 1


def test_steps_without_end_leave_others_their_time() -> None:
    async def run() -> None:
        turn, places = Turn(), Places()
        ahead = places.ahead(SMALL)

        async def steps() -> None:
            for _ in range(1000):
                async with turn:
                    await ahead.act(places.act(SENT), turn, in_thread=False)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(steps)
            for _ in range(10):
                await trio.sleep(0)
            assert 5 <= len(places.core) < 1000

    trio.run(run)


class Lane:
    """A lane with frames of these sizes."""

    def __init__(self, inbox: Inbox, sizes: Sequence[int]) -> None:
        self._inbox = inbox
        self._frames = [bytes(size) for size in sizes]
        inbox.put(self)

    def take(self) -> Delivery:
        frame = self._frames.pop(0)
        if self._frames:
            self._inbox.put(self)
        return bytes(32), frame


LONG = LONG_BURST
BURSTS = [
    ([10] * 3, [(3, 30)]),
    ([1] * (MAX_BURST + 1), [(MAX_BURST, MAX_BURST), (1, 1)]),
    ([LONG, 10], [(1, LONG), (1, 10)]),
    ([10, LONG - 1, 10], [(2, LONG + 9), (1, 10)]),
]


@pytest.mark.parametrize(("sizes", "bursts"), BURSTS)
def test_a_burst_ends_where_it_becomes_long(
    sizes: list[int], bursts: list[tuple[int, int]]
) -> None:
    """What is made of it knows its size, so that no long one is read in the event loop."""
    found: list[tuple[int, int]] = []
    inbox = Inbox()
    Lane(inbox, sizes)

    async def run() -> None:
        async def step(act: Any, size: int = 0) -> None:
            found.append((len(act.args[1]), size))
            if sum(count for count, _ in found) == len(sizes):
                nursery.cancel_scope.cancel()

        driver: Any = SimpleNamespace(
            _transport=SimpleNamespace(frames=inbox), _index={bytes(32): 1}, _step=step
        )
        async with trio.open_nursery() as nursery:
            await Driver._receive(driver)

    trio.run(run)
    assert found == bursts


@pytest.mark.parametrize("event", [CommitsDue(), SumsDue(last=True), RetryDue()])
def test_an_attempts_timer_is_over_with_its_round(event: OfAttempt) -> None:
    assert is_over(Timer((3, 1), event, 0), 4)
    assert not is_over(Timer((3, 1), event, 0), 3)
    assert not is_over(Timer((3, 0), AnswersDue(), 0), 4)  # a peer's, whatever its round


@pytest.mark.parametrize(("round_", "steps"), [(3, 1), (4, 0)])
def test_what_is_over_makes_no_step(round_: int, steps: int) -> None:
    made: list[Any] = []

    async def step(act: Any) -> None:
        made.append(act)

    async def run() -> None:
        session = SimpleNamespace(position=SimpleNamespace(round=round_))
        driver: Any = SimpleNamespace(_session=session, _step=step)
        await Driver._ring(driver, Timer((3, 1), CommitsDue(), 5))

    trio.run(run)
    assert len(made) == steps


def test_an_alarm_that_is_set_while_another_rings_rings_too() -> None:
    rung: list[int] = []

    async def run() -> None:
        alarms = Alarms()

        async def ring(timer: Timer) -> None:
            rung.append(timer.delay)
            await trio.sleep(1)  # a step takes its time
            if len(rung) == 1:
                alarms.set(Timer((0, 0), CommitsDue(), 10))
                alarms.set(Timer((0, 0), CommitsDue(), 0))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(alarms.run, ring)
            alarms.set(Timer((0, 0), CommitsDue(), 7_200_000))
            alarms.set(Timer((0, 0), CommitsDue(), 500))
            await trio.sleep(7300)
            nursery.cancel_scope.cancel()

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert rung == [500, 0, 10, 7_200_000]
