"""``peerd run``: one module wires everything, in the order in which it can fail."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog
import trio

from peerd.config import Config
from peerd.discovery.address_book import AddressBook
from peerd.discovery.discovery import Discovery
from peerd.errors import NetworkError
from peerd.group import Genesis, load
from peerd.group.names import names_by_peer
from peerd.identity import Identity, peer_id_of
from peerd.labels import label
from peerd.learning import Trainer
from peerd.learning.settings import Training
from peerd.logging import configure
from peerd.metrics.exposition import Documents, Exposition, Numbers
from peerd.metrics.probes import Probes
from peerd.metrics.tally import Tally
from peerd.runner.blame import blamed, evidence
from peerd.runner.counting import rows_warnings
from peerd.runner.drain import flushed
from peerd.runner.driver import Driver
from peerd.runner.failures import only_error
from peerd.runner.first import check_first, check_fixed
from peerd.runner.gathering import gather
from peerd.runner.latency import Latency
from peerd.runner.library import Library
from peerd.runner.records import Records
from peerd.runner.rehearsal import training_of
from peerd.runner.reload import reload
from peerd.runner.resume import (
    claim,
    journaled_secret,
    position_of,
    setting_of,
)
from peerd.runner.signals import heed_signals
from peerd.status.board import StatusBoard
from peerd.status.metrics_port import MetricsPort
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


def run(
    config: Config,
    *,
    restored: bool | None = None,
    crew: Crew = Crew(),
    file: Path | None = None,
) -> int:
    """Run the daemon until SIGTERM or SIGINT; 0 when it was asked to stop, INTERRUPTED when it was
    asked again before it had. Raises PeerdError.

    ``restored``: the data directory was put back from a backup, and may not know what was signed;
    False: it never was, and never emptied. None: nobody says anything. ``file``: where the
    configuration is read again on SIGHUP.
    """
    configure(config.log.level, config.log.format, file=config.log.file)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    identity = Identity.load(config.key)
    genesis = load(config.genesis)
    genesis.verify()
    genesis.index(identity.public)
    names = names_by_peer(genesis)
    configure(config.log.level, config.log.format, file=config.log.file, names=names)
    with Store.open(config.data, config.storage.keeping) as store:
        claim(store, genesis.group_id, identity.public)
        daemon = _Daemon(config, identity, genesis, store, restored, crew, file)
        try:
            trio.run(daemon.run)
        except BaseExceptionGroup as group:
            error = only_error(group)
            if error is group:  # a fault of ours: nobody can be asked to make it happen again
                log.error("a fault of peerd", exc_info=group)
            raise error from group
    return daemon.exit_code


class _Daemon:
    def __init__(
        self,
        config: Config,
        identity: Identity,
        genesis: Genesis,
        store: Store,
        restored: bool | None,
        crew: Crew,
        file: Path | None,
    ) -> None:
        self.config = config
        self.exit_code = 0
        self._file = file
        self.restored = restored
        self._make_session = crew.session
        self.identity = identity
        self.genesis = genesis
        self.store = store
        self.me = genesis.index(identity.public)
        self.setting = setting_of(genesis)
        self.session: Peer | None = None
        self.board = StatusBoard()
        self.book = AddressBook(config.data / "addresses.json", genesis.roster, genesis.group_id)
        self.transport = Transport(
            identity, genesis.group_id, genesis.roster, config.listen, self.book
        )
        # Before the transport runs: others ask as soon as it does.
        self.library = Library(self.setting, store, self.transport)
        training = training_of(genesis, config.task, config.data / "training")
        self.trainer = crew.trainer(training)
        self.driver: Driver | None = None
        self.discovery: Discovery | None = None
        self.probes = Probes(config.data)
        self.tally = Tally((blame.peer for blame in store.blames()), store.round)
        numbers = Numbers(self.tally, self.probes, self.trainer)
        documents = Documents(self.board.snapshot, store.rounds, self.transport.links)
        self.metrics = Exposition(genesis, identity.public, numbers, documents)
        self.metrics_port = MetricsPort(self.metrics.text, self.board)
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
            warnings=[],
            draining=False,
            pid=os.getpid(),
        )
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            await nursery.start(heed_signals, self, nursery)
            await nursery.start(self.metrics_port.run)
            self.metrics_port.open(self.config.metrics.listen)
            await nursery.start(
                partial(serve_status, self.board, self.config.status, self._views())
            )
            nursery.start_soon(self.probes.run)
            # Before anybody is met: whoever can't train is no member that others should wait for.
            position = await self._rehearse(nursery)
            try:
                await nursery.start(self.transport.run)
            except TransportError as error:
                raise NetworkError(str(error)) from None
            self.discovery = Discovery(
                self.transport,
                self.identity,
                self.book,
                self.config.bootstrap,
                announce=self.config.announce,
            )
            nursery.start_soon(self.discovery.run)
            labels = {peer: label(name, peer) for peer, name in names_by_peer(self.genesis).items()}
            latency = Latency(self.transport.links, self.genesis.delta_ms, self.board, labels)
            nursery.start_soon(latency.run)
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
        records = Records(self.store, self.setting.roster, self.genesis.names)
        records.fill(self.setting)
        self.board.update(best=self.store.best())
        await gather(
            self.setting, self.transport.connected, self.board, resuming=position.round > 0
        )
        self.session = session = self._make_session(
            LocalPeer(
                self.setting, self.me, self.identity.secret, partial(journaled_secret, self.store)
            ),
            position,
            self.store.journal(position.round),
            rounds=self.config.rounds,
            restored=self.restored,
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
        )
        driver.watch = self.tally.saw
        nursery.start_soon(driver.run)

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

    def _views(self) -> Views:
        return Views(
            peers=self._peers,
            rounds=self.store.rounds,
            round=self.store.round,
            transcript=self.store.transcript,
            model=self.store.model,
            metrics=self.metrics.text,
            certificate=self.store.certificate,
            blame=self._blame,
            evidence=partial(evidence, self.store),
        )

    def _blame(self) -> Sequence[dict[str, object]]:
        guilty = self.session.position.ledger.guilty if self.session is not None else ()
        return blamed(self.store, self.genesis, guilty)

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
