"""Refusals, for the trail: each user's first at once, and the others together, a minute later.

Nobody fills the disk by asking in vain: a user has one record in QUIET_SECONDS, and all whom there
is no room to tell apart have one between them. And nobody is spared by asking no more: what is left
is written when its time is over, and at the daemon's end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
import trio

from peerd.errors import StorageError
from peerd.status.callers import Caller
from peerd.status.roles import Role
from peerd.trail import Actor, Head
from peerd.trail.record import itself

QUIET_SECONDS = 60.0
"""Between two records of one user's refusals."""
LOOK_SECONDS = 5.0
"""After which somebody looks whether a minute is over."""
MAX_REFUSED = 256
"""Users whose refusals are told apart."""
MAX_VALUES = 16
"""Of one argument, in a record that tells of several refusals."""
REFUSED = "refuse"
MISSING = "missing"
"""Of a code: none was given."""

Note = Callable[..., Awaitable[Head]]
"""``Trail.noted``."""
About = dict[str, Any]

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Held:
    """Of one user. ``since``: when its last record was written, or it was first heard of;
    ``actor``: as which it asked last. ``count``: refusals that are in no record yet; ``about``:
    what they were about, each value once. ``unanswered``: acts for which a code was asked, and none
    came.
    """

    since: float
    actor: Actor
    recorded: bool = False
    count: int = 0
    about: dict[str, dict[str, None]] = field(default_factory=dict)
    unanswered: dict[str, None] = field(default_factory=dict)

    def add(self, actor: Actor, about: About) -> None:
        self.actor = actor
        self.count += 1
        for name, value in about.items():
            values = self.about.setdefault(name, {})
            if len(values) < MAX_VALUES:
                values[str(value)] = None

    def told(self) -> About:
        more = {"more": self.count - 1} if self.count > 1 else {}
        return {name: ", ".join(values) for name, values in self.about.items()} | more


class Refusals:
    """Of one daemon. ``note``: None where there is no trail."""

    def __init__(self, note: Note | None) -> None:
        self._note = note
        self._held: dict[str, _Held] = {}
        self._others: _Held | None = None

    async def refused(self, caller: Caller, role: Role | None, about: About) -> None:
        """On record at once, if it is the first of a while. ``about``: what was refused."""
        if self._note is None:
            return
        actor = await _actor(caller, role)
        held = self._held_of(caller, actor)
        if held is None:
            held = self._others = self._others or _Held(trio.current_time(), itself())
            held.add(held.actor, {**about, "by": "users beyond those that are told apart"})
            return
        held.add(actor, {**about, **caller.about()})
        if not held.recorded:
            await self._write(held)

    async def unanswered(self, caller: Caller, role: Role, act: str) -> None:
        """A code was asked for. As a rule it comes with the next request, and this was no refusal;
        where it does not come, it was.
        """
        if self._note is None:
            return
        held = self._held_of(caller, await _actor(caller, role))
        if held is None:
            await self.refused(caller, role, _unanswered(act))
        else:
            held.unanswered[act] = None

    def answered(self, caller: Caller) -> None:
        """A code came."""
        if (held := self._held.get(caller.key)) is not None:
            held.unanswered.clear()

    async def run(self) -> None:
        """Until it is cancelled: the daemon's end, at which nothing is left."""
        try:
            while True:
                await trio.sleep(LOOK_SECONDS)
                await self.flush(QUIET_SECONDS)
        finally:
            with trio.CancelScope(shield=True):
                await self.flush(0.0)

    async def flush(self, seconds: float) -> None:
        """Write what was held for so long. Who has a new record goes on being held: there is one in
        a while.
        """
        now = trio.current_time()
        for key, held in list(self._held.items()):
            if now - held.since < seconds:
                continue
            _close(held)
            if held.count:
                await self._write(held)
            else:
                del self._held[key]
        others = self._others
        if others is not None and now - others.since >= seconds:
            await self._write(others)
            if not others.count:
                self._others = None

    def _held_of(self, caller: Caller, actor: Actor) -> _Held | None:
        """None where there is no room to tell this one apart."""
        if caller.key not in self._held and len(self._held) >= MAX_REFUSED:
            return None
        return self._held.setdefault(caller.key, _Held(trio.current_time(), actor))

    async def _write(self, held: _Held) -> None:
        """What can't be put on record is held on, for the next time."""
        assert self._note is not None
        count, kept, about = held.count, held.about, held.told()
        held.count, held.about, held.recorded, held.since = 0, {}, True, trio.current_time()
        try:
            with trio.CancelScope(shield=True):  # whoever asked may be gone, or the daemon end
                await self._note(REFUSED, held.actor, **about)
        except StorageError as error:
            log.error("a refusal is not in the trail", reason=str(error))
            held.count += count
            held.about = {**kept, **held.about}


def _close(held: _Held) -> None:
    """No code came."""
    for act in held.unanswered:
        held.add(held.actor, _unanswered(act))
    held.unanswered.clear()


def _unanswered(act: str) -> About:
    return {"what": act, "needs": "code", "code": MISSING}


async def _actor(caller: Caller, role: Role | None) -> Actor:
    name = await trio.to_thread.run_sync(caller.name)
    return Actor(caller.factor(), caller.uid, name, None if role is None else role.word)
