"""The group's own evaluation at this peer: what it counts, and what was opened (docs §4)."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import trio

from peerd.learning import Trainer
from protocols.aggregation.contract import Model
from protocols.aggregation.evaluation import Counts
from protocols.record.opened import opened_counts
from protocols.record.setting import Setting

SHARE_OF_DEAL = 4
"""Counting may take up to this part of the deadline for dealings: a round's update must not be late
for the sake of its counts."""
KEPT = "counts"  # in the journal


async def own_counts(
    trainer: Trainer, setting: Setting, me: int, model: Model, *, until: float = math.inf
) -> Counts | None:
    """What this peer counts of its held-out rows under ``model``; None: it takes no part.

    ``until``: when (trio's clock) the update that waits for it must be on its way.
    """
    evaluation = setting.evaluation
    if evaluation is None or not evaluation.rows[me]:
        return None
    rows, found = evaluation.rows[me], None
    longest = trio.current_time() + setting.deadlines.deal / 1000 / SHARE_OF_DEAL
    with trio.move_on_at(min(longest, until)):
        found = await trainer.count(model, rows, evaluation.classes)
    return None if found is None else found.counts(evaluation, rows)


def time_to_deal(setting: Setting) -> float:
    """Seconds from a model until its dealing must leave: the deadline less Δ and its way (§0)."""
    deadlines = setting.deadlines
    return (deadlines.deal - deadlines.hurry - deadlines.behind / 2) / 1000


def packed(counts: Counts | None) -> bytes:
    """For the journal: with other counts after a restart, when counting may take too long or see
    other rows, this peer would have no dealing to the header that it has signed, and could answer
    nobody who asks for it.
    """
    return json.dumps(None if counts is None else asdict(counts)).encode()


def unpacked(data: bytes) -> Counts | None:
    """The inverse of ``packed``."""
    said = json.loads(data)
    if said is None:
        return None
    of_class = {name: tuple(said[name]) for name in ("class_rows", "class_right")}
    return Counts(**{**said, **of_class})


async def rows_warnings(
    trainer: Trainer, setting: Setting, me: int, model: Model
) -> tuple[str, ...]:
    """What the owner of the data should know before it signs: that its rows will not be counted."""
    rows = 0 if setting.evaluation is None else setting.evaluation.rows[me]
    if not rows:
        return ()
    found = await trainer.count(model)
    here = 0 if found is None else found.rows
    if here >= rows:
        return ()
    return (
        f"the genesis counts {rows} held-out rows of this member, and {here} are held out here: it"
        " takes no part in the group's evaluation",
    )


def opened_group(
    setting: Setting, polynomials: bytes, dealers: tuple[int, ...]
) -> dict[str, Any] | None:
    """A round's ``group``: the model that it started from, over the held-out rows of its cohort.

    ``within``: the accuracy may be so far off at most, whatever b liars said of their rows. None
    where nothing was opened, or nobody took part.
    """
    evaluation = setting.evaluation
    if evaluation is None:
        return None
    counts = opened_counts(setting, polynomials)
    if counts is None or not counts.rows:
        return None
    liars = sorted((evaluation.rows[dealer] for dealer in dealers), reverse=True)[: setting.liars]
    of_class = zip(counts.class_rows, counts.class_right, strict=True)
    loss = evaluation.mean_loss(counts)
    return {
        "rows": counts.rows,
        "sites": counts.sites,
        "accuracy": counts.right / counts.rows if evaluation.accuracy else None,
        "within": min(1.0, sum(liars) / counts.rows) if evaluation.accuracy else None,
        "loss": loss,
        "classes": [{"rows": rows, "right": right} for rows, right in of_class],
    }
