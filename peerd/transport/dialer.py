"""Keeps a connection to one roster member, as far as its address is known."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Protocol

import structlog
import trio

from peerd.transport.errors import Unreachable
from peerd.transport.limits import Limits
from peerd.transport.links import PeerLink
from peerd.transport.names import short

log = structlog.get_logger(__name__)

_SETTLE = 5.0  # a connection that lives this long resets the backoff


class Addresses(Protocol):
    """The part of the address book that the transport needs."""

    def addresses(self, public: bytes) -> tuple[str, ...]:
        """Multiaddrs of a roster member, best first; none when it is not known yet."""

    async def wait_for_change(self, public: bytes) -> None:
        """Returns when the addresses of ``public`` have changed."""


class Dialer:
    """Of two peers the one with the smaller key dials; the other one waits a moment first.

    So that they don't both dial at once, which costs a handshake and a broken connection.
    """

    def __init__(
        self,
        us: bytes,
        link: PeerLink,
        book: Addresses,
        dial: Callable[[bytes, bool], Awaitable[None]],
        limits: Limits,
    ) -> None:
        self._us = us
        self._link = link
        self._book = book
        self._dial = dial
        self._limits = limits
        self._random = random.Random()

    async def run(self) -> None:
        delay = self._limits.backoff_first
        while True:
            if self._link.is_connected():
                delay = await self._while_connected(delay)
            else:
                delay = await self._while_apart(delay)

    async def _while_apart(self, delay: float) -> float:
        """One try. The delay before the one after it, should this one lead nowhere."""
        if self._us > self._link.peer:
            await self._wait_to_be_dialled()
        if self._link.is_connected():
            return delay
        if not self._book.addresses(self._link.peer):
            await self._wait_for_news(self._limits.backoff_last)
            return delay
        await self._try(directly=False)
        if self._link.is_connected():
            return delay
        await self._wait_for_news(self._random.uniform(delay / 2, delay))
        return min(2 * delay, self._limits.backoff_last)

    async def _try(self, *, directly: bool) -> None:
        try:
            await self._dial(self._link.peer, directly)
        except Unreachable as error:
            log.debug("can't connect", peer=short(self._link.peer), reason=str(error))

    async def _while_connected(self, delay: float) -> float:
        """Waits for the end of the connection. The delay before the next dial.

        Over a circuit it tries to do without, less and less often: the peer may have dialled before
        this one knew where it is, and what stood in the way may be gone.
        """
        since = trio.current_time()
        pause = self._limits.backoff_first
        while self._link.relay is not None:
            with trio.move_on_after(pause):
                await self._link.wait_until(connected=False)
            if self._link.relay is not None:
                await self._try(directly=True)
                pause = min(2 * pause, self._limits.direct_again)
        await self._link.wait_until(connected=False)
        if trio.current_time() - since > _SETTLE:
            return self._limits.backoff_first
        await trio.sleep(self._random.uniform(0, delay))
        return min(2 * delay, self._limits.backoff_last)

    async def _wait_to_be_dialled(self) -> None:
        with trio.move_on_after(self._limits.passive_wait):
            await self._link.wait_until(connected=True)

    async def _wait_for_news(self, seconds: float) -> None:
        """Until the peer connects, its address changes, or ``seconds`` have passed."""
        async with trio.open_nursery() as nursery:
            nursery.cancel_scope.deadline = trio.current_time() + seconds

            async def until_connected() -> None:
                await self._link.wait_until(connected=True)
                nursery.cancel_scope.cancel()

            async def until_changed() -> None:
                await self._book.wait_for_change(self._link.peer)
                nursery.cancel_scope.cancel()

            nursery.start_soon(until_connected)
            nursery.start_soon(until_changed)
