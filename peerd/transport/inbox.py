"""Frames that have come, of all peers and lanes, for one consumer."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import trio

Delivery = tuple[bytes, bytes]
"""(authenticated public key, frame)"""


class Source(Protocol):
    """A lane of a peer. It is in the inbox, once, while it has a frame."""

    def take(self) -> Delivery:
        """The frame, which counts as delivered; the lane is put in again if it has another."""


class Inbox:
    """Lanes that have a frame, each of which gives one in its turn: no peer waits for another's
    second frame.
    """

    def __init__(self) -> None:
        self._ready: deque[Source] = deque()
        self._consumers = trio.lowlevel.ParkingLot()

    def __len__(self) -> int:
        """Of how many lanes there is a frame."""
        return len(self._ready)

    def put(self, source: Source) -> None:
        self._ready.append(source)
        self._consumers.unpark()

    def withdraw(self, source: Source) -> None:
        """What the lane has is not delivered."""
        if source in self._ready:
            self._ready.remove(source)

    async def receive(self) -> Delivery:
        """The next frame; waits for one. Taking it acknowledges it."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._ready:
            await self._consumers.park()
        return self.receive_nowait()

    def receive_nowait(self) -> Delivery:
        """Raises trio.WouldBlock when there is none."""
        if not self._ready:
            raise trio.WouldBlock
        return self._ready.popleft().take()
