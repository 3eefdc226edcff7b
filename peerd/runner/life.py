"""A daemon's life in one group: from its first status to the handover, or until it is told to stop.

What it needs is begun in the order in which it can fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import structlog
import trio

from peerd.config import Config
from peerd.discovery.discovery import Discovery
from peerd.group.members import names_by_peer
from peerd.labels import label
from peerd.levels import measures_set
from peerd.runner.crew import Terms
from peerd.runner.driver import Driver
from peerd.runner.equipment import Equipment
from peerd.runner.gathering import gather
from peerd.runner.library import Library
from peerd.runner.node import Node, limits_of
from peerd.runner.operators.alarm import Alarm, Means
from peerd.runner.operators.drain import flushed
from peerd.runner.operators.noting import gate_of, noted_approval
from peerd.runner.operators.orders import Desk
from peerd.runner.operators.reload import reload
from peerd.runner.operators.signals import heed_signals
from peerd.runner.operators.signer import Signer
from peerd.runner.place import Place
from peerd.runner.rehearsal import training_of
from peerd.runner.resume import position_of
from peerd.runner.sight.latency import Latency
from peerd.runner.sight.lookout import Lookout
from peerd.runner.succession.handover import Handover, beginning
from peerd.runner.succession.inheritance import address_book, guests
from peerd.runner.succession.lineage import remember
from peerd.runner.succession.passage import Passage
from peerd.runner.windows import Windows
from peerd.storage import Store
from peerd.storage.ring import TRAINING
from protocols.record.certificate import origin_of
from protocols.record.effects import Completed, Effect
from protocols.record.position import Position

log = structlog.get_logger(__name__)


class Life:
    """In the group of ``place``. ``config``: what is in force. ``handover``: what this life ended
    with; None where it was told to stop.
    """

    def __init__(self, config: Config, place: Place, store: Store, terms: Terms) -> None:
        self.config = config
        self.handover: Handover | None = None
        self.exit_code = 0
        self.discovery: Discovery | None = None
        self.genesis = place.genesis
        self.store = store
        self._place = place
        self._terms = terms
        epochs, identity = place.epochs, place.identity
        book = address_book(config.data, epochs)
        self._node = Node(
            config, identity, self.genesis, book, guests(epochs), limits_of(place.setting)
        )
        self.board = self._node.board
        self._transport = self._node.transport
        # Before the transport runs: others ask as soon as it does.
        self._library = Library(place.setting, store, self._transport, epochs)
        there = self._library, self._transport, self.board
        self._passage = Passage(epochs, identity, config, place.configured, store, *there)
        training = training_of(
            self.genesis, config.task, config.data / TRAINING, store.vault.part(TRAINING)
        )
        self.trainer = terms.crew.trainer(training)
        self._equipment = Equipment(place, self._node, store, self.trainer, self._library)
        signer = Signer(identity, config.key, self.genesis, store)
        self._desk = Desk(store, self.genesis, self.reload, signer)
        self.gate = gate_of(config, terms.trail, store)
        self.board.derive("trail", terms.trail.shown)
        self.board.derive("pending", self.gate.waiting)
        self._windows = Windows(config, place, self._node, store, self.trainer, self._desk.order)
        self.metrics_port = self._windows.metrics_port
        self.dashboard_port = self._windows.dashboard_port
        self.control_port = self._node.control_port
        self._driver: Driver | None = None
        self._scope = trio.CancelScope()

    async def run(self) -> None:
        """PeerdError."""
        self._windows.blank()
        self.board.update(measures=measures_set(self.config))
        terms = self._terms
        async with trio.open_nursery() as nursery:
            self._scope = nursery.cancel_scope
            await nursery.start(heed_signals, self, nursery, terms.told, terms.trail)
            await self._windows.open(nursery, self.config, self.gate)
            # Before anybody is met: whoever can't train is no member that others should wait for.
            first = await self._equipment.rehearse(nursery, self.config.task.start_from)
            await self._meet(nursery)
            await self._join()
            start = self._equipment.start(first)
            await self._play(nursery, position_of(self._place.setting, self.store, start))

    async def _meet(self, nursery: trio.Nursery) -> None:
        await self._node.listen(nursery)
        self.discovery = self._node.discovery(
            self.bootstraps([*self.config.bootstrap, *self.founding_addresses()]),
            self.config.announce,
            self.bootstraps(self.config.relays),
        )
        self.discovery.on_publish = self._published
        self.discovery.no_address.warn = partial(self.board.warn, "addresses")
        nursery.start_soon(self.discovery.run)
        labels = {peer: label(name, peer) for peer, name in names_by_peer(self.genesis).items()}
        latency = Latency(self._transport.links, self.genesis.delta_ms, self.board, labels)
        nursery.start_soon(latency.run)

    async def _join(self) -> None:
        """A newcomer waits until the old group has handed over, and takes what it starts from."""
        if not self._place.epochs[-1].awaits_handover:
            return
        follows = self.genesis.follows
        assert follows is not None
        phase = f"waiting for the group to hand over, in rounds {follows.first} to {follows.last}"
        log.info(phase, follows=follows.group.hex())
        self.board.update(state="joining", phase=phase)
        connected = self._transport.connected
        epochs = await beginning(self.genesis, self.store, self._library, connected)
        remember(self.store, epochs)
        self._library.serve(epochs)
        self._place.move_to(epochs)

    async def _play(self, nursery: trio.Nursery, position: Position) -> None:
        setting, connected = self._place.setting, self._transport.connected
        records = self._equipment.records()
        self.board.update(best=self.store.best())
        if position.ledger.handed_over:  # an earlier life ended just here
            self.handover = await self._passage.decided()
            nursery.cancel_scope.cancel()
            return
        nursery.start_soon(self._look_ahead, position, nursery.cancel_scope)
        lookout = Lookout(self.genesis, setting, self._place.me, self._transport, self.board)
        nursery.start_soon(partial(lookout.run, resuming=position.round > 0))
        resuming = position.round > origin_of(setting).round
        await gather(setting, connected, self.board, resuming=resuming)
        session = self._equipment.session(self._terms, position, self.config.rounds)
        driver = self._driver = self._equipment.driver(session, records)
        lookout.follow(driver)
        self._listen_for_alarms(nursery, driver)
        driver.on_own_approval = partial(noted_approval, self._terms.trail)
        await nursery.start(driver.run)
        self._desk.carry_out = driver.order
        nursery.start_soon(self._follow, driver, nursery.cancel_scope)
        nursery.start_soon(self._leave, driver)

    def _listen_for_alarms(self, nursery: trio.Nursery, driver: Driver) -> None:
        tally, public = self._windows.tally, self._place.identity.public
        means = Means(tally.alarm, self._terms.trail.noted, driver.order)
        there = self.genesis, public, self.store, self.board
        alarm = Alarm(*there, lambda: self.config, means)

        def watch(effect: Effect) -> None:
            tally.saw(effect)
            if isinstance(effect, Completed):
                nursery.start_soon(alarm.completed, effect)

        driver.watch = watch
        driver.on_evaluated = partial(nursery.start_soon, alarm.evaluated)
        driver.teller.on_spent = partial(nursery.start_soon, alarm.spent)

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
        found = await self._passage.decided()
        await self._passage.linger()
        self.handover = found  # not before: who is told to stop meanwhile goes nowhere
        scope.cancel()

    async def _look_ahead(self, start: Position, scope: trio.CancelScope) -> None:
        """Over to the successor, if the group handed over while this peer was away."""

        def stands() -> Position:
            session = self._place.session
            return start if session is None else session.position

        self.handover = await self._passage.missed(self._place.setting, stands)
        scope.cancel()

    # -- the operator's orders -----------------------------------------------------------------

    async def drain(self) -> None:
        """Begin nothing new, end the attempt in progress, and stop; or stop in the midst of it,
        when ``drain_seconds`` are over.
        """
        seconds = self.config.drain_seconds
        log.info("draining", seconds=seconds)
        self.board.update(draining=True)
        with trio.move_on_after(seconds) as patience:
            if self._driver is not None:
                await self._driver.drain()
                await flushed(self._transport)
        log.info("stopping", in_the_midst=patience.cancelled_caught)
        self.stop(0)

    def stop(self, code: int) -> None:
        """At once. Everything that was signed is on disk."""
        self.exit_code = code
        self._scope.cancel()

    def reload(self) -> None:
        """Read the configuration again, as far as it can be taken over."""
        if self._terms.file is not None:
            reload(self, self._terms.file)

    def bootstraps(self, configured: Iterable[str]) -> list[str]:
        """Those of a configuration, in terms of the current group."""
        return self._place.bootstraps(configured)

    def founding_addresses(self) -> list[str]:
        """Where members said that they can be reached first, as a configuration has them."""
        return self._place.founding_addresses()

    def _published(self, addresses: Sequence[str]) -> None:
        self.board.update(published=list(addresses))
