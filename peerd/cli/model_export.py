"""``peerd model export``: a certified model as a file, which says what it is."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from peerd.cli.daemon import add_daemon_arguments, load_config
from peerd.cli.model_rounds import add_round_arguments, certified_model, own_statistics
from peerd.cli.output import print_json, progress
from peerd.cli.places import check_file
from peerd.cli.seal import add_seal_argument, sealing, source_of
from peerd.errors import ConfigError, GroupError, StorageError, TaskError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from peerd.group import Genesis
    from peerd.learning import FittedTask, Task
    from peerd.learning.rebuilt import Parts
    from peerd.learning.state import Own
    from peerd.onnx_file import Graph

FORMATS = {".npz": "npz", ".safetensors": "safetensors", ".pt": "state-dict", ".onnx": "onnx"}


def add_export_arguments(parser: argparse.ArgumentParser) -> None:
    """``--round N --out FILE --format NAME``, and which daemon."""
    add_round_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="FILE.npz, .safetensors, .pt or .onnx, new",
    )
    parser.add_argument(
        "--format",
        choices=list(FORMATS.values()),
        help="default: as FILE ends; all but npz have the layers by name, and build the task",
    )
    add_seal_argument(parser)
    add_daemon_arguments(parser)


def export(args: argparse.Namespace) -> int:
    """``peerd model export``."""
    out: Path = args.out
    form = args.format or FORMATS.get(out.suffix)
    if form is None:
        raise ConfigError(f"--out {out}: must end in {' or '.join(FORMATS)}", "or say --format")
    check_file("--out", out)
    seal = source_of(args)
    with progress("reading the model"):
        record, vector, certificate = certified_model(args)
    number, certified = record["round"], record.get("model_hash")
    description, genesis, model = _description(args, form, record, vector, certificate)
    own = own_statistics(load_config(args)) if genesis is not None else None
    if form == "npz" or genesis is None or own is None:
        made = _vector(description, own, round=number, model_hash=certified)
    else:
        made = _made(args, form, genesis, model, own)
    try:
        with out.open("xb") as file, sealing(file, seal) as content:
            made.write(content, model, description)
    except FileExistsError:
        raise ConfigError(f"{out} exists already", "name a new file") from None
    found = {"round": number, "model_hash": certified, "parameters": model.size, "file": str(out)}
    if args.json:
        print_json(found)
    else:
        print(f"model of round {number}, {model.size} parameters, hash {certified}: {out}")
    return 0


def _description(
    args: argparse.Namespace,
    form: str,
    record: dict[str, object],
    vector: NDArray[np.float32],
    certificate: bytes | None,
) -> tuple[dict[str, object], Genesis | None, NDArray[np.float32]]:
    """The description, the genesis, and the model's own numbers. An npz does without the first two,
    where it has to.
    """
    from peerd.cli.current_group import current_genesis
    from peerd.group.vector import own_part
    from peerd.runner.evidence.export import describe

    model = vector
    try:
        genesis = current_genesis(load_config(args), int(str(record["round"])))
        model = own_part(genesis, vector)
        if certificate is None:
            raise StorageError("no certificate of this round is kept", "export at another peer")
        return describe(genesis, certificate, vector), genesis, model
    except (ConfigError, GroupError, StorageError) as error:
        if form != "npz":
            raise
        beside = ", and without what the rule keeps" if model.size < vector.size else ""
        print(f"peerd: exported without a description{beside}: {error}", file=sys.stderr)
        return {}, None, model


@dataclass(frozen=True, slots=True)
class _Made:
    """A model that is to be written: as what ``parts`` says it is made of, or as ``whole``, the
    bytes of a state_dict or a graph; ``more`` are an npz' further arrays.
    """

    parts: Parts | None
    whole: bytes | Graph | None = None
    more: dict[str, object] = field(default_factory=dict)

    def write(
        self, file: BinaryIO, model: NDArray[np.float32], description: dict[str, object]
    ) -> None:
        from peerd.onnx_file import write_onnx
        from peerd.tensor_file import OWN, write_npz, write_safetensors, write_state_dict

        if self.parts is None:
            text = json.dumps(description) if description else None
            write_npz(file, model, text, **self.more)
            return
        if self.parts.own:
            names = [each.name for each in self.parts.own]
            description = description | {OWN: {"round": self.parts.round, "names": names}}
        text = json.dumps(description)
        if isinstance(self.whole, bytes):
            write_state_dict(file, self.whole, text)
        elif self.whole is not None:
            write_onnx(file, self.whole, text)
        else:
            write_safetensors(file, self.parts.layers, model, text, self.parts.own)


def _vector(description: dict[str, object], own: Own | None, **more: object) -> _Made:
    """An npz, which has no names of layers; ``description`` is told of ``own``."""
    from peerd.tensor_file import OWN

    if own is not None and own.values.size:
        description[OWN] = {"round": own.round, "names": []}
        more = {**more, "statistics": own.values}
    return _Made(None, more=more)


def _made(
    args: argparse.Namespace, form: str, genesis: Genesis, model: NDArray[np.float32], own: Own
) -> _Made:
    """By the task's module. TaskError."""
    from peerd.cli.user_task import with_task
    from peerd.learning.origin import Origin

    here = load_config(args).task
    origin = Origin.of(genesis, here.start_from)

    def look(task: Task | FittedTask) -> _Made:
        from peerd.learning.rebuilt import parts_of, state_dict_file

        if form == "onnx":
            from peerd.learning.onnx_graph import onnx_graph
            from peerd.learning.settings import Partition

            partition = Partition(here.partition, here.partitions)
            graph, parts = onnx_graph(task, origin, model, own, partition)
            return _Made(parts, graph)
        if form == "state-dict":
            saved, parts = state_dict_file(task, origin, model, own)
            return _Made(parts, saved)
        parts = parts_of(task, origin, own)
        if sum(prod(shape) for _, shape in parts.layers) != model.size:
            raise TaskError(
                f"{genesis.task} builds another model than the group's, of {model.size} parameters",
                "install the version of the task that the group trains, or export to FILE.npz",
            )
        return _Made(parts)

    return with_task(genesis.task, genesis.task_options, here.local, look)
