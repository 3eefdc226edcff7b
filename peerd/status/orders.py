"""Orders, through whichever door: one at a time, on record first, of two officers if need be."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

import structlog
import trio

from peerd.errors import ConfigError, GroupError, StorageError
from peerd.status.board import JsonObject
from peerd.status.callers import Caller
from peerd.status.gate import ENROL, Gate
from peerd.status.pending import Pending, Waiting, digest_of
from peerd.status.refusals import REFUSED
from peerd.status.roles import Role
from peerd.status.routes import CONFIRM, PROPOSED, ROUTES, WITHDRAW, Answer, Order, Route, Views
from peerd.trail import Factor
from protocols.session.events import Refused

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class By:
    """Who orders, as what, and by what this machine knows it."""

    caller: Caller
    role: Role
    factor: Factor


class Orders:
    """Of one daemon, through all its doors: the trail has them in the order in which they are
    done.
    """

    def __init__(self, gate: Gate, views: Views) -> None:
        self._gate = gate
        self._views = views
        self._lock = trio.Lock()

    async def take(self, route: Route, caller: Caller, role: Role, body: bytes) -> Answer:
        """Carried out, or waiting for a second officer, or why not."""
        assert route.act is not None
        async with self._lock:
            try:
                given = _document(body)
                factor = await self._gate.factor(caller, role, route, given.pop("code", None))
                if isinstance(factor, Answer):
                    return factor
                return await self._taken(route.act, given, By(caller, role, factor))
            except (ConfigError, GroupError) as error:
                return Answer(400, {"error": str(error)})

    async def unwritten(self, act: str, by: By, arguments: JsonObject) -> Answer | None:
        """Puts it on record; the answer where that can't be: then it is not done."""
        try:
            await self._gate.note(act, by.caller, by.role, by.factor, **arguments)
        except StorageError as error:
            log.error("not in the trail, and so not done", act=act, reason=str(error))
            return Answer(503, {"error": f"not done, as it can't be put on record: {error}"})
        return None

    async def _taken(self, act: str, given: JsonObject, by: By) -> Answer:
        """ConfigError, GroupError: it is no order."""
        pending = self._gate.pending
        if act == ENROL:
            enrol = functools.partial(self._gate.enrol, by.caller)
            return await self._done(act, Order({}, enrol), by, {})
        if act in (CONFIRM, WITHDRAW):
            waiting = _named(pending, given)
            assert pending is not None, "or there is nothing that waits"
            if act == WITHDRAW:
                return await self._withdrawn(pending, waiting, by)
            return await self._second(pending, waiting, by)
        order = self._views.order(act, given)
        if pending is None or _role_of(act) is not Role.OFFICER:
            return await self._done(act, order, by, {})
        known = pending.find(digest_of(act, given))
        if known is None:
            return await self._first(pending, act, given, order, by)
        if await trio.to_thread.run_sync(known.is_of, by.caller):  # no second voice
            return Answer(200, {"pending": pending.told(known)})
        return await self._second(pending, known, by)

    async def _first(
        self, pending: Pending, act: str, given: JsonObject, order: Order, by: By
    ) -> Answer:
        """It waits from now on."""
        try:
            await trio.to_thread.run_sync(pending.check_room, by.caller)
        except ConfigError:
            await self._refused(by, act, "too many wait")
            raise
        about = {"what": act, "order": digest_of(act, given), **order.arguments}
        if (unwritten := await self.unwritten(PROPOSED, by, about)) is not None:
            return unwritten
        add = functools.partial(pending.add, act, given, order.arguments, by.caller)
        waiting = await trio.to_thread.run_sync(add)
        log.warning("an order waits for a second officer", act=act, order=waiting.digest)
        return Answer(200, {"pending": pending.told(waiting)})

    async def _second(self, pending: Pending, waiting: Waiting, by: By) -> Answer:
        """The very same order, which was given before by another who is an officer still."""
        if await trio.to_thread.run_sync(waiting.is_of, by.caller):
            await self._refused(by, CONFIRM, "it is their own order", waiting)
            return Answer(403, {"error": "you gave this order yourself: another officer confirms"})
        if await self._gate.role(waiting.by) is not Role.OFFICER:
            await trio.to_thread.run_sync(pending.remove, waiting.digest)
            await self._refused(by, CONFIRM, "who gave it is no officer any more", waiting)
            return Answer(409, {"error": f"{waiting.said_by} is no officer any more"})
        document = await trio.to_thread.run_sync(pending.document, waiting.digest)
        order = self._views.order(waiting.act, document or {})
        more: JsonObject = {"order": waiting.digest, "proposed_by": waiting.said_by}
        return await self._done(waiting.act, order, by, more, pending)

    async def _refused(self, by: By, act: str, why: str, waiting: Waiting | None = None) -> None:
        """On record, as often as other refusals are."""
        about: JsonObject = {"what": act, "reason": why}
        if waiting is not None:
            about |= {"order": waiting.digest}
        await self._gate.refusals.refused(by.caller, by.role, about)

    async def _withdrawn(self, pending: Pending, waiting: Waiting, by: By) -> Answer:
        about: JsonObject = {"what": waiting.act, "order": waiting.digest}
        if (unwritten := await self.unwritten(WITHDRAW, by, about)) is not None:
            return unwritten
        await trio.to_thread.run_sync(pending.remove, waiting.digest)
        return Answer(200, {"done": WITHDRAW})

    async def _done(
        self, act: str, order: Order, by: By, more: JsonObject, pending: Pending | None = None
    ) -> Answer:
        """On record first. What waited does so no more before it is carried out: a crash in between
        is no second time.
        """
        unwritten = await self.unwritten(act, by, {**order.arguments, **more})
        if unwritten is not None:
            return unwritten
        if pending is not None:
            await trio.to_thread.run_sync(pending.remove, str(more["order"]))
        try:
            answer = await order.carry_out()
        except (ConfigError, GroupError, Refused) as error:
            await self.unwritten(REFUSED, by, {"what": act, "reason": str(error)})
            return Answer(409, {"error": str(error)})
        return Answer(200, {"done": act, **(answer or {})})


def _named(pending: Pending | None, given: JsonObject) -> Waiting:
    """ConfigError."""
    found = None if pending is None else pending.find(str(given.get("order")))
    if found is None:
        raise ConfigError(
            "no such order waits for a second officer: it was carried out, withdrawn, or is out of"
            " time",
            "peerd officer pending",
        )
    return found


def _role_of(act: str) -> Role:
    return next(each.role for each in ROUTES if each.act == act)


def _document(body: bytes) -> JsonObject:
    """ConfigError."""
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ConfigError("an order is one JSON object")
    return document
