"""Whose turn it is with the session: one step at a time, each in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

import trio

Given = TypeVarTuple("Given")
Result = TypeVar("Result")


class Turn:
    """A lock, in the order of asking. Who finds it free has it at once: trio's own lock, and the
    limiter of its threads, cost a look at all sockets each, before every step.
    """

    def __init__(self) -> None:
        self._lock = trio.Lock()

    async def __aenter__(self) -> None:
        try:
            self._lock.acquire_nowait()
        except trio.WouldBlock:
            await self._lock.acquire()

    async def __aexit__(self, exc_type: object, exc_val: object, exc_tb: object) -> None:
        self._lock.release()

    async def in_thread(self, work: Callable[[*Given], Result], *given: *Given) -> Result:
        """Of whoever has the turn."""
        return await trio.to_thread.run_sync(work, *given, limiter=self)  # type: ignore[arg-type]

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        """Part of a limiter's interface: the lock has let one in."""

    def release_on_behalf_of(self, borrower: object) -> None:
        """Part of a limiter's interface."""
