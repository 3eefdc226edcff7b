"""``peerd run``: one module wires everything, in the order in which it can fail."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog
import trio

from peerd.config import Config, from_environment, strange_variables
from peerd.dashboard.port import DashboardPort
from peerd.dashboard.sources import Sources
from peerd.discovery.discovery import Discovery
from peerd.environment import variable
from peerd.errors import CorruptError, NetworkError
from peerd.group import Genesis, load
from peerd.group.addresses import as_bootstraps
from peerd.group.document import render
from peerd.group.names import names_by_peer
from peerd.identity import Identity
from peerd.labels import label
from peerd.learning import Trainer
from peerd.learning.settings import Training
from peerd.logging import configure
from peerd.metrics.exposition import Documents, Exposition, Numbers
from peerd.metrics.probes import Probes
from peerd.metrics.tally import Tally
from peerd.runner.counting import rows_warnings
from peerd.runner.driver import Driver
from peerd.runner.evidence.blame import blamed, blamed_members, evidence
from peerd.runner.failures import only_error
from peerd.runner.first import check_first, check_fixed
from peerd.runner.founding import Founding
from peerd.runner.gathering import gather
from peerd.runner.library import Library
from peerd.runner.members import Members
from peerd.runner.operators.approvals import kept_approvals
from peerd.runner.operators.drain import flushed
from peerd.runner.operators.orders import Orders
from peerd.runner.operators.patience import Patience
from peerd.runner.operators.reload import reload
from peerd.runner.operators.signals import heed_signals
from peerd.runner.operators.told import Told
from peerd.runner.records import Records
from peerd.runner.rehearsal import training_of
from peerd.runner.resume import journaled_secret, position_of
from peerd.runner.rhythm import Beat
from peerd.runner.sight.latency import Latency
from peerd.runner.sight.lookout import Lookout
from peerd.runner.sight.roll import roll
from peerd.runner.succession.handover import Handover, beginning
from peerd.runner.succession.inheritance import address_book, bootstraps, guests
from peerd.runner.succession.lineage import Epoch, named, remember
from peerd.runner.succession.membership import Left, current
from peerd.runner.succession.passage import Passage
from peerd.status.board import StatusBoard
from peerd.status.metrics_port import MetricsPort
from peerd.status.routes import AuditViews, Views
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


def run(
    config: Config,
    *,
    restored: bool | None = None,
    crew: Crew = Crew(),
    file: Path | None = None,
    founds: bool = False,
    told: Told | None = None,
) -> int:
    """Run the daemon until SIGTERM or SIGINT; 0 when it was asked to stop, INTERRUPTED when it was
    asked again before it had. Raises PeerdError.

    ``restored``: the data directory was put back from a backup, and may not know what was signed;
    False: it never was, and never emptied. None: nobody says anything. ``file``: where the
    configuration is read again on SIGHUP. ``founds``: where members have not signed yet, their
    signatures are waited for. ``told``: notes what it is told while it starts or stops.
    """
    told = told or Told()
    configure(config.log.level, config.log.format, file=config.log.file)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    if said := from_environment(os.environ):
        log.info("keys from the environment", variables=[variable(key) for key in said])
    if strange := strange_variables(os.environ):
        log.warning("variables that are no keys of peerd's", variables=strange)
    genesis = load(config.genesis)
    if not founds:
        genesis.verify()
    with Store.open(config.data, config.storage.keeping) as store:
        if genesis.unsigned():
            names = names_by_peer(genesis)
            configure(config.log.level, config.log.format, file=config.log.file, names=names)
            founding = Founding(config, genesis, Identity.load(config.key), told)
            _run(founding)
            if founding.genesis.unsigned():
                return founding.exit_code
            genesis = founding.genesis
        while True:
            try:
                epochs, identity = current(store, genesis, config.key)
            except Left as left:
                log.warning("this peer has left the group", reason=str(left))
                return 0
            names = named(epochs)
            configure(config.log.level, config.log.format, file=config.log.file, names=names)
            daemon = _Daemon(config, genesis, identity, epochs, store, restored, crew, file)
            daemon.told = told
            _run(daemon)
            if daemon.handover is None:
                if again := told.taken():
                    log.info("told to stop again while it stopped", times=len(again))
                return daemon.exit_code
            daemon.handover.store(store, epochs[-1])
            remember(store, [*epochs, daemon.handover.epoch])
            config = daemon.config


def _run(daemon: Founding | _Daemon) -> None:
    """Until it is asked to stop, or has come to its end."""
    try:
        trio.run(daemon.run)
    except BaseExceptionGroup as group:
        error = only_error(group)
        if error is group:  # a fault of ours: nobody can be asked to make it happen again
            log.error("a fault of peerd", exc_info=group)
        raise error from group


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
        file: Path | None,
    ) -> None:
        self.config = config
        self.epochs = epochs
        self.handover: Handover | None = None
        self.exit_code = 0
        self.told = Told()
        self._file = file
        self.restored = restored
        self._make_session = crew.session
        self.identity = identity
        self.genesis = genesis = epochs[-1].genesis
        self.store = store
        self.me = genesis.index(identity.public)
        self.setting = epochs[-1].setting()
        self.session: Peer | None = None
        self.board = StatusBoard()
        self.book = address_book(config.data, epochs)
        self.transport = Transport(
            identity,
            genesis.group_id,
            genesis.roster,
            config.listen,
            self.book,
            guests=guests(epochs),
            relays=config.relay,
        )
        # Before the transport runs: others ask as soon as it does.
        self.library = Library(self.setting, store, self.transport, epochs)
        there = self.library, self.transport, self.board
        self.passage = Passage(epochs, identity, config, configured, store, *there)
        self._configured = configured
        training = training_of(genesis, config.task, config.data / "training")
        self.trainer = crew.trainer(training)
        self.driver: Driver | None = None
        self.discovery: Discovery | None = None
        self.probes = Probes(config.data)
        self.tally = Tally(blamed_members(store, epochs), store.round)
        numbers = Numbers(self.tally, self.probes, self.trainer)
        documents = Documents(self.board.snapshot, store.rounds, self.transport.links)
        self.metrics = Exposition(genesis, identity.public, numbers, documents)
        self.metrics_port = MetricsPort(self.metrics.text, self.board)
        self.dashboard_port = DashboardPort(self._sources())
        self._scope = trio.CancelScope()

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
            paused_from=None,
            away={},
            published=[],
            next_round_at=None,
            absent=[],
            warnings=[],
            draining=False,
            environment=sorted(from_environment(os.environ)),
            pid=os.getpid(),
        )
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            await nursery.start(heed_signals, self, nursery, self.told)
            await nursery.start(self.metrics_port.run)
            self.metrics_port.open(self.config.metrics.listen)
            await nursery.start(self.dashboard_port.run)
            self.dashboard_port.open(self.config.dashboard.address)
            await nursery.start(
                partial(serve_status, self.board, self.config.status, self._views())
            )
            nursery.start_soon(self.probes.run)
            # Before anybody is met: whoever can't train is no member that others should wait for.
            first = await self._rehearse(nursery)
            try:
                await nursery.start(self.transport.run)
            except TransportError as error:
                raise NetworkError(str(error)) from None
            self.discovery = Discovery(
                self.transport,
                self.identity,
                self.book,
                self.bootstraps([*self.config.bootstrap, *self.founding_addresses()]),
                announce=self.config.announce,
                relays=self.bootstraps(self.config.relays),
            )
            self.discovery.on_publish = self._published
            self.discovery.no_address.warn = partial(self.board.warn, "addresses")
            nursery.start_soon(self.discovery.run)
            labels = {peer: label(name, peer) for peer, name in names_by_peer(self.genesis).items()}
            latency = Latency(self.transport.links, self.genesis.delta_ms, self.board, labels)
            nursery.start_soon(latency.run)
            await self._join()
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
        first = origin_of(self.setting).round
        records = Records(self.store, self.setting.roster, self.genesis.names, first=first)
        records.fill(self.setting)
        self.board.update(best=self.store.best())
        if position.ledger.handed_over:  # an earlier life ended just here
            self.handover = await self.passage.decided()
            nursery.cancel_scope.cancel()
            return
        nursery.start_soon(self._look_ahead, position, nursery.cancel_scope)
        lookout = Lookout(self.genesis, self.setting, self.me, self.transport, self.board)
        nursery.start_soon(partial(lookout.run, resuming=position.round > 0))
        await gather(
            self.setting,
            self.transport.connected,
            self.board,
            resuming=position.round > origin_of(self.setting).round,
        )
        self.session = session = self._make_session(
            LocalPeer(
                self.setting, self.me, self.identity.secret, partial(journaled_secret, self.store)
            ),
            position,
            self.store.journal(position.round),
            rounds=self.config.rounds,
            restored=self.restored,
            approvals=kept_approvals(self.store, self.setting.group),
        )
        driver = self.driver = Driver(
            self.setting,
            session,
            self.store,
            self.transport,
            self.trainer,
            self.board,
            self.library,
            records,
            Orders(self.store, self.genesis),
            Beat(self.genesis.rhythm, self.board),
        )
        lookout.follow(driver)
        driver.watch = self.tally.saw
        rhythm = self.genesis.rhythm
        patience = None if rhythm is None else rhythm.patience
        driver.on_measured = Patience(self.store, patience).look
        nursery.start_soon(driver.run)
        nursery.start_soon(self._follow, driver, nursery.cancel_scope)
        nursery.start_soon(self._leave, driver)

    async def _leave(self, driver: Driver) -> None:
        """Told to drain (``peerd drain``): the others know it, and the round is over."""
        await driver.left.wait()
        await self.drain()

    async def _follow(self, driver: Driver, scope: trio.CancelScope) -> None:
        """Over to the successor, once the group has handed over. A while of staying lets those
        learn of it who have not yet.
        """
        await driver.handed_over.wait()
        log.warning("the group hands over", round=self.store.head())
        found = await self.passage.decided()
        await self.passage.linger()
        self.handover = found  # not before: who is told to stop meanwhile goes nowhere
        scope.cancel()

    async def _look_ahead(self, start: Position, scope: trio.CancelScope) -> None:
        """Over to the successor, if the group handed over while this peer was away."""

        def stands() -> Position:
            return start if self.session is None else self.session.position

        self.handover = await self.passage.missed(self.setting, stands)
        scope.cancel()

    def bootstraps(self, configured: Iterable[str]) -> list[str]:
        """Those of a configuration, in terms of the current group."""
        return bootstraps(configured, self.epochs, self._configured)

    def founding_addresses(self) -> list[str]:
        """Where members said that they can be reached first, as a configuration has them."""
        return as_bootstraps(self._configured.addresses)

    # -- the operator's orders -----------------------------------------------------------------

    async def drain(self) -> None:
        """Begin nothing new, end the attempt in progress, and stop; or stop in the midst of it,
        when ``drain_seconds`` are over.
        """
        seconds = self.config.drain_seconds
        log.info("draining", seconds=seconds)
        self.board.update(draining=True)
        with trio.move_on_after(seconds) as patience:
            if self.driver is not None:
                await self.driver.drain()
                await flushed(self.transport)
        log.info("stopping", in_the_midst=patience.cancelled_caught)
        self.stop(0)

    def stop(self, code: int) -> None:
        """At once. Everything that was signed is on disk."""
        self.exit_code = code
        self._scope.cancel()

    def reload(self) -> None:
        """Read the configuration again, as far as it can be taken over."""
        if self._file is not None:
            reload(self, self._file)

    def _published(self, addresses: Sequence[str]) -> None:
        self.board.update(published=list(addresses))

    def _sources(self) -> Sources:
        return Sources(
            self.board,
            self._views(),
            lambda: self.epochs,
            self.store.certificates,
        )

    def _views(self) -> Views:
        members, store = Members(self.genesis.roster, self.genesis.names), self.store
        return Views(
            peers=self._peers,
            rounds=lambda limit: members.all_shown(store.rounds(limit)),
            counted=store.rounds_kept,
            round=lambda number: (r := store.round(number)) and members.shown(r),
            transcript=self.store.transcript,
            model=self.store.model,
            metrics=self.metrics.text,
            certificate=self.store.certificate,
            blame=self._blame,
            evidence=partial(evidence, self.store),
            dashboard=lambda: self.dashboard_port.address(),
            audit=AuditViews(
                lambda: render(self.genesis).encode(),
                lambda: [
                    {"first_round": epoch.first, "genesis": json.loads(render(epoch.genesis))}
                    for epoch in self.epochs
                ],
                self.store.certificates,
                lambda: {**self.store.kept()},
            ),
        )

    def _blame(self) -> Sequence[dict[str, object]]:
        guilty = self.session.position.ledger.guilty if self.session is not None else ()
        keys = {self.setting.roster[peer] for peer in guilty}
        return blamed(self.store, self.epochs, keys)

    def _peers(self) -> Sequence[dict[str, object]]:
        away = self.board.announced()
        return roll(self.genesis, self.identity.public, self.transport, self.book, away)
