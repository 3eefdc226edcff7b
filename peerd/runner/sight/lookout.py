"""Tells the status and the log whom the daemon waits for, and who comes and goes."""

from __future__ import annotations

import math
from collections.abc import Iterable

import structlog
import trio

from peerd.group import Genesis
from peerd.identity import peer_id_of
from peerd.runner.driver import Driver
from peerd.runner.gathering import GATHER_SECONDS, lacking
from peerd.runner.sight.announce import Announcer
from peerd.runner.sight.comings import Change, Comings
from peerd.runner.sight.sight import Member, Sight
from peerd.status.board import StatusBoard
from peerd.transport.transport import Transport
from protocols.record.effects import Effect, Phase
from protocols.record.setting import Setting
from protocols.record.waits import Wait
from protocols.session.events import Peer

LOOK_SECONDS = 0.5
BUSY_SECONDS = 2.0
"""A session that has worked on one event for so long is what the daemon waits for."""

log = structlog.get_logger(__name__)


class Lookout:
    """Made before the group gathers; ``follow`` once there is a session."""

    def __init__(
        self, genesis: Genesis, setting: Setting, me: int, transport: Transport, board: StatusBoard
    ) -> None:
        self._genesis = genesis
        self._setting = setting
        self._transport = transport
        self._board = board
        self._index = {public: index for index, public in enumerate(genesis.roster)}
        names = map(genesis.name_of, range(len(genesis.roster)))
        peers = map(peer_id_of, genesis.roster)
        members = [Member(peer, name) for peer, name in zip(peers, names, strict=True)]
        self._members = members
        self._sight = Sight(me, members, genesis.training_seconds, trio.current_time)
        self._announcer = Announcer(members[me].peer, trio.current_time)
        self._comings = Comings(trio.current_time)
        self._driver: Driver | None = None
        self._busy_since = math.inf
        self._patience: float | None = None
        board.derive("waiting", self._sight.entries)

    def follow(self, driver: Driver) -> None:
        """From now on the session says whom it waits for."""
        self._driver = driver
        driver.on_step = self._on_step

    async def run(self, *, resuming: bool) -> None:
        """``resuming``: no further patience is had for all, once a quorum is connected."""
        self._transport.on_link_change(self._on_link_change)
        while True:
            if self._driver is None:
                self._gather(resuming)
            else:
                await self._look(self._driver)
            self._announce()
            for change in self._comings.due():
                self._say(change)
            await trio.sleep(LOOK_SECONDS)

    # -- whom the daemon waits for -------------------------------------------------------------

    def _gather(self, resuming: bool) -> None:
        connected = self._connected()
        if lacking(self._setting, len(connected)) is not None:
            self._patience = None
        elif self._patience is None:
            self._patience = trio.current_time() + (0.0 if resuming else GATHER_SECONDS)
        self._sight.gather(connected, self._patience)

    async def _look(self, driver: Driver) -> None:
        asked = trio.current_time()
        with trio.move_on_after(BUSY_SECONDS) as patience:
            self._show(await driver.between_steps(_waits))
            self._busy_since = math.inf
        if patience.cancelled_caught:
            self._busy_since = min(self._busy_since, asked)
            self._sight.compute(self._busy_since)

    def _on_step(self, session: Peer, effects: Iterable[Effect]) -> None:
        """A phase that begins is seen at once, so that its seconds are right."""
        begins = False
        for effect in effects:
            self._sight.note(effect)
            begins = begins or isinstance(effect, Phase)
        if begins:
            self._show(_waits(session))

    def _show(self, waits: tuple[Wait, ...]) -> None:
        self._sight.look(waits, self._connected())

    def _connected(self) -> frozenset[int]:
        return frozenset(self._index[peer] for peer in self._transport.connected())

    def _announce(self) -> None:
        told = self._announcer.look(self._sight.entries())
        if told is None:
            return
        text, entries = told
        log.info(text)
        kind = "waiting" if entries else "waited"
        self._board.publish(kind, text=text, waiting=entries)

    # -- who comes and goes --------------------------------------------------------------------

    def _on_link_change(self, peer: bytes, connected: bool) -> None:
        change = self._comings.change(self._index[peer], connected)
        if change is not None:
            self._say(change)

    def _say(self, change: Change) -> None:
        member = self._members[change.peer]
        reason = None if change.connected else self._why(change.peer)
        event = "peer lost"
        if change.connected:
            event = "peer connected" if change.first else "peer is back"
        told = {
            "reason": reason,
            "away_seconds": None if change.away is None else round(change.away, 1),
            "losses": change.losses or None,
        }
        who = {"peer": member.peer, "name": member.name}
        log.info(event, **{k: value for k, value in (who | told).items() if value is not None})
        self._board.publish("peer", **who, connected=change.connected, **told)

    def _why(self, peer: int) -> str | None:
        public = self._genesis.roster[peer]
        ended = (link.ended or None for link in self._transport.links() if link.peer == public)
        return next(ended, None)


def _waits(session: Peer) -> tuple[Wait, ...]:
    return session.waits()
