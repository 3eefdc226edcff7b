"""Arguments that choose columns and classes of a table: of ``group new``, ``swarm``, ``data``."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.decimals import numbers
from peerd.errors import ConfigError, TaskError
from peerd.extras import need
from peerd.tasks.class_weights import BALANCED, OPTION, balanced_weights, class_weights
from peerd.tasks.held_out import HeldOutRule
from peerd.tasks.schema import KINDS, Schema

if TYPE_CHECKING:
    from peerd.tasks.examination import Selection

MIN_ROWS = 10


def add_selection_arguments(parser: argparse.ArgumentParser) -> None:
    """``--drop``, ``--columns``, ``--keep-class``, ``--min-rows`` and ``--kind``."""
    parser.set_defaults(keep_columns=[])
    for option, metavar, summary in (
        ("--drop", "COLUMN", "leave a column of the table out, such as one of names"),
        ("--columns", "A,B,C", "take only these columns of the table"),
        ("--keep-class", "NAME", "tell the group of a class although few rows have it"),
    ):
        parser.add_argument(option, action="append", default=[], metavar=metavar, help=summary)
    parser.add_argument(
        "--min-rows",
        type=int,
        default=MIN_ROWS,
        metavar="K",
        help=f"no category or class of fewer rows leaves this machine (default {MIN_ROWS})",
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        help="what is predicted: one of the label's classes, or a number (default: as it looks)",
    )


def add_keep_argument(parser: argparse.ArgumentParser) -> None:
    """``--keep``: not of ``swarm``, which has another and in which nothing leaves the machine."""
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        dest="keep_columns",
        metavar="COLUMN",
        help="take a column although it looks like an identifier",
    )


def selection_of(args: argparse.Namespace, options: Mapping[str, Any]) -> Selection:
    """What these arguments took, with the rule on held-out rows in the group's task ``options``.

    ConfigError; TaskError without the extra, or for such a rule.
    """
    if args.min_rows < 1:
        raise ConfigError(f"--min-rows {args.min_rows}: it must be 1 or more")
    need("the task table", "pyarrow", TaskError)
    from peerd.tasks.examination import Selection

    return Selection(
        drop=tuple(args.drop),
        keep=tuple(args.keep_columns),
        only=tuple(name.strip() for row in csv.reader(args.columns) for name in row),
        keep_classes=tuple(args.keep_class),
        min_rows=args.min_rows,
        kind=args.kind,
        held_out=HeldOutRule.of(numbers(options)),
    )


def derived_options(
    path: Path, label: str, selection: Selection, options: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The group's task ``options`` with what a founder's table gives: its schema, and the weights
    of its classes where they shall be balanced. And warnings. TaskError.
    """
    from peerd.tasks.examination import derive_schema

    schema, report = derive_schema(path, label, selection)
    made = {**options, "schema": schema}
    if made.get(OPTION) == BALANCED and report.classes:
        made[OPTION] = balanced_weights(report.classes, selection.min_rows)
    class_weights(Schema.from_options(schema), numbers(made).get(OPTION))
    return made, report.warnings
