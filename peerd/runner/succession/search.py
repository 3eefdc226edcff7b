"""A peer that was away looks for a handover that it missed (docs §6).

The others are in another group by then, where nobody says hello to this one, and a quorum of the
old one may never come together again. What they give proves itself: one of them is enough.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

import structlog
import trio

from peerd.errors import GroupError
from peerd.runner.succession.handover import ASK_AGAIN, Connected, Handover
from peerd.runner.succession.lineage import Epoch, handed_over, kept_draft, read_draft
from peerd.storage import Store
from protocols.aggregation.contract import Model
from protocols.errors import WireError
from protocols.record.certificate import CertifiedRound, verify_certificate
from protocols.record.effects import Ask as Asks
from protocols.record.effects import Record
from protocols.record.position import Position
from protocols.record.resolution import Resolution
from protocols.session.follow import Chain, Follow, read_head, read_model

log = structlog.get_logger(__name__)

WHOLE_FIRST = 20.0
"""Seconds for which a handover alone waits for one with the rounds that led there: without those
this peer's own history has a gap for good.
"""
Ask = Callable[[bytes, Record, int], Awaitable[bytes]]
"""Of a peer (32-byte key) a record; empty where it has none, or does not answer."""
Give = Callable[[Record, int], Awaitable[bytes]]
"""The same of one peer."""
Led: TypeAlias = tuple[tuple[CertifiedRound, ...], Model]
"""Certified rounds, and the last one's model."""


class Search:
    """Of ``epoch``, which is the current one here. ``position``: where this peer stands in it."""

    def __init__(self, epoch: Epoch, store: Store, position: Callable[[], Position]) -> None:
        self._epoch = epoch
        self._setting = epoch.setting()
        self._store = store
        self._position = position
        self._send, self._receive = trio.open_memory_channel[Handover](1)

    async def found(self) -> Handover:
        """Once one of those that are asked has shown it."""
        return await self._receive.receive()

    async def ask(self, connected: Connected, ask: Ask) -> None:
        """Whoever is connected, again and again, until cancelled. Each in a task of its own: one
        that answers slowly keeps nobody from being heard.
        """
        asking: set[bytes] = set()

        async def look(peer: bytes) -> None:
            await self._look(partial(ask, peer))
            asking.discard(peer)

        async with trio.open_nursery() as nursery:
            while True:
                for peer in connected() - asking:
                    asking.add(peer)
                    nursery.start_soon(look, peer)
                await trio.sleep(ASK_AGAIN)

    async def _look(self, give: Give) -> None:
        position = self._position()
        head = read_head(await give(Record.HEAD, 0))
        if head is None or head < position.round:
            return
        led = await self._followed(give, position, head)
        found = await self._proven(give, led) if led is not None else None
        if found is None and (led := await self._skipped(give, head)) is not None:
            found = await self._proven(give, led)
            await trio.sleep(WHOLE_FIRST if found is not None else 0)
        if found is not None:
            log.warning("the group has handed over", round=found.epoch.first - 1)
            await self._send.send(found)

    async def _followed(self, give: Give, position: Position, head: int) -> Led | None:
        """Certificate by certificate."""
        follow = Follow(self._setting, position, 0, head)
        while True:
            step = follow.done()
            for outcome in step.outcomes:
                if isinstance(outcome, Chain):
                    return outcome.rounds, outcome.model
            if not step.request:
                return None
            for ask in step.request:
                assert isinstance(ask, Asks)
                data = await give(ask.record, ask.round)
                await trio.to_thread.run_sync(follow.on_answer, ask, data)

    async def _skipped(self, give: Give, head: int) -> Led | None:
        """The handover alone, which proves itself: who joined with it has nothing before it."""
        try:
            certified = verify_certificate(self._setting, await give(Record.CERTIFICATE, head))
        except WireError:
            return None
        model = read_model(self._setting, await give(Record.MODEL, head), certified.end.model)
        return None if model is None else ((certified,), model)

    async def _proven(self, give: Give, led: Led) -> Handover | None:
        """With the genesis of the successor; None where these rounds lead to no handover."""
        rounds, model = led
        last = rounds[-1]
        if not isinstance(last.end, Resolution) or not last.end.hands_over:
            return None
        draft = kept_draft(self._store, last.end.draft) or read_draft(
            await give(Record.SUCCESSOR, last.round), last.end.draft
        )
        if draft is None:
            return None
        try:
            epoch = handed_over(self._epoch.genesis, last.certificate.encode(), draft)
        except GroupError:
            return None
        return Handover(epoch, rounds, model)
