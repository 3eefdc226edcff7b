"""A peer's way to the others, and its status socket: what a daemon has before it has any rounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import trio

from peerd.config import Config
from peerd.discovery.address_book import AddressBook
from peerd.discovery.discovery import Discovery
from peerd.errors import NetworkError
from peerd.group import Genesis
from peerd.identity import Identity
from peerd.status.board import StatusBoard
from peerd.status.control_port import ControlPort
from peerd.status.control_tls import credentials
from peerd.status.door import Door
from peerd.status.gate import Gate
from peerd.status.routes import Views
from peerd.status.server import serve_socket
from peerd.transport.errors import TransportError
from peerd.transport.limits import DEFAULT_LIMITS, Limits
from peerd.transport.transport import Transport
from protocols.record.setting import Setting
from protocols.sizes import largest_answer, largest_frame
from protocols.version import V3


def limits_of(setting: Setting) -> Limits:
    """What a member may send is as large as what this group's members have to send, or larger."""
    usual, frame, answer = DEFAULT_LIMITS, largest_frame(setting), largest_answer(setting)
    return replace(
        usual,
        max_frame=max(usual.max_frame, frame),
        response_bytes=max(usual.response_bytes, answer),
        # a round's frames to one peer, and once more for one that comes back
        outbox_bytes=max(usual.outbox_bytes, 2 * frame),
    )


class Node:
    """Of one identity in one group. ``guests``: as the transport has them.

    The operator sees it first and the others meet it later, so that a daemon can be asked about
    what keeps it from meeting them.
    """

    def __init__(
        self,
        config: Config,
        identity: Identity,
        genesis: Genesis,
        book: AddressBook,
        guests: Iterable[bytes] = (),
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.identity = identity
        self.book = book
        self.board = StatusBoard()
        self.transport = Transport(
            identity,
            genesis.group_id,
            genesis.roster,
            config.listen,
            book,
            limits,
            guests=guests,
            relays=config.relay,
            hybrid=genesis.version >= V3,
        )
        self.control_port = ControlPort(self.board)
        self._status = config.status
        self._tls = config.control.tls

    async def show(self, nursery: trio.Nursery, views: Views, gate: Gate) -> None:
        """From now on the control socket answers, and the TLS port where there is to be one.
        StatusSocketError, NetworkError, ConfigError.
        """
        self.control_port.credentials = found = credentials(self._tls)
        if found is not None:
            gate.revoked = found.revoked.has
        nursery.start_soon(gate.refusals.run)
        door = Door(self.board, views, gate)
        serve = partial(serve_socket, self._status, door, shared=gate.roles.named)
        await nursery.start(serve)
        self.control_port.door = door
        await nursery.start(self.control_port.run)
        self.control_port.open(self._tls.listen)

    async def listen(self, nursery: trio.Nursery) -> None:
        """From now on others can dial this peer, and it dials them. NetworkError."""
        try:
            await nursery.start(self.transport.run)
        except TransportError as error:
            raise NetworkError(str(error)) from None

    def discovery(
        self,
        bootstrap: Sequence[str],
        announce: Sequence[str] | None,
        relays: Sequence[str],
    ) -> Discovery:
        """For whoever runs it, once this peer listens. ConfigError."""
        return Discovery(
            self.transport,
            self.identity,
            self.book,
            bootstrap,
            announce=announce,
            relays=relays,
        )
