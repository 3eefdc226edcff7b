"""Since when and until when a daemon waits for whom: its session's answers, with times to them.

The session knows whom it waits for and has no clock; what the daemon adds is when it first saw a
wait, when the timer rings that ends it, and who is connected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from peerd.status.board import JsonObject
from peerd.status.waiting import WORDS, Here
from protocols.record.effects import Effect, Event, Phase, Timer
from protocols.record.timers import OfPeer, RecallOver, SurveyOver
from protocols.record.waits import Awaiting, Wait

OF_SESSION = (SurveyOver, RecallOver, OfPeer)
"""These timers outlive an attempt: a peer that starts may be led through many rounds."""
MAX_TIMERS = 256
"""Beyond so many, those that have rung are forgotten."""

Key = tuple[Awaiting | Here, int | None, tuple[int, int]]
"""What, from whom, and in which round and attempt."""


@dataclass(frozen=True, slots=True)
class Member:
    """As a status names it; ``name`` is None in a group without names."""

    peer: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Rings:
    place: tuple[int, int]
    at: float


class Sight:
    """``clock`` gives seconds. ``training``: seconds that an update may take. Not thread-safe."""

    def __init__(
        self, me: int, members: Sequence[Member], training: float, clock: Callable[[], float]
    ) -> None:
        self._me = me
        self._members = members
        self._training = training
        self._clock = clock
        self._timers: dict[Event, Rings] = {}
        self._place = (0, 0)
        self._since: dict[Key, float] = {}
        self._ends: dict[Key, float | None] = {}
        self._gone: dict[int, float] = {}

    # -- what comes in -------------------------------------------------------------------------

    def note(self, effect: Effect) -> None:
        """A timer is set, or another phase has begun."""
        if isinstance(effect, Timer):
            now = self._clock()
            if len(self._timers) >= MAX_TIMERS:
                self._timers = {e: r for e, r in self._timers.items() if r.at > now}
            self._timers[effect.event] = Rings(effect.place, now + effect.delay / 1000)
        elif isinstance(effect, Phase):
            self._place = effect.round, effect.attempt

    def look(self, waits: Iterable[Wait], connected: frozenset[int]) -> None:
        """What is awaited now; ``connected``: the others that are."""
        found: dict[Key, float | None] = {}
        for wait in waits:
            peers: list[int | None] = [*sorted(wait.peers)]
            for peer in peers or [None]:
                found[wait.what, peer, self._place] = self._end(wait)
        self._show(found, connected)

    def gather(self, connected: frozenset[int], until: float | None) -> None:
        """No session has begun: the others are to connect, until then at the latest."""
        others = set(range(len(self._members))) - {self._me} - connected
        found: dict[Key, float | None] = {
            (Here.CONNECTING, peer, self._place): until for peer in sorted(others)
        }
        self._show(found, connected)

    def compute(self, since: float) -> None:
        """The session has been at work on one event since then; what it awaits is as before."""
        key = Here.COMPUTING, self._me, self._place
        self._since[key], self._ends[key] = since, None

    # -- what is told --------------------------------------------------------------------------

    def entries(self) -> list[JsonObject]:
        """``waiting`` of the status: who is awaited, then who is not connected."""
        now = self._clock()
        awaited = [self._entry(key, self._since[key], end, now) for key, end in self._ends.items()]
        away = [
            self._entry((Here.NOT_CONNECTED, peer, self._place), since, None, now)
            for peer, since in sorted(self._gone.items())
            if (Here.CONNECTING, peer, self._place) not in self._ends
        ]
        return awaited + away

    # ------------------------------------------------------------------------------------------

    def _show(self, found: dict[Key, float | None], connected: frozenset[int]) -> None:
        now = self._clock()
        self._since = {key: self._since.get(key, now) for key in found}
        self._ends = found
        others = set(range(len(self._members))) - {self._me} - connected
        self._gone = {peer: self._gone.get(peer, now) for peer in others}

    def _end(self, wait: Wait) -> float | None:
        """When the first of its timers rings, or rang."""
        if wait.what is Awaiting.UPDATE:
            since = self._since.get((wait.what, self._me, self._place), self._clock())
            return since + self._training
        set_ = [rings for event in wait.until if (rings := self._of(event)) is not None]
        ahead = [rings.at for rings in set_ if rings.at > self._clock()]
        return min(ahead) if ahead else max((rings.at for rings in set_), default=None)

    def _of(self, event: Event) -> Rings | None:
        rings = self._timers.get(event)
        here = rings is not None and (rings.place == self._place or isinstance(event, OF_SESSION))
        return rings if here else None

    def _entry(self, key: Key, since: float, end: float | None, now: float) -> JsonObject:
        what, peer, _ = key
        member = None if peer is None else self._members[peer]
        return {
            "peer": None if member is None else member.peer,
            "name": None if member is None else member.name,
            "phase": WORDS[what],
            "seconds": round(max(0.0, now - since), 1),
            "deadline": None if end is None else _bound(since, end),
        }


def _bound(since: float, end: float) -> float | None:
    """After how many seconds a wait ends; None where its timer had rung before it began, as after
    a while in which the daemon was stopped: then nobody knows.
    """
    return round(end - since, 1) or None if end > since else None
