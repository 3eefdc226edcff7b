"""What a daemon lets people and programs see: status socket, page in the browser, metrics."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import partial

import trio

from peerd.config import Config, from_environment
from peerd.dashboard.port import DashboardPort
from peerd.dashboard.sources import Sources
from peerd.group.document import render
from peerd.learning import Trainer
from peerd.metrics.exposition import Documents, Exposition, Numbers
from peerd.metrics.probes import Probes
from peerd.metrics.tally import Tally
from peerd.runner.evidence.blame import blamed, blamed_members, evidence
from peerd.runner.members import Members
from peerd.runner.node import Node
from peerd.runner.place import Place
from peerd.runner.sight.roll import roll
from peerd.status.board import JsonObject
from peerd.status.gate import Gate
from peerd.status.metrics_port import MetricsPort
from peerd.status.routes import AuditViews, Order, Views
from peerd.storage import Store


class Windows:
    """Of one group. ``tally``: counts the effects that it is told of. ``order``: reads one."""

    def __init__(
        self,
        config: Config,
        place: Place,
        node: Node,
        store: Store,
        trainer: Trainer,
        order: Callable[[str, JsonObject], Order],
    ) -> None:
        self._place = place
        self._node = node
        self._store = store
        self._order = order
        genesis, public = place.genesis, node.identity.public
        self._probes = Probes(config.data)
        self.tally = Tally(blamed_members(store, place.epochs), store.round)
        numbers = Numbers(self.tally, self._probes, trainer)
        documents = Documents(node.board.snapshot, store.rounds, node.transport.links)
        self._metrics = Exposition(genesis, public, numbers, documents)
        self.metrics_port = MetricsPort(self._metrics.text, node.board)
        self._views = self._made_views()
        self.dashboard_port = DashboardPort(self._sources())

    async def open(self, nursery: trio.Nursery, config: Config, gate: Gate) -> None:
        """NetworkError, StatusSocketError: where the configuration asks for what can't be had."""
        await nursery.start(self.metrics_port.run)
        self.metrics_port.open(config.metrics.listen)
        await nursery.start(self.dashboard_port.run)
        self.dashboard_port.open(config.dashboard.address)
        await self._node.show(nursery, self._views, gate)
        nursery.start_soon(self._probes.run)

    def blank(self) -> None:
        """All that a status has, also where nothing is known of it yet."""
        place = self._place
        self._node.board.update(
            state="starting",
            group=place.genesis.group_id.hex(),
            peer=place.identity.peer_id,
            name=place.genesis.name_of(place.me),
            round=None,
            attempt=None,
            phase=None,
            head=self._store.head(),
            model_hash=None,
            reason=None,
            meaning=None,
            advice=None,
            abandon=None,
            abandoned_by=[],
            approvals=[],
            quorum=place.setting.roster_quorum,
            paused_from=None,
            away={},
            published=[],
            next_round_at=None,
            privacy=None,
            absent=[],
            warnings=[],
            draining=False,
            environment=sorted(from_environment(os.environ)),
            pid=os.getpid(),
        )

    def _sources(self) -> Sources:
        return Sources(
            self._node.board,
            self._views,
            lambda: self._place.epochs,
            self._store.certificates,
        )

    def _made_views(self) -> Views:
        genesis, store = self._place.genesis, self._store
        members = Members(genesis.roster, genesis.names)
        return Views(
            peers=self._peers,
            rounds=lambda limit: members.all_shown(store.rounds(limit)),
            counted=store.rounds_kept,
            round=lambda number: (r := store.round(number)) and members.shown(r),
            transcript=store.transcript,
            model=store.model,
            metrics=self._metrics.text,
            certificate=store.certificate,
            blame=lambda: blamed(store, self._place.epochs, self._place.guilty()),
            evidence=partial(evidence, store),
            dashboard=lambda: self.dashboard_port.address(),
            order=self._order,
            audit=AuditViews(
                lambda: render(genesis).encode(),
                self._groups,
                store.certificates,
                lambda: {**store.kept()},
            ),
        )

    def _groups(self) -> Sequence[dict[str, object]]:
        return [
            {"first_round": epoch.first, "genesis": json.loads(render(epoch.genesis))}
            for epoch in self._place.epochs
        ]

    def _peers(self) -> Sequence[dict[str, object]]:
        node = self._node
        away = node.board.announced()
        return roll(self._place.genesis, node.identity.public, node.transport, node.book, away)
