"""One cell, from the first model to the last round. Imports torch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch

from peerd.errors import TaskError
from peerd.laboratory.experiments.attacks.catalogue import TRIGGER
from peerd.laboratory.experiments.cell import Cell
from peerd.laboratory.experiments.peers import Peers
from peerd.laboratory.experiments.poison import trigger_success
from peerd.laboratory.experiments.rules import Lifted, Round, lab_rule
from peerd.laboratory.experiments.sharing import SharedRounds
from protocols.aggregation.clear import Vector
from protocols.aggregation.contract import Model

# What Client.update says when a step left the finite numbers.
DIVERGED = "training diverged"


@dataclass(frozen=True)
class Evaluation:
    """After ``round``: accuracy and trigger success are shares (0…1)."""

    round: int
    accuracy: float
    loss: float
    trigger: float | None = None


@dataclass
class Result:
    """What a cell came to. ``diverged``: the round in which the model, or a training, left the
    finite numbers; the model of before stays the last one. Seconds of CPU by phase, all rounds."""

    cell: dict[str, Any]
    evaluations: list[Evaluation] = field(default_factory=list)
    diverged: int | None = None
    parameters: int = 0
    rounds: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    secured: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Counts the CPU time of what is done within."""
        started = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - started

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def play(cell: Cell) -> Result:
    """The cell's training run. Deterministic but for the seconds. Raises TaskError."""
    torch.set_num_threads(1)
    run = _Run(cell)
    for number in range(cell.rounds):
        finite = run.round(number)
        last = not finite or number == cell.rounds - 1
        if last or (number + 1) % cell.evaluate_every == 0:
            run.evaluate(number)
        if not finite:
            break
    return run.result


class _Run:
    """The state of a training run between two rounds."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.rule = lab_rule(cell.rule, cell.descent)
        self.result = Result(cell.describe())
        with self.result.phase("load"):
            self.peers = _peers(cell)
        self.model = self.peers.first_model
        self.result.parameters = self.model.size
        self.previous: Vector | None = None
        self.shared: SharedRounds | None = None
        if cell.secured and isinstance(self.rule, Lifted):
            self.shared = SharedRounds(self.rule, cell.peers, cell.liars, cell.seed)

    def round(self, number: int) -> bool:
        """Everybody trains, speaks, and the rule combines; False when numbers became infinite."""
        moved = self._moved(number)
        if moved is None or not np.isfinite(moved).all():
            self.result.diverged = number
            return False
        self.previous = moved.astype(np.float64) - self.model.astype(np.float64)
        self.model = moved
        self.result.rounds = number + 1
        return True

    def _moved(self, number: int) -> Model | None:
        local = self.rule.local_rule(number)
        root: Model | None = None
        try:
            with self.result.phase("train"):
                learnt = self.peers.train(local, number, self.model)
                if self.rule.uses_root:
                    root = self.peers.root(local, number, self.model)
        except TaskError as error:
            if DIVERGED in str(error):
                return None
            raise
        with self.result.phase("attack"):
            updates = self.peers.speak(learnt, number, self.model, self.previous)
        given = Round(number, self.model, updates, self.cell.liars, self.peers.samples, root)
        if self.shared is not None and number < self.cell.secured:
            with self.result.phase("secured"):
                moved = self.shared.combine(given)
            self.result.secured = self.shared.averages()
            return moved
        with self.result.phase("aggregate"):
            return self.rule.combine(given)

    def evaluate(self, number: int) -> None:
        """Adds an evaluation of the present model."""
        with self.result.phase("evaluate"):
            client = self.peers.clients[0]
            accuracy, loss = client.evaluate(self.model).known()
            hit = None
            if self.cell.attack.data == TRIGGER:
                hit = trigger_success(client, self.model)
        self.result.evaluations.append(Evaluation(number, accuracy, loss, hit))


def _peers(cell: Cell) -> Peers:
    """Everybody with its data. TaskError, which says where a wrong option was written."""
    try:
        return Peers(cell)
    except TaskError as error:
        raise TaskError(f"task ({cell.task}) or --data: {error.message}", error.hint) from error
