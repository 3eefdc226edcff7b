"""All peers of a cell, trained one after another by the daemons' own F^C. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peerd.laboratory.experiments.attacks import View, said
from peerd.laboratory.experiments.cell import Cell
from peerd.laboratory.experiments.poison import poisoned
from peerd.learning.client import Client
from peerd.learning.loading import load_torch_task
from peerd.learning.settings import Option, Partition, derived_seed, peer_seed
from protocols.aggregation import LocalRule
from protocols.aggregation.clear import Vector
from protocols.aggregation.contract import Model
from protocols.hashing import digest


class Peers:
    """The clients of a cell and what each keeps between rounds; the last ``liars`` lie."""

    def __init__(self, cell: Cell) -> None:
        task = load_torch_task(cell.task, _options(cell), cell.local)
        self.clients = [
            Client(task, Partition(index, cell.peers), peer_seed(cell.seed, index), cell.seed)
            for index in range(cell.peers)
        ]
        self.honest = cell.peers - cell.liars
        for client in self.clients[self.honest :]:
            client.samples = poisoned(cell.attack.data, client.samples, client.held_out)
        self.first_model = self.clients[0].first_model
        self.samples = [len(client.samples) for client in self.clients]
        self._kept: list[Model | None] = [None] * cell.peers
        self._group = digest("peerd/lab/group", cell.seed.to_bytes(8, "little"))
        self._seed = cell.seed
        self._attack = cell.attack.start()

    def train(self, rule: LocalRule, round: int, model: Model) -> list[Model]:
        """What everybody learnt, (d,) each. Raises TaskError when somebody's training diverges."""
        trained = [
            client.train(rule, round, model, last)
            for client, last in zip(self.clients, self._kept, strict=True)
        ]
        self._kept = [each.kept for each in trained]
        return [each.update for each in trained]

    def root(self, rule: LocalRule, round: int, model: Model) -> Model:
        """x_0 − w (d,) of the task's public root data. Raises TaskError where it has none."""
        return self.clients[0].root_step(rule, round, model, self._group)

    def speak(
        self, learnt: Sequence[Model], round: int, model: Model, previous: Vector | None
    ) -> list[Model]:
        """What everybody says, (d,) each: the honest what they learnt, the liars their lie."""
        if self.honest == len(learnt):
            return list(learnt)
        changes = np.stack(learnt).astype(np.float64) - model.astype(np.float64)
        random = np.random.default_rng(derived_seed("peerd/lab/attack", self._seed, round))
        view = View(round, changes[: self.honest], changes[self.honest :], previous, random)
        lies = self._attack(view)
        return [*learnt[: self.honest], *(said(model, lie) for lie in lies)]


def _options(cell: Cell) -> dict[str, Option]:
    """The task's, with the cell's partition. A task of one's own need not know the word: iid is
    what each does unasked."""
    if cell.partition == "iid" and "partition" not in cell.options:
        return dict(cell.options)
    return {**cell.options, "partition": cell.partition}
