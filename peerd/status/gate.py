"""The control socket's door: who asks, whether they may, and the trail of what they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import trio

from peerd.errors import ConfigError, StorageError
from peerd.status.board import JsonObject
from peerd.status.codes import CodeRefused, Codes, uri
from peerd.status.roles import Role, Roles
from peerd.status.routes import Answer, Route
from peerd.trail import Actor, Factor, Head
from peerd.trail.record import user_name

QUIET_SECONDS = 60.0
"""Between two records of one user's refusals: nobody fills the disk by asking in vain."""
MAX_REFUSED = 256
"""Users whose refusals are told apart."""
REFUSED = "refuse"
ENROL = "enroll"
"""The order that the gate itself answers."""

Note = Callable[..., Awaitable[Head]]
"""``Trail.noted``."""

log = structlog.get_logger(__name__)


class Gate:
    """``roles``: those in force. ``note``: None where there is no trail, as in a test. ``codes``:
    what officers give a code of for each act; None where the kernel's word is enough.
    """

    def __init__(
        self, roles: Roles = Roles(), note: Note | None = None, codes: Codes | None = None
    ) -> None:
        self.roles = roles
        self.codes = codes
        self._note = note
        self._refused: dict[int, tuple[float, int]] = {}

    async def role(self, uid: int) -> Role | None:
        """None for a stranger."""
        if not self.roles.named:
            return self.roles.of(uid)
        return await trio.to_thread.run_sync(self.roles.of, uid)

    async def note(
        self, act: str, uid: int, role: Role, factor: Factor = Factor.SOCKET, **arguments: Any
    ) -> Head | None:
        """On disk on return; StorageError, and then it must not happen."""
        if self._note is None:
            return None
        name = await trio.to_thread.run_sync(user_name, uid)
        actor = Actor(factor, uid, name, role.word)
        return await self._note(act, actor, **arguments)

    async def factor(self, uid: int, role: Role, route: Route, code: object) -> Factor | Answer:
        """By what it is known who asks; the answer where a code is needed, and this is none."""
        if self.codes is None or route.role is not Role.OFFICER or route.act == ENROL:
            return Factor.SOCKET
        if not isinstance(code, str):
            return Answer(401, {"error": "this needs a code of your second factor"})
        try:
            await trio.to_thread.run_sync(self.codes.check, uid, code)
        except CodeRefused as error:
            name = await trio.to_thread.run_sync(user_name, uid)
            log.warning("a code was refused", uid=uid, user=name, reason=str(error))
            await self._told(uid, name, role, {"what": route.act, "needs": "code"})
            return Answer(403, {"error": str(error)})
        return Factor.CODE

    async def enrol(self, uid: int) -> JsonObject:
        """The officer's secret, for an authenticator. ConfigError where there is one already, or
        none is needed.
        """
        if self.codes is None:
            raise ConfigError("no code is needed here", "[control] second_factor = true")
        name = await trio.to_thread.run_sync(user_name, uid)
        try:
            secret = await trio.to_thread.run_sync(self.codes.enrol, uid)
        except CodeRefused as error:
            raise ConfigError(str(error)) from None
        return {"uri": uri(secret, name or str(uid))}

    async def refusal(self, uid: int, role: Role | None, route: Route | None = None) -> Answer:
        """Why not, for whoever asked, and for the trail. ``route``: None for a stranger."""
        name = await trio.to_thread.run_sync(user_name, uid)
        needs = Role.VIEWER if route is None else route.role
        has = "no role" if role is None else f"the role {role.word}"
        named = ", ".join(self.roles.who(needs)) or "nobody"
        about = route.act if route is not None and route.act is not None else "ask"
        log.warning("refused", uid=uid, user=name, about=about, needs=needs.word)
        await self._told(uid, name, role, {"what": about, "needs": needs.word})
        return Answer(
            403,
            {
                "error": f"{name or 'this user'} (uid {uid}) has {has} here, and this needs the"
                f" role {needs.word}, which [control] in peerd.toml gives: {named}"
            },
        )

    async def _told(
        self, uid: int, name: str | None, role: Role | None, arguments: dict[str, Any]
    ) -> None:
        """In the trail, and how many more there were since the last record."""
        now = trio.current_time()
        since, missed = self._refused.pop(uid, (-QUIET_SECONDS, 0))
        if now - since < QUIET_SECONDS or self._note is None:
            self._refused[uid] = since, missed + 1
            return
        while len(self._refused) >= MAX_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[uid] = now, 0
        actor = Actor(Factor.SOCKET, uid, name, None if role is None else role.word)
        more = {"more": missed} if missed else {}
        try:
            await self._note(REFUSED, actor, **arguments, **more)
        except StorageError as error:
            log.error("a refusal is not in the trail", reason=str(error))
