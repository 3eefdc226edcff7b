"""``peerd run``: one module wires everything, in the order in which it can fail."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog
import trio

from peerd.config import Config
from peerd.discovery.discovery import Discovery
from peerd.errors import CorruptError, NetworkError
from peerd.group import Genesis, load
from peerd.group.document import render
from peerd.group.names import names_by_peer
from peerd.identity import Identity, peer_id_of
from peerd.labels import label
from peerd.learning import Trainer
from peerd.learning.settings import Training
from peerd.logging import configure
from peerd.runner.approvals import kept_approvals
from peerd.runner.counting import rows_warnings
from peerd.runner.driver import Driver
from peerd.runner.failures import only_error
from peerd.runner.first import check_first, check_fixed
from peerd.runner.gathering import gather, lacking
from peerd.runner.handover import Handover, beginning, successor
from peerd.runner.inheritance import address_book, bootstraps, guests
from peerd.runner.latency import Latency
from peerd.runner.library import Library
from peerd.runner.lineage import Epoch, epoch_of, named, remember
from peerd.runner.membership import Left, current
from peerd.runner.orders import Orders
from peerd.runner.records import Records
from peerd.runner.rehearsal import training_of
from peerd.runner.resume import journaled_secret, position_of
from peerd.runner.scout import drafts, scout
from peerd.runner.search import Search
from peerd.status.board import StatusBoard
from peerd.status.routes import Views
from peerd.status.server import serve_status
from peerd.storage import Store
from peerd.storage.durable import START_EMPTY
from peerd.transport.errors import TransportError
from peerd.transport.transport import Transport
from protocols.aggregation import model_hash
from protocols.aggregation.contract import Model
from protocols.record.certificate import origin_of
from protocols.record.position import Position
from protocols.session.events import Peer
from protocols.session.local import LocalPeer
from protocols.session.session import Session

log = structlog.get_logger(__name__)

LINGER_DELTAS = 4
"""Δ for which a daemon stays in a group that has handed over."""


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
        approvals: Iterable[bytes],
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
    genesis = load(config.genesis)
    genesis.verify()
    with Store.open(config.data) as store:
        while True:
            try:
                epochs, identity = current(store, genesis, config.key)
            except Left as left:
                log.warning("this peer has left the group", reason=str(left))
                return 0
            configure(config.log.level, config.log.format, names=named(epochs))
            handover = _run(_Daemon(config, genesis, identity, epochs, store, restored, crew))
            if handover is None:
                return 0
            handover.store(store, epochs[-1])
            remember(store, [*epochs, handover.epoch])


def _run(daemon: _Daemon) -> Handover | None:
    """Until it is asked to stop, or its group hands over."""
    try:
        trio.run(daemon.run)
    except BaseExceptionGroup as group:
        error = only_error(group)
        if error is group:  # a fault of ours: nobody can be asked to make it happen again
            log.error("a fault of peerd", exc_info=group)
        raise error from group
    return None if daemon.stopped else daemon.handover


class _Daemon:
    def __init__(
        self,
        config: Config,
        configured: Genesis,
        identity: Identity,
        epochs: Sequence[Epoch],
        store: Store,
        restored: bool | None,
        crew: Crew,
    ) -> None:
        self.config = config
        self.epochs = epochs
        self.configured = configured
        self.handover: Handover | None = None
        self.stopped = False
        self.position: Position | None = None
        self.session: Peer | None = None
        self.restored = restored
        self._make_session = crew.session
        self.identity = identity
        self.genesis = genesis = epochs[-1].genesis
        self.store = store
        self.me = genesis.index(identity.public)
        self.setting = epochs[-1].setting()
        self.board = StatusBoard()
        self.book = address_book(config.data, epochs)
        self.transport = Transport(
            identity,
            genesis.group_id,
            genesis.roster,
            config.listen,
            self.book,
            guests=guests(epochs),
        )
        # Before the transport runs: others ask as soon as it does.
        self.library = Library(self.setting, store, self.transport, epochs)
        training = training_of(genesis, config.task, config.data / "training")
        self.trainer = crew.trainer(training)

    async def run(self) -> None:
        self.board.update(
            state="starting",
            group=self.genesis.group_id.hex(),
            peer=self.identity.peer_id,
            name=self.genesis.name_of(self.me),
            round=None,
            attempt=None,
            phase=None,
            head=self.store.head(),
            model_hash=None,
            reason=None,
            meaning=None,
            advice=None,
            abandon=None,
            abandoned_by=[],
            approvals=[],
            quorum=self.setting.roster_quorum,
            warnings=[],
            pid=os.getpid(),
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(self._stop_on_signal, nursery.cancel_scope)
            await nursery.start(
                partial(serve_status, self.board, self.config.status, self._views())
            )
            # Before anybody is met: whoever can't train is no member that others should wait for.
            first = await self._rehearse(nursery)
            try:
                await nursery.start(self.transport.run)
            except TransportError as error:
                raise NetworkError(str(error)) from None
            discovery = Discovery(
                self.transport,
                self.identity,
                self.book,
                bootstraps(self.config.bootstrap, self.epochs, self.configured),
                announce=self.config.announce,
            )
            nursery.start_soon(discovery.run)
            await self._join()
            labels = {peer: label(name, peer) for peer, name in names_by_peer(self.genesis).items()}
            latency = Latency(self.transport.links, self.genesis.delta_ms, self.board, labels)
            nursery.start_soon(latency.run)
            await self._play(nursery, position_of(self.setting, self.store, self._start(first)))

    def _start(self, first: Model) -> Model:
        """The model that the group starts from: what a handover left, or what everybody draws."""
        if self.setting.origin is None:
            return first
        left = self.store.model(self.setting.origin.round - 1)
        if left is None:
            raise CorruptError("the model of the handover is missing or damaged", START_EMPTY)
        return left

    async def _join(self) -> None:
        """A newcomer waits until the old group has handed over, and takes what it starts from."""
        if not self.epochs[-1].awaits_handover:
            return
        follows = self.genesis.follows
        assert follows is not None
        phase = f"waiting for the group to hand over, in rounds {follows.first} to {follows.last}"
        log.info(phase, follows=follows.group.hex())
        self.board.update(state="joining", phase=phase)
        connected = self.transport.connected
        self.epochs = await beginning(self.genesis, self.store, self.library, connected)
        remember(self.store, self.epochs)
        self.library.serve(self.epochs)
        self.setting = self.epochs[-1].setting()

    async def _rehearse(self, nursery: trio.Nursery) -> Model:
        """Builds the task and tries it; the first model that it draws. TaskError, GroupError."""
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
        return first

    def _check_first(self, first: Model) -> None:
        """GroupError. A drawn model has no part in what follows once a round is certified, and
        another version of torch may draw another; a file is the group's, or is not.
        """
        start_from, fixed = self.config.task.start_from, self.trainer.fixed
        goes_on = self.store.head() >= 0 or self.genesis.follows is not None
        if start_from is None and goes_on:
            check_fixed(self.genesis, start_from, fixed)
        else:
            check_first(self.genesis, start_from, model_hash(first), fixed)

    async def _play(self, nursery: trio.Nursery, position: Position) -> None:
        records = Records(self.store, self.setting.roster, self.genesis.names)
        records.fill(self.setting)
        self.board.update(best=self.store.best())
        self.position = position
        if position.ledger.handed_over:  # an earlier life ended just here
            await self._go_over()
            nursery.cancel_scope.cancel()
            return
        nursery.start_soon(self._look_ahead, nursery.cancel_scope)
        await gather(
            self.setting,
            self.transport.connected,
            self.board,
            resuming=position.round > origin_of(self.setting).round,
        )
        session = self._make_session(
            LocalPeer(
                self.setting, self.me, self.identity.secret, partial(journaled_secret, self.store)
            ),
            position,
            self.store.journal(position.round),
            rounds=self.config.rounds,
            restored=self.restored,
            approvals=kept_approvals(self.store, self.setting.group),
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
            Orders(self.store, self.genesis),
        )
        self.session = session
        nursery.start_soon(driver.run)
        nursery.start_soon(self._follow, driver, nursery.cancel_scope)

    async def _follow(self, driver: Driver, scope: trio.CancelScope) -> None:
        """Over to the successor, once the group has handed over. A while of staying lets those
        learn of it who have not yet.
        """
        await driver.handed_over.wait()
        log.warning("the group hands over", round=self.store.head())
        await self._go_over()
        await self._linger()
        scope.cancel()

    async def _linger(self) -> None:
        await trio.sleep(LINGER_DELTAS * self.genesis.delta_ms / 1000)

    async def _go_over(self) -> None:
        self.board.update(state="handing over", phase="waiting for the successor's genesis")
        ahead = self.epochs[-1], self.store, self.library, self.transport.connected
        self._found(Handover(await successor(*ahead, self.store.head())))

    def _found(self, handover: Handover) -> None:
        self.handover = handover
        self.board.update(state="handing over", phase="going over to the successor")
        self.board.publish("handover", successor=handover.epoch.genesis.group_id.hex())

    async def _look_ahead(self, scope: trio.CancelScope) -> None:
        """Whether the group has handed over while this peer was away. Nobody is asked while a
        quorum of it is connected: those would tell.
        """
        search = Search(self.epochs[-1], self.store, self._position)
        group = self.genesis.group_id
        async with trio.open_nursery() as nursery:
            nursery.start_soon(search.ask, self._too_few, self.library.ask)
            for draft in drafts(self.store, self.configured, group):
                nursery.start_soon(
                    partial(scout, draft, self.epochs, self.identity, self.config),
                    self.library,
                    search,
                    self._alone,
                )
            self._found(await search.found())
            nursery.cancel_scope.cancel()
        scope.cancel()

    def _position(self) -> Position:
        assert self.position is not None
        return self.position if self.session is None else self.session.position

    def _alone(self) -> bool:
        return lacking(self.setting, len(self.transport.connected())) is not None

    def _too_few(self) -> frozenset[bytes]:
        """Those that are connected, if they are no quorum."""
        return self.transport.connected() if self._alone() else frozenset()

    async def _stop_on_signal(
        self, scope: trio.CancelScope, *, task_status: Any = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for number in signals:
                log.info("stopping", signal=signal.Signals(number).name)
                self.stopped = True
                scope.cancel()

    def _views(self) -> Views:
        return Views(
            peers=self._peers,
            rounds=self.store.rounds,
            round=self.store.round,
            transcript=self.store.transcript,
            model=self.store.model,
            genesis=self._genesis_of,
        )

    def _genesis_of(self, round_: int | None) -> dict[str, object]:
        epoch = self.epochs[-1] if round_ is None else epoch_of(self.epochs, round_)
        document: dict[str, object] = json.loads(render(epoch.genesis))
        return document

    def _peers(self) -> Sequence[dict[str, object]]:
        links = {link.peer: link for link in self.transport.links()}
        shown: list[dict[str, object]] = []
        for index, public in enumerate(self.genesis.roster):
            link = links.get(public)
            shown.append(
                {
                    "peer": peer_id_of(public),
                    "name": self.genesis.name_of(index),
                    "self": public == self.identity.public,
                    "connected": link is None or link.connected,
                    "address": self.config.listen if link is None else link.address,
                    "bytes_in": 0 if link is None else link.bytes_in,
                    "bytes_out": 0 if link is None else link.bytes_out,
                    "rtt": None if link is None else link.rtt,
                    "last_seen": None if link is None else link.last_seen,
                }
            )
        return shown
