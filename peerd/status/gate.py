"""The control socket's door: who asks, whether they may, and the trail of what they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import trio

from peerd.errors import StorageError
from peerd.status.roles import Role, Roles
from peerd.status.routes import Answer, Route
from peerd.trail import Actor, Factor, Head
from peerd.trail.record import user_name

QUIET_SECONDS = 60.0
"""Between two records of one user's refusals: nobody fills the disk by asking in vain."""
MAX_REFUSED = 256
"""Users whose refusals are told apart."""
REFUSED = "refuse"

Note = Callable[..., Awaitable[Head]]
"""``Trail.noted``."""

log = structlog.get_logger(__name__)


class Gate:
    """``roles``: those in force. ``note``: None where there is no trail, as in a test."""

    def __init__(self, roles: Roles = Roles(), note: Note | None = None) -> None:
        self.roles = roles
        self._note = note
        self._refused: dict[int, tuple[float, int]] = {}

    async def role(self, uid: int) -> Role | None:
        """None for a stranger."""
        if not self.roles.named:
            return self.roles.of(uid)
        return await trio.to_thread.run_sync(self.roles.of, uid)

    async def note(self, act: str, uid: int, role: Role, **arguments: Any) -> Head | None:
        """On disk on return; StorageError, and then it must not happen."""
        if self._note is None:
            return None
        name = await trio.to_thread.run_sync(user_name, uid)
        actor = Actor(Factor.SOCKET, uid, name, role.word)
        return await self._note(act, actor, **arguments)

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
