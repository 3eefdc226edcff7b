"""``peerd run``: one module wires everything, in the order in which it can fail."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog
import trio

from peerd.config import Config
from peerd.discovery.address_book import AddressBook
from peerd.discovery.discovery import Discovery
from peerd.errors import NetworkError
from peerd.group import Genesis, load
from peerd.identity import Identity, peer_id_of
from peerd.learning import Trainer
from peerd.learning.settings import Training
from peerd.logging import configure
from peerd.runner.counting import rows_warnings
from peerd.runner.driver import Driver
from peerd.runner.failures import only_error
from peerd.runner.first import check_first, check_fixed
from peerd.runner.gathering import gather
from peerd.runner.latency import Latency
from peerd.runner.library import Library
from peerd.runner.records import Records
from peerd.runner.rehearsal import training_of
from peerd.runner.resume import (
    claim,
    journaled_secret,
    position_of,
    setting_of,
)
from peerd.runner.rhythm import Beat
from peerd.status.board import StatusBoard
from peerd.status.routes import Views
from peerd.status.server import serve_status
from peerd.storage import Store
from peerd.transport.errors import TransportError
from peerd.transport.transport import Transport
from protocols.aggregation import model_hash
from protocols.aggregation.contract import Model
from protocols.record.position import Position
from protocols.session.events import Peer
from protocols.session.local import LocalPeer
from protocols.session.session import Session

log = structlog.get_logger(__name__)


class Sessions(Protocol):
    """Makes what plays the protocol, as ``Session`` is made."""

    def __call__(
        self,
        peer: LocalPeer,
        position: Position,
        journal: Mapping[str, bytes] | None = None,
        *,
        rounds: int | None,
        restored: bool | None,
    ) -> Peer: ...


@dataclass(frozen=True, slots=True)
class Crew:
    """Who trains and who plays the protocol in a daemon."""

    trainer: Callable[[Training], Trainer] = Trainer
    session: Sessions = Session


def run(config: Config, *, restored: bool | None = None, crew: Crew = Crew()) -> int:
    """Run the daemon until SIGTERM or SIGINT; 0 when it was asked to stop. Raises PeerdError.

    ``restored``: the data directory was put back from a backup, and may not know what was signed;
    False: it never was, and never emptied. None: nobody says anything.
    """
    configure(config.log.level, config.log.format)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    identity = Identity.load(config.key)
    genesis = load(config.genesis)
    genesis.verify()
    genesis.index(identity.public)
    with Store.open(config.data) as store:
        claim(store, genesis.group_id, identity.public)
        try:
            trio.run(_Daemon(config, identity, genesis, store, restored, crew).run)
        except BaseExceptionGroup as group:
            error = only_error(group)
            if error is group:  # a fault of ours: nobody can be asked to make it happen again
                log.error("a fault of peerd", exc_info=group)
            raise error from group
    return 0


class _Daemon:
    def __init__(
        self,
        config: Config,
        identity: Identity,
        genesis: Genesis,
        store: Store,
        restored: bool | None,
        crew: Crew,
    ) -> None:
        self.config = config
        self.restored = restored
        self._make_session = crew.session
        self.identity = identity
        self.genesis = genesis
        self.store = store
        self.me = genesis.index(identity.public)
        self.setting = setting_of(genesis)
        self.board = StatusBoard()
        self.book = AddressBook(config.data / "addresses.json", genesis.roster, genesis.group_id)
        self.transport = Transport(
            identity, genesis.group_id, genesis.roster, config.listen, self.book
        )
        # Before the transport runs: others ask as soon as it does.
        self.library = Library(self.setting, store, self.transport)
        training = training_of(genesis, config.task, config.data / "training")
        self.trainer = crew.trainer(training)

    async def run(self) -> None:
        self.board.update(
            state="starting",
            group=self.genesis.group_id.hex(),
            peer=self.identity.peer_id,
            round=None,
            attempt=None,
            phase=None,
            head=self.store.head(),
            model_hash=None,
            reason=None,
            advice=None,
            abandon=None,
            abandoned_by=[],
            paused_from=None,
            away={},
            next_round_at=None,
            warnings=[],
            pid=os.getpid(),
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(self._stop_on_signal, nursery.cancel_scope)
            await nursery.start(
                partial(serve_status, self.board, self.config.status, self._views())
            )
            # Before anybody is met: whoever can't train is no member that others should wait for.
            position = await self._rehearse(nursery)
            try:
                await nursery.start(self.transport.run)
            except TransportError as error:
                raise NetworkError(str(error)) from None
            discovery = Discovery(
                self.transport,
                self.identity,
                self.book,
                self.config.bootstrap,
                announce=self.config.announce,
            )
            nursery.start_soon(discovery.run)
            nursery.start_soon(Latency(self.transport.links, self.genesis.delta_ms, self.board).run)
            await self._play(nursery, position)

    async def _rehearse(self, nursery: trio.Nursery) -> Position:
        """Builds the task and tries it; where this peer stands. TaskError, GroupError."""
        self.trainer.warn = partial(self.board.warn, "training worker")
        await nursery.start(self.trainer.run)
        warnings = await self.trainer.rehearse()
        for line in warnings:
            log.warning("the rehearsal warns", reason=line)
        self.board.warn("rehearsal", warnings)
        first = await self.trainer.initial_model()
        self._check_first(first)
        rows = await rows_warnings(self.trainer, self.setting, self.me, first)
        self.board.warn("held-out rows", rows)
        return position_of(self.setting, self.store, first)

    def _check_first(self, first: Model) -> None:
        """GroupError. A drawn model has no part in what follows once a round is certified, and
        another version of torch may draw another; a file is the group's, or is not.
        """
        start_from, fixed = self.config.task.start_from, self.trainer.fixed
        if start_from is None and self.store.head() >= 0:
            check_fixed(self.genesis, start_from, fixed)
        else:
            check_first(self.genesis, start_from, model_hash(first), fixed)

    async def _play(self, nursery: trio.Nursery, position: Position) -> None:
        records = Records(self.store, self.setting.roster)
        records.fill(self.setting)
        self.board.update(best=self.store.best())
        await gather(
            self.setting, self.transport.connected, self.board, resuming=position.round > 0
        )
        session = self._make_session(
            LocalPeer(
                self.setting, self.me, self.identity.secret, partial(journaled_secret, self.store)
            ),
            position,
            self.store.journal(position.round),
            rounds=self.config.rounds,
            restored=self.restored,
        )
        driver = Driver(
            self.setting,
            session,
            self.store,
            self.transport,
            self.trainer,
            self.board,
            self.library,
            records,
            Beat(self.genesis.rhythm, self.board),
        )
        nursery.start_soon(driver.run)
        nursery.start_soon(self._leave, driver, nursery.cancel_scope)

    async def _leave(self, driver: Driver, scope: trio.CancelScope) -> None:
        """Told to drain (``peerd drain``), and the round is over."""
        await driver.left.wait()
        log.info("stopping", reason="drained")
        await trio.sleep(self.setting.deadlines.behind / 1000)  # what was said is on its way
        scope.cancel()

    async def _stop_on_signal(
        self, scope: trio.CancelScope, *, task_status: Any = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for number in signals:
                log.info("stopping", signal=signal.Signals(number).name)
                scope.cancel()

    def _views(self) -> Views:
        return Views(
            peers=self._peers,
            rounds=self.store.rounds,
            round=self.store.round,
            transcript=self.store.transcript,
            model=self.store.model,
        )

    def _peers(self) -> Sequence[dict[str, object]]:
        links = {link.peer: link for link in self.transport.links()}
        away = self.board.announced()
        shown: list[dict[str, object]] = []
        for public in self.genesis.roster:
            link = links.get(public)
            shown.append(
                {
                    "peer": peer_id_of(public),
                    "self": public == self.identity.public,
                    "connected": link is None or link.connected,
                    "away": peer_id_of(public) in away,
                    "address": self.config.listen if link is None else link.address,
                    "bytes_in": 0 if link is None else link.bytes_in,
                    "bytes_out": 0 if link is None else link.bytes_out,
                    "rtt": None if link is None else link.rtt,
                    "last_seen": None if link is None else link.last_seen,
                }
            )
        return shown
