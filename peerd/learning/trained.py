"""What F^C gives, and what an evaluation finds. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from peerd.errors import TaskError
from protocols.aggregation.contract import Model
from protocols.aggregation.evaluation import Counts
from protocols.aggregation.evaluation import Evaluation as GroupEvaluation

MAX_LOSS = 1e30


@dataclass(frozen=True, slots=True)
class Trained:
    """``update``: x_i (d,). ``kept``: what the peer's next round goes on from, (d,).

    That is x_i itself under a rule that keeps the local model, the momentum m_i under one with
    momentum; under any other rule nobody reads it.
    """

    update: Model
    kept: Model


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The task's metric and loss on the held-out samples: finite, or None where it is unknown.

    ``warnings`` say why, one line each. ``metrics``: what else the task measures, by name. Nothing
    in a round depends on an evaluation.
    """

    accuracy: float | None
    loss: float | None
    warnings: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)

    def known(self) -> tuple[float, float]:
        """Accuracy and loss, for whoever can't go on without; a loss without bound is MAX_LOSS.

        TaskError where the accuracy is unknown.
        """
        if self.accuracy is None:
            raise TaskError(
                *self.warnings[:1] or ("the task has no accuracy: it predicts numbers", "")
            )
        return self.accuracy, MAX_LOSS if self.loss is None else self.loss


@dataclass(slots=True)
class Found:
    """What a site's held-out rows come to: ``rows`` of them, ``hits`` whether they can be right,
    ``classes`` that can be told apart (0: none), ``common`` whether all sites hold out the same.
    ``counted``: whether the rest is there, which it is for as many rows as the genesis names.
    """

    rows: int
    hits: bool
    classes: int
    common: bool = False
    counted: bool = False
    right: int = 0
    class_rows: list[int] = field(default_factory=list)
    class_right: list[int] = field(default_factory=list)
    loss: float | None = None

    def counts(self, group: GroupEvaluation, rows: int) -> Counts | None:
        """As this site deals them, of ``rows`` rows; None where it takes no part."""
        if not self.counted or self.hits < group.accuracy:
            return None
        counts = Counts(1, rows, loss=group.steps(self.loss))
        if not group.accuracy:
            return counts
        of_class = tuple(self.class_rows), tuple(self.class_right)
        return replace(counts, right=self.right, class_rows=of_class[0], class_right=of_class[1])
