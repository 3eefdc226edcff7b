"""What a daemon takes part in rounds with, and what it makes of it: a first model, a session, its
driver.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
import trio

from peerd.errors import CorruptError
from peerd.learning import Trainer
from peerd.runner.counting import rows_warnings
from peerd.runner.crew import Terms
from peerd.runner.driver import Driver
from peerd.runner.first import check_first, check_fixed
from peerd.runner.library import Library
from peerd.runner.node import Node
from peerd.runner.operators.approvals import kept_approvals
from peerd.runner.operators.patience import Patience
from peerd.runner.place import Place
from peerd.runner.records import Records
from peerd.runner.resume import journaled_secret
from peerd.runner.rhythm import Beat
from peerd.storage import Store
from peerd.storage.durable import START_EMPTY
from protocols.aggregation import model_hash
from protocols.aggregation.contract import Model
from protocols.record.certificate import origin_of
from protocols.record.position import Position
from protocols.session.events import Peer
from protocols.session.local import LocalPeer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Equipment:
    """Of a daemon in one group."""

    place: Place
    node: Node
    store: Store
    trainer: Trainer
    library: Library

    async def rehearse(self, nursery: trio.Nursery, start_from: Path | None) -> Model:
        """Builds the task and tries it; the first model that it draws. TaskError, GroupError."""
        trainer, board = self.trainer, self.node.board
        trainer.warn = partial(board.warn, "training worker")
        await nursery.start(trainer.run)
        warnings = await trainer.rehearse()
        for line in warnings:
            log.warning("the rehearsal warns", reason=line)
        board.warn("rehearsal", warnings)
        first = await trainer.initial_model()
        self._check_first(first, start_from)
        rows = await rows_warnings(trainer, self.place.setting, self.place.me, first)
        board.warn("held-out rows", rows)
        return first

    def _check_first(self, first: Model, start_from: Path | None) -> None:
        """GroupError. A drawn model has no part in what follows once a round is certified, and
        another version of torch may draw another; a file is the group's, or is not.
        """
        genesis, fixed = self.place.genesis, self.trainer.fixed
        goes_on = self.store.head() >= 0 or genesis.follows is not None
        if start_from is None and goes_on:
            check_fixed(genesis, start_from, fixed)
        else:
            check_first(genesis, start_from, model_hash(first), fixed)

    def start(self, first: Model) -> Model:
        """The model that the group starts from: what a handover left, or what everybody draws.
        CorruptError.
        """
        origin = self.place.setting.origin
        if origin is None:
            return first
        left = self.store.model(origin.round - 1)
        if left is None:
            raise CorruptError("the model of the handover is missing or damaged", START_EMPTY)
        return left

    def records(self) -> Records:
        """The rounds that are on disk, as people read them."""
        setting = self.place.setting
        names, first = self.place.genesis.names, origin_of(setting).round
        me = self.place.me
        records = Records(self.store, setting.roster, names, first=first, me=me)
        records.fill(setting)
        return records

    def session(self, terms: Terms, position: Position, rounds: int | None) -> Peer:
        """This peer in its group, from where it stands; the place knows it from now on."""
        place, store = self.place, self.store
        secret = partial(journaled_secret, store)
        place.session = terms.crew.session(
            LocalPeer(
                place.setting, place.me, place.identity.secret, secret, terms.trail.last_hash
            ),
            position,
            store.journal(position.round),
            rounds=rounds,
            restored=terms.restored,
            approvals=kept_approvals(store, place.setting.group),
        )
        return place.session

    def driver(self, session: Peer, records: Records) -> Driver:
        """For whoever runs it."""
        genesis, board = self.place.genesis, self.node.board
        driver = Driver(
            self.place.setting,
            session,
            self.store,
            self.node.transport,
            self.trainer,
            board,
            self.library,
            records,
            Beat(genesis.rhythm, board),
        )
        patience = None if genesis.rhythm is None else genesis.rhythm.patience
        driver.on_measured = Patience(self.store, patience).look
        return driver
