"""Arguments that choose columns and classes of a table: of ``group new``, ``swarm``, ``data``."""

from __future__ import annotations

import argparse
import csv
from typing import TYPE_CHECKING

from peerd.errors import ConfigError, TaskError
from peerd.extras import need

if TYPE_CHECKING:
    from peerd.tasks.examination import Selection

MIN_ROWS = 10


def add_selection_arguments(parser: argparse.ArgumentParser) -> None:
    """``--drop``, ``--columns``, ``--keep-class`` and ``--min-rows``."""
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


def selection_of(args: argparse.Namespace) -> Selection:
    """What these arguments took. ConfigError; TaskError without the extra."""
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
    )
