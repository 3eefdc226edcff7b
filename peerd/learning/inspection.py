"""The rehearsal's part in the worker: what can't train is named before anybody is met.

A second first model, a look at all rows, and one step that is thrown away. The owner of the data
is told, on a screen of his own: a line names columns and counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch

from peerd.errors import TaskError
from peerd.learning.answers import described, tell
from peerd.learning.client import Client
from peerd.learning.private.sums import RowSums
from peerd.learning.rows import RowsError, Survey, check_labels, survey
from peerd.learning.shared import SharedModel
from peerd.learning.streams import Held, Rows
from peerd.learning.task import Samples, Task
from protocols.aggregation import Aggregator
from protocols.aggregation.contract import RowRule

MAX_NAMED = 3  # parameters in one line
ROWS_TRIED = 256  # together, where a round takes each by itself
HELD_OUT_ROWS = 256  # of a stream that are looked at together
CUT = "{} has more rows than {}: {} no further"


def inspect(client: Client, again: Task, rule: Aggregator) -> list[str]:
    """Warnings: what may be meant so.

    ``again``: the client's task, or that task built a second time. Raises TaskError for what would
    keep this peer from training.
    """
    own = client.shared.own()
    _inspect_model(client, again)
    local = rule.local_rule(0)
    batch = min(local.rows, ROWS_TRIED) if isinstance(local, RowRule) else local.batch
    warnings = _inspect_rows(client, client.rows, "data()", batch)
    if isinstance(local, RowRule):
        warnings += RowSums(client, local).inspect()
    if rule.uses_reference and client.root is not None:
        _inspect_rows(client, Held(client.root), "root()", batch)
    client.shared.check_fixed()
    client.shared.set_own(own)
    return client.notes + warnings


def _inspect_model(client: Client, task: Task) -> None:
    """TaskError where two first models of one seed differ: members must start from the same."""
    again = client.build(task)
    if again.module is client.module:
        return
    differing = _differing(client, again)
    if differing:
        raise TaskError(
            f"the first model is unseeded: two that model() built differ in {_listed(differing)}",
            "draw it with torch's own generator (torch.randn, torch.nn.init), which peerd seeds,"
            " and not with random, NumPy or a clock: all members must start from the same model",
        )


def _differing(client: Client, again: SharedModel) -> list[str]:
    """What of two first models is not the same."""
    one, two = client.first_model, again.flatten()
    if one.size != two.size:
        return [f"size ({one.size} and {two.size} parameters)"]
    if client.fixed != again.fixed:
        return ["what is frozen or constant in it"]
    named = [(name, each) for name, each in _trained(client)]
    cuts = list(accumulate(parameter.numel() for _, parameter in named))
    pieces = zip(named, np.split(one, cuts), np.split(two, cuts), strict=False)
    return [name for (name, _), first, second in pieces if not np.array_equal(first, second)]


def _trained(client: Client) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, each) for name, each in client.module.named_parameters() if each.requires_grad]


def _inspect_rows(client: Client, rows: Rows, where: str, size: int) -> list[str]:
    """A step on ``rows`` that is thrown away; warnings. TaskError."""
    look = _look(rows, where, size)
    warnings = (
        [CUT.format(where, look.found.rows, "the rehearsal looked")] if look.found.cut else []
    )
    client.shared.fill(client.first_model)
    client.module.train()
    unused: set[str] = set()
    for batch in look.found.batches:
        unused |= _try_step(client, look, batch)
    if unused:
        listed = _listed(sorted(unused))
        warnings.append(f"the loss on {where} does not depend on {listed}: it isn't trained")
    return warnings


@dataclass(frozen=True, slots=True)
class _Look:
    """What a pass over ``rows``, which the task's method ``where`` gave, has found."""

    rows: Rows
    found: Survey
    where: str

    def check_labels(self, outputs: object) -> None:
        if isinstance(outputs, torch.Tensor):
            check_labels(self.rows, self.found, outputs, self.where)


def _look(rows: Rows, where: str, size: int) -> _Look:
    """TaskError for rows that can't be had, or that nothing can be learnt from."""
    try:
        found = survey(rows, size, where)
        if rows.comes:  # training goes through it again and again
            next(rows.chunks(size))
        return _Look(rows, found, where)
    except TaskError:
        raise
    except BaseException as error:
        tell(error)
        raise TaskError(
            f"{where} failed while its rows were read: {described(error)}",
            "every row must be there in each pass",
        ) from error


def _try_step(client: Client, look: _Look, batch: Samples) -> set[str]:
    """The parameters without a gradient."""
    where = look.where
    torch.manual_seed(0)
    try:
        with torch.no_grad():
            outputs = client.module(client.placed(batch).inputs)
    except BaseException as error:
        tell(error)
        raise TaskError(
            f"the model failed on the inputs of {where}, {_form(batch.inputs)}: {described(error)}",
            "the model must take the inputs as they are",
        ) from error
    if type(client.task).loss is Task.loss:
        look.check_labels(outputs)
    try:
        loss, gradients = client.gradients(batch)
    except TaskError:
        raise
    except BaseException as error:
        look.check_labels(outputs)
        tell(error)
        raise TaskError(
            f"a training step on {where} failed: {described(error)};"
            f" outputs {_form(outputs)}, targets {_form(batch.targets)}",
            "the loss must take what the model gives, and the targets as they are",
        ) from error
    _check_gradients(client, loss, gradients, where)
    names = [name for name, _ in _trained(client)]
    return {name for name, each in zip(names, gradients, strict=True) if each is None}


def _check_gradients(
    client: Client,
    loss: torch.Tensor,
    gradients: tuple[torch.Tensor | None, ...],
    where: str,
) -> None:
    if not loss.isfinite().all():
        raise TaskError(
            f"the loss on {where} is {loss.item()} for the first model",
            "look at the loss (a logarithm or a division by 0?) and at the size of the inputs",
        )
    names = [name for name, _ in _trained(client)]
    layouts = {
        name
        for name, each in zip(names, gradients, strict=True)
        if each is not None
        if each.layout != torch.strided
    }
    if layouts:
        raise TaskError(
            f"the gradient on {where} is sparse in {_listed(sorted(layouts))}",
            "build the layer without sparse=True: every number is shared",
        )
    wrong = [
        name
        for name, gradient in zip(names, gradients, strict=True)
        if gradient is not None and not gradient.isfinite().all()
    ]
    if wrong:
        raise TaskError(
            f"the gradient on {where} is nan or infinite in {_listed(wrong)}, though the loss is"
            " finite",
            "look at the loss and the model for a root, norm or logarithm at 0",
        )


def inspect_held_out(client: Client) -> list[str]:
    """What is wrong with it is a warning: it is for evaluation alone, which says what it lacks."""
    warnings = []
    client.module.eval()
    try:
        rows = client.held_out_rows
        look = _Look(rows, survey(rows, HELD_OUT_ROWS, "held_out()"), "held_out()")
        if look.found.cut:
            warnings.append(CUT.format("held_out()", look.found.rows, "an evaluation goes"))
        if type(client.task).loss is Task.loss:
            with torch.no_grad():
                first = look.found.batches[0]
                outputs = client.module(client.placed(first).inputs[:1])
            look.check_labels(outputs)
    except RowsError as error:
        return [*warnings, described(error)]
    except BaseException:
        return warnings  # the evaluation says so
    return warnings


def _form(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    return f"a {type(value).__name__}"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
