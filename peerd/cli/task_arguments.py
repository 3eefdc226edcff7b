"""Arguments that name a task and an aggregator: of ``group new``, ``swarm`` and ``demo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd import decimals
from peerd.cli.pairs import pairs
from peerd.cli.rule_arguments import add_rule_arguments, rule_request, typed_rule
from peerd.cli.table_arguments import add_selection_arguments, derived_options, selection_of
from peerd.config import TaskConfig
from peerd.errors import ConfigError
from peerd.group.fields import STATISTICS
from peerd.tasks.names import SHIPPED

if TYPE_CHECKING:
    from protocols.aggregation import Aggregator


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """``options``, ``constants`` and ``statistics`` are the group's; ``here`` is this machine's:
    its files, its device, its interpreter.
    """

    task: str
    aggregator: str
    options: dict[str, Any]
    constants: dict[str, int | str]
    here: TaskConfig = field(default_factory=TaskConfig)
    statistics: str = STATISTICS[0]

    @property
    def task_class(self) -> str:
        """The task as the genesis names it: ``package.module:Class``."""
        return SHIPPED.get(self.task, self.task)

    def rule(self) -> Aggregator:
        """The aggregator. ConfigError, TaskError: see ``typed_rule``."""
        return typed_rule(self.aggregator, self.constants)


def add_task_arguments(parser: argparse.ArgumentParser, task: str | None) -> None:
    """``--task`` (default ``task``; None: required), ``--aggregator`` and their options."""
    parser.add_argument(
        "--task",
        default=task,
        required=task is None,
        metavar="TASK",
        help=f"{', '.join(SHIPPED)}, or your own: package.module:Class",
    )
    add_rule_arguments(parser)
    parser.add_argument(
        "--task-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="such as model=cnn, hidden=64 or rate=0.1; NAME=@FILE reads JSON from a file, "
        "where a number in quotes is text",
    )
    parser.add_argument(
        "--statistics",
        choices=STATISTICS,
        default=STATISTICS[0],
        help="what becomes of the running statistics of normalisation layers",
    )
    add_local_arguments(parser)
    parser.add_argument(
        "--label", metavar="COLUMN", help="for table: derive the group's schema from --data"
    )
    add_selection_arguments(parser)


def add_local_arguments(parser: argparse.ArgumentParser) -> None:
    """``--data`` and ``--local``: what the task is told about this machine."""
    parser.add_argument("--data", type=Path, metavar="FILE", help="training data, for table")
    parser.add_argument(
        "--local",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a local option of the task, such as images=train.gz",
    )
    parser.add_argument(
        "--device", default="cpu", metavar="DEVICE", help="to train on: cpu, cuda:0, mps"
    )
    parser.add_argument(
        "--python",
        type=Path,
        metavar="FILE",
        help="the interpreter that trains, where the task's packages are (default: this one)",
    )
    add_start_argument(parser)


def add_start_argument(parser: argparse.ArgumentParser) -> None:
    """``--start-from``, which ``start_from`` reads."""
    parser.add_argument(
        "--start-from",
        type=Path,
        metavar="FILE",
        help="the group's first model, safetensors or an export of an earlier group: each member "
        "names its own copy (default: drawn from the seed)",
    )


def task_config(args: argparse.Namespace, **given: Any) -> TaskConfig:
    """What ``add_local_arguments`` took, and ``given`` beside it. ConfigError."""
    python: Path | None = args.python
    if python is not None and not python.is_file():
        raise ConfigError(f"--python {python}: there is no such file", "such as env/bin/python")
    options = local_options(args.local)
    if args.data is not None and "data" in options:
        raise ConfigError("--data and --local data=… say the same", "leave one of them out")
    data: Path | None = args.data
    if data is not None:
        check_data(data)
    elif isinstance(said := options.get("data"), str) and Path(said).exists():
        data = Path(options.pop("data"))  # one file, one place in the configuration
    return TaskConfig(
        data=None if data is None else data.absolute(),
        options=options,
        device=args.device,
        python=None if python is None else python.absolute(),
        start_from=start_from(args),
        **given,
    )


def start_from(args: argparse.Namespace) -> Path | None:
    """``--start-from``, absolute. ConfigError."""
    start: Path | None = args.start_from
    if start is not None and not start.is_file():
        raise ConfigError(f"--start-from {start}: there is no such file", "such as m.safetensors")
    return None if start is None else start.absolute()


def local_options(texts: Sequence[str]) -> dict[str, Any]:
    """What ``--local`` took; files by their absolute paths. ConfigError."""
    given = pairs("--local", texts, _file_or_number)
    return {
        name: str(Path(value).absolute())
        if isinstance(value, str) and Path(value).exists()
        else value
        for name, value in given.items()
    }


def check_data(path: Path) -> None:
    """ConfigError unless ``--data`` names a file."""
    if not path.is_file():
        raise ConfigError(f"--data {path}: there is no such file")


def _file_or_number(text: str) -> str | float:
    return text if Path(text).exists() else decimals.number(text)


def task_request(args: argparse.Namespace) -> TaskRequest:
    """What ``add_task_arguments`` took. ConfigError, TaskError (a file that can't be a table)."""
    if args.task not in SHIPPED and ":" not in args.task:
        raise ConfigError(
            f"--task {args.task}: no such task", f"use {', '.join(SHIPPED)} or package.module:Class"
        )
    here = task_config(args)
    options = pairs("--task-option", args.task_option, decimals.kept)
    is_table = SHIPPED.get(args.task, args.task) == SHIPPED["table"]
    if args.label is not None:
        if args.data is None:
            raise ConfigError("--label needs --data", "name the table with that column")
        selection = selection_of(args, options if is_table else {})
        options, warnings = derived_options(args.data, args.label, selection, options)
        for line in warnings:
            print(f"{args.data}: {line}", file=sys.stderr)
    if is_table and "schema" not in options:
        raise ConfigError(
            "--task table: the group's schema is missing",
            "--data FILE --label COLUMN takes it from a file",
        )
    aggregator, constants = rule_request(args)
    return TaskRequest(
        task=args.task,
        aggregator=aggregator,
        options=options,
        constants=constants,
        here=here,
        statistics=args.statistics,
    )
