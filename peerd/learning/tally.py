"""What a site counts of its held-out rows for the group's own evaluation (worker).

docs/protocol.md §4. It is taken along with the evaluation that is displayed: one pass over the rows
gives both. Whatever fails leaves the site out of that round's counts, and changes nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from peerd.learning.answers import described, tell
from peerd.learning.task import Task
from peerd.learning.trained import Evaluation, Found
from protocols.aggregation.evaluation import LEAST_CLASS_ROWS, MAX_CLASSES

SELECTION_SEED = 20264
"""Which rows are counted where a site holds out more than the genesis names: always the same."""


@dataclass(slots=True)
class Tally:
    """Fills up batch by batch. ``right``: which rows are; ``targets``: their classes, where they
    are numbers from 0 on. ``trouble`` says why rows can't be right or wrong here.
    """

    right: list[torch.Tensor] = field(default_factory=list)
    targets: list[torch.Tensor] = field(default_factory=list)
    classes: int = 0
    rows: int = 0
    trouble: str = ""
    common: bool = False

    def add(self, task: Task, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        self.rows += len(targets)
        self.common = task.common_held_out
        if self.trouble or not counts_hits(task):
            return
        try:
            right = task.correct(outputs, targets)
            if right.dtype != torch.bool or right.shape != (len(targets),):
                self.trouble = f"correct() gave {right.dtype} {tuple(right.shape)}, not bool (n,)"
                return
            self.right.append(right.cpu())
            self._add_classes(outputs, targets)
        except BaseException as error:
            tell(error)
            self.trouble = f"correct() failed: {described(error, quoting=False)}"

    def _add_classes(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        told = outputs.dim() == 2 and targets.dim() == 1 and not targets.is_floating_point()
        width = outputs.shape[1] if told and 2 <= outputs.shape[1] <= MAX_CLASSES else 0
        self.classes = width if self.rows == len(targets) else min(width, self.classes)
        self.targets.append(targets.cpu())

    def found(self, rows: int, classes: int, shown: Evaluation) -> Found:
        """The counts of ``rows`` rows, by class where the group tells ``classes`` apart."""
        hits = bool(self.right) and not self.trouble
        held = Found(self.rows, hits, self.classes if hits else 0, common=self.common)
        if not rows or self.rows < rows or (classes and classes != self.classes):
            return held
        held.counted, held.loss = True, shown.loss
        if hits:
            order = torch.randperm(self.rows, generator=_generator())[:rows]
            right = torch.cat(self.right)[order]
            held.right = int(right.sum())
            if classes:
                targets = torch.cat(self.targets)[order].long()
                held.class_rows = _by_class(targets, classes)
                held.class_right = _by_class(targets[right], classes)
                _hide_rare(held)
        return held


def counts_hits(task: Task) -> bool:
    """Whether the task says which rows are right: a metric of its own is no such word."""
    return task.has_metric and (
        type(task).correct is not Task.correct or type(task).metric is Task.metric
    )


def _by_class(targets: torch.Tensor, classes: int) -> list[int]:
    # Below 0 are rows that the loss is told to leave out; a number that is no class, however large,
    # must not be what memory is asked for.
    known = targets[(targets >= 0) & (targets < classes)]
    return [int(each) for each in torch.bincount(known, minlength=classes)]


def _hide_rare(found: Found) -> None:
    """A class with few rows at this site counts as one without any."""
    for index, rows in enumerate(found.class_rows):
        if rows < LEAST_CLASS_ROWS:
            found.class_rows[index] = found.class_right[index] = 0


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SELECTION_SEED)
