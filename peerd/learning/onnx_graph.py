"""A group's model as an ONNX graph, by torch's exporter (for whoever exports it). Imports torch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from peerd.errors import TaskError, printable, with_kind
from peerd.extras import need
from peerd.learning.origin import Origin
from peerd.learning.rebuilt import Parts, filled, with_parts
from peerd.learning.settings import Partition
from peerd.learning.shared import SharedModel
from peerd.learning.state import Own
from peerd.learning.streams import rows_of
from peerd.learning.task import FittedTask, Task
from peerd.onnx_file import Graph
from protocols.aggregation.contract import Model

SAMPLE_ROWS = 2  # of a batch whose size is to stay open: 1 would be taken for a constant
MAX_SAID = 200  # characters of the exporter's reason


def onnx_graph(
    task: Task | FittedTask, origin: Origin, model: Model, own: Own, partition: Partition
) -> tuple[Graph, Parts]:
    """The module with ``model`` (d,) and this peer's ``own`` running statistics in it: ``input``
    (batch, …) leads to ``output``. The task is asked for a row, of which shape and type are taken.
    TaskError: one that can't be exported.
    """
    need("an export to ONNX", "onnx")
    need("an export to ONNX", "onnxscript")
    if isinstance(task, FittedTask):
        raise TaskError(
            "a task that trains by itself has no torch module", "export to FILE.safetensors"
        )
    shared = filled(task, origin, model)
    shared.set_own(own.values)
    parts = with_parts(shared, own)
    sample = _sample(task, partition)
    if shared.rounds:  # half a precision would round what was certified
        shared.module.float()
        shared.fill(model)
        sample = sample.float() if sample.is_floating_point() else sample
    shared.module.eval()
    proto = _exported(shared.module, sample)
    names = {each.name for each in proto.graph.initializer}
    layers = [_of(aliases, names) for aliases in _aliases(shared)]
    return Graph(proto.SerializeToString(), layers), parts


def _sample(task: Task, partition: Partition) -> torch.Tensor:
    try:
        rows = rows_of(task.held_out(), "held_out()")
    except Exception:  # it may be at another place
        rows = rows_of(task.data(partition), "data()")
    first = next(rows.chunks(1)).inputs[:1]
    return torch.zeros((SAMPLE_ROWS, *first.shape[1:]), dtype=first.dtype)


def _exported(module: torch.nn.Module, sample: torch.Tensor) -> Any:
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                module,
                (sample,),
                dynamo=True,
                optimize=False,  # it would fold layers into others, and drop their names
                verbose=False,
                input_names=["input"],
                output_names=["output"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
            )
        assert program is not None
        return program.model_proto
    except Exception as error:
        why = printable(with_kind(error.__cause__ or error))[:MAX_SAID]
        raise TaskError(
            f"torch can't export the model to ONNX: {why}",
            "export it to FILE.safetensors",
        ) from None


def _aliases(shared: SharedModel) -> Iterator[list[str]]:
    """Of each part of the vector its names: a tied one has several."""
    named = [
        *shared.module.named_parameters(remove_duplicate=False),
        *shared.module.named_buffers(remove_duplicate=False),
    ]
    tensors = dict(named)
    for name, _ in shared.layers():
        yield [other for other, each in named if each is tensors[name]]


def _of(aliases: list[str], names: set[str]) -> str:
    for name in aliases:
        if name in names:
            return name
    raise TaskError(
        f"the layer {aliases[0]} has no place in the exported graph: the model does not use it",
        "export it to FILE.safetensors",
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks on packages that it would know more with."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
