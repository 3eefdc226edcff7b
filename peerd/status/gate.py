"""The door of the control socket and of its TLS port: who asks, whether they may, and the trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
import trio

from peerd.errors import ConfigError
from peerd.status.board import JsonObject
from peerd.status.callers import Caller, Certificate
from peerd.status.codes import CodeRefused, Codes, uri
from peerd.status.pending import Pending
from peerd.status.refusals import Note, Refusals
from peerd.status.roles import Role, Roles
from peerd.status.routes import Answer, Route
from peerd.trail import Actor, Factor, Head

ENROL = "enroll"
"""The order that the gate itself answers."""

log = structlog.get_logger(__name__)


def _none_revoked(certificate: Certificate) -> bool:
    return False


class Gate:
    """``roles``: those in force. ``note``: None where there is no trail, as in a test. ``codes``:
    what officers give a code of for each act; None where the kernel's word is enough. ``pending``:
    orders that wait for a second officer; None where one is enough. ``revoked``: whether a
    certificate counts no more, asked anew for each request.
    """

    def __init__(
        self,
        roles: Roles = Roles(),
        note: Note | None = None,
        codes: Codes | None = None,
        pending: Pending | None = None,
    ) -> None:
        self.roles = roles
        self.codes = codes
        self.pending = pending
        self.revoked: Callable[[Certificate], bool] = _none_revoked
        self._note = note
        self.refusals = Refusals(note)

    def waiting(self) -> list[JsonObject]:
        """Orders that wait for a second officer, for the status."""
        return [] if self.pending is None else self.pending.shown()

    def waiting_order(self, name: str) -> JsonObject | None:
        """One of them, by its digest, with all that would be carried out."""
        return None if self.pending is None else self.pending.whole(name)

    async def role(self, caller: Caller) -> Role | None:
        """None for a stranger, and for a certificate that is revoked or over."""
        if caller.certificate is not None and self.revoked(caller.certificate):
            return None
        if not self.roles.named:
            return self.roles.of_caller(caller)
        return await trio.to_thread.run_sync(self.roles.of_caller, caller)

    async def note(
        self, act: str, caller: Caller, role: Role, factor: Factor | None = None, **arguments: Any
    ) -> Head | None:
        """On disk on return; StorageError, and then it must not happen."""
        if self._note is None:
            return None
        name = await trio.to_thread.run_sync(caller.name)
        actor = Actor(factor or caller.factor(), caller.uid, name, role.word)
        return await self._note(act, actor, **arguments, **caller.about())

    def needs_code(self, route: Route) -> bool:
        """Whether an order needs a code of an officer's second factor."""
        officers = route.role is Role.OFFICER and route.act != ENROL
        return self.codes is not None and officers

    async def factor(
        self, caller: Caller, role: Role, route: Route, code: object
    ) -> Factor | Answer:
        """By what it is known who asks; the answer where a code is needed, and this is none."""
        if self.codes is None or not self.needs_code(route):
            return caller.factor()
        if not isinstance(code, str):
            await self.refusals.unanswered(caller, role, route.act or "ask")
            return Answer(401, {"error": "this needs a code of your second factor"})
        try:
            await trio.to_thread.run_sync(self.codes.check, caller.key, code)
        except CodeRefused as error:
            who = await trio.to_thread.run_sync(caller.in_words)
            log.warning("a code was refused", who=who, reason=str(error), code=error.kind)
            self.refusals.answered(caller)
            about = {"what": route.act, "needs": "code", "code": error.kind}
            await self.refusals.refused(caller, role, about)
            return Answer(403, {"error": str(error)})
        self.refusals.answered(caller)
        return caller.factor(code=True)

    async def enrol(self, caller: Caller) -> JsonObject:
        """The officer's secret, for an authenticator. ConfigError where there is one already, or
        none is needed.
        """
        if self.codes is None:
            raise ConfigError("no code is needed here", "[control] second_factor = true")
        name = await trio.to_thread.run_sync(caller.name)
        try:
            secret = await trio.to_thread.run_sync(self.codes.enrol, caller.key)
        except CodeRefused as error:
            raise ConfigError(str(error)) from None
        return {"uri": uri(secret, name or caller.key)}

    async def refusal(
        self, caller: Caller, role: Role | None, route: Route | None = None
    ) -> Answer:
        """Why not, for whoever asked, and for the trail. ``route``: None for a stranger."""
        who = await trio.to_thread.run_sync(caller.in_words)
        needs = Role.VIEWER if route is None else route.role
        has = "no role" if role is None else f"the role {role.word}"
        named = ", ".join(self.roles.who(needs)) or "nobody"
        about = route.act if route is not None and route.act is not None else "ask"
        log.warning("refused", who=who, about=about, needs=needs.word)
        await self.refusals.refused(caller, role, {"what": about, "needs": needs.word})
        gives = f", which [control] in peerd.toml gives: {named}"
        if caller.certificate is not None:  # a stranger need not know who works here
            gives = ", which [control] in peerd.toml gives"
        return Answer(
            403, {"error": f"{who} has {has} here, and this needs the role {needs.word}{gives}"}
        )
