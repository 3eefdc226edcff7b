"""``peerd model export``: a certified model as a file, which says what it is."""

from __future__ import annotations

import argparse
import json
import sys
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.daemon import add_daemon_arguments, load_config
from peerd.cli.model_rounds import add_round_arguments, certified_model, own_statistics
from peerd.cli.output import print_json, progress
from peerd.cli.places import check_file
from peerd.errors import ConfigError, GroupError, StorageError, TaskError

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from peerd.group import Genesis
    from peerd.learning import FittedTask, Task
    from peerd.onnx_file import Graph
    from peerd.tensor_file import Layers

    Named: TypeAlias = Layers | bytes | Graph

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
    add_daemon_arguments(parser)


def export(args: argparse.Namespace) -> int:
    """``peerd model export``."""
    from peerd.onnx_file import Graph, write_onnx
    from peerd.tensor_file import write_npz, write_safetensors, write_state_dict

    out: Path = args.out
    form = args.format or FORMATS.get(out.suffix)
    if form is None:
        raise ConfigError(f"--out {out}: must end in {' or '.join(FORMATS)}", "or say --format")
    check_file("--out", out)
    with progress("reading the model"):
        record, model, certificate = certified_model(args)
    number, certified = record["round"], record.get("model_hash")
    description, genesis = _description(args, form, model, certificate)
    named = None if form == "npz" else _named(args, form, genesis, model)
    try:
        with out.open("xb") as file:
            if named is None:
                write_npz(file, model, description, round=number, model_hash=certified)
            elif isinstance(named, bytes):
                write_state_dict(file, named, str(description))
            elif isinstance(named, Graph):
                write_onnx(file, named, str(description))
            else:
                write_safetensors(file, named, model, str(description))
    except FileExistsError:
        raise ConfigError(f"{out} exists already", "name a new file") from None
    found = {"round": number, "model_hash": certified, "parameters": model.size, "file": str(out)}
    if args.json:
        print_json(found)
    else:
        print(f"model of round {number}, {model.size} parameters, hash {certified}: {out}")
    return 0


def _description(
    args: argparse.Namespace, form: str, model: NDArray[np.float32], certificate: bytes | None
) -> tuple[str | None, Genesis | None]:
    """The description as JSON, and the genesis. An npz does without both, where it has to."""
    from peerd.group import load
    from peerd.runner.export import describe

    try:
        genesis = load(load_config(args).genesis)
        if certificate is None:
            raise StorageError("no certificate of this round is kept", "export at another peer")
        return json.dumps(describe(genesis, certificate, model)), genesis
    except (ConfigError, GroupError, StorageError) as error:
        if form != "npz":
            raise
        print(f"peerd: exported without a description: {error}", file=sys.stderr)
        return None, None


def _named(
    args: argparse.Namespace, form: str, genesis: Genesis | None, model: NDArray[np.float32]
) -> Named:
    """The layers of the task's module, its state_dict as a file, or its graph with the names of
    layers. TaskError.
    """
    from peerd.cli.user_task import with_task
    from peerd.learning.origin import Origin

    assert genesis is not None  # without one only an npz is described
    config = load_config(args)
    here = config.task
    origin = Origin.of(genesis, here.start_from)

    def look(task: Task | FittedTask) -> Named:
        from peerd.learning.rebuilt import layers_of, state_dict_file

        if form == "onnx":
            from peerd.learning.onnx_graph import onnx_graph
            from peerd.learning.settings import Partition

            return onnx_graph(task, origin, model, Partition(here.partition, here.partitions))
        if form != "safetensors":
            return state_dict_file(task, origin, model, own_statistics(config))
        layers = layers_of(task, origin)
        if sum(prod(shape) for _, shape in layers) != model.size:
            raise TaskError(
                f"{genesis.task} builds another model than the group's, of {model.size} parameters",
                "install the version of the task that the group trains, or export to FILE.npz",
            )
        return layers

    return with_task(genesis.task, genesis.task_options, here.local, look)
