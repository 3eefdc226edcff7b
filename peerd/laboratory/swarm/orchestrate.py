"""Run a swarm to its end: start, watch, kill, collect, stop, whatever happens in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import trio

from peerd.errors import PeerdError
from peerd.laboratory.adversaries.names import ABSENT
from peerd.laboratory.swarm.kills import Kills
from peerd.laboratory.swarm.layout import Layout
from peerd.laboratory.swarm.options import MAX_ROUNDS, SwarmOptions
from peerd.laboratory.swarm.process import Command, Daemon, DaemonDied, daemon_command
from peerd.laboratory.swarm.result import Witness, witness
from peerd.laboratory.swarm.screen import Screen
from peerd.laboratory.swarm.watch import Watch
from peerd.status.board import JsonObject
from peerd.status.client import get

FIRST_ROUND = 0
DRAW_SECONDS = 0.5
RESTART_PAUSE = 2.0  # seconds between SIGKILL and the next start
START_ALLOWANCE = 120.0  # seconds for all to start, find each other and load torch
STRAGGLER_SECONDS = 3.0  # that liars get to finish too, so that they can be asked


class SwarmTimeout(PeerdError):
    """The honest daemons did not finish in the time that the deadlines allow."""


class GroupStopped(PeerdError):
    """A cohort was decided and can't be opened: the group waits for its operators (§6)."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a swarm left behind. ``resident``: the largest memory of each daemon, bytes."""

    witnesses: tuple[Witness, ...]
    resident: tuple[int, ...]
    seconds: float


async def run_swarm(
    options: SwarmOptions, layout: Layout, screen: Screen, command: Command = daemon_command
) -> Run:
    """Run every daemon until all honest ones have finished the rounds; then stop them all.

    Raises DaemonDied (an honest one ended), GroupStopped, SwarmTimeout. No process outlives it.
    """
    swarm = _Swarm(options, layout, screen, command)
    started = trio.current_time()
    try:
        await swarm.until_done()
    finally:
        await swarm.stop()
    seconds = trio.current_time() - started
    return Run(swarm.witnesses, tuple(v.resident for v in swarm.watch.views), seconds)


def time_limit(options: SwarmOptions, deadlines: Mapping[str, int]) -> float:
    """Seconds after which a swarm can't be alive: every phase of every attempt at its deadline."""
    attempts = 1 + max(options.bears, options.liars) + max(options.plan.absent, options.gone or 0)
    one_round = sum(deadlines.values()) / 1000
    return START_ALLOWANCE + (options.rounds + len(options.kills)) * attempts * one_round


def catch_up_limit(deadlines: Mapping[str, int]) -> float:
    """Seconds after the first honest daemon has finished within which all have: the rest is a
    restart, and a certificate and a model to be asked for."""
    return START_ALLOWANCE + sum(deadlines.values()) / 1000


class _Swarm:
    def __init__(
        self, options: SwarmOptions, layout: Layout, screen: Screen, command: Command
    ) -> None:
        self.options = options
        self.layout = layout
        self.screen = screen
        self.daemons = [Daemon(place, command) for place in layout.places]
        names = [(place.identity.peer_id, place.lie) for place in layout.places]
        self.watch = Watch(names, options.rounds, FIRST_ROUND)
        self.kills = Kills(options.kills)
        self.witnesses: tuple[Witness, ...] = ()
        self._done = trio.Event()
        self._first_done = trio.Event()

    async def until_done(self) -> None:
        """Return when the honest have finished and everyone has been asked for its rounds."""
        limit = time_limit(self.options, self.layout.deadlines)
        async with trio.open_nursery() as nursery:
            for daemon in self.daemons:
                nursery.start_soon(self._run, daemon)
                nursery.start_soon(daemon.follow, self._take)
            nursery.start_soon(self._draw_forever)
            self.screen.say("waiting for the daemons to load torch and to find each other")
            nursery.start_soon(self._expect_stragglers)
            with trio.move_on_after(limit) as scope:
                await self._done.wait()
            if scope.cancelled_caught:
                raise self._timeout(f"the swarm did not finish in {limit:.0f} s")
            await self._wait_for_the_rest()
            self._measure()
            self.witnesses = tuple([await self._witness(daemon) for daemon in self.daemons])
            self.screen.close(self.watch)
            nursery.cancel_scope.cancel()

    async def _expect_stragglers(self) -> None:
        """A daemon that never catches up would otherwise hold the swarm for hours."""
        await self._first_done.wait()
        limit = catch_up_limit(self.layout.deadlines)
        with trio.move_on_after(limit):
            await self._done.wait()
            return
        raise self._timeout(f"others finished {limit:.0f} s ago, and not all have caught up")

    def _timeout(self, what: str) -> SwarmTimeout:
        return SwarmTimeout(
            f"{what}: {self._behind()}", f"look at the logs below {self.layout.directory}"
        )

    async def stop(self) -> None:
        """Stop every process; SIGKILL is the last word."""
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                for daemon in self.daemons:
                    nursery.start_soon(daemon.stop)

    async def _run(self, daemon: Daemon) -> None:
        index, lie = daemon.place.index, daemon.place.lie
        try:
            await daemon.run()
        except DaemonDied as error:
            if lie is None:
                raise
            self.watch.state(index, "ended")
            self.screen.say(f"liar {error}")

    def _take(self, index: int, event: JsonObject) -> None:
        self.watch.event(index, event)
        if self.kills and self.kills.event(index, event):
            self.screen.say(f"round {event['round']}: kill -9 of peer {index}")
            self.watch.state(index, "killed")
            self.daemons[index].kill(RESTART_PAUSE)
        if event.get("kind") == "stopped" and self.layout.places[index].lie is None:
            raise GroupStopped(f"peer {index} in round {event.get('round')}: {event.get('reason')}")
        if self.watch.anybody_done():
            self._first_done.set()
        if self.watch.done():
            self._done.set()

    async def _draw_forever(self) -> None:
        while True:
            self._measure()
            self.screen.draw(self.watch)
            await trio.sleep(DRAW_SECONDS)

    def _measure(self) -> None:
        for daemon, view in zip(self.daemons, self.watch.views, strict=True):
            view.resident = max(view.resident, daemon.resident())

    async def _wait_for_the_rest(self) -> None:
        """Give liars that take part the time to finish too."""
        speaking = [each for each in self.daemons if each.place.lie not in ABSENT]
        with trio.move_on_after(STRAGGLER_SECONDS):
            while not all(
                each.pid is None or self.watch.settled(each.place.index) for each in speaking
            ):
                await trio.sleep(0.1)

    async def _witness(self, daemon: Daemon) -> Witness:
        """A liar that can't be asked has no rounds; an honest peer has to answer."""
        place = daemon.place
        try:
            found = (await get(place.socket, f"/v1/rounds?limit={MAX_ROUNDS}")).get("rounds")
            records = found if isinstance(found, list) else []
        except PeerdError:
            if place.lie is None:
                raise
            records = []
        return witness(place.identity.peer_id, place.lie, records)

    def _behind(self) -> str:
        late = [
            f"peer {view.index} is in round {view.round} ({view.phase or view.state})"
            for view in self.watch.views
            if view.honest and (view.finished is None or view.finished < self.watch.last)
        ]
        return ", ".join(late)
