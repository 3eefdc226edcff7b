"""``peerd data check``: how a table is read, before anything of it is used."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd import decimals
from peerd.cli.output import print_json, table
from peerd.cli.pairs import pairs
from peerd.cli.table_arguments import add_keep_argument, add_selection_arguments, selection_of
from peerd.errors import ConfigError, TaskError
from peerd.tasks.held_out import COLUMN, FRACTION, HeldOutRule
from peerd.tasks.schema import REGRESSION, Schema

if TYPE_CHECKING:
    from peerd.tasks.report import Report

HEADER = ("column", "type", "distinct", "missing", "unknown", "clipped", "identifier", "why")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The one verb."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    check = verbs.add_parser("check", help="report what a table holds; nothing leaves the machine")
    check.add_argument("file", type=Path, metavar="FILE", help="CSV (also packed) or Parquet")
    against = check.add_mutually_exclusive_group(required=True)
    against.add_argument("--label", metavar="COLUMN", help="what is to be predicted: as a founder")
    against.add_argument(
        "--genesis", type=Path, metavar="FILE", help="whether the table fits this group"
    )
    add_selection_arguments(check)
    add_keep_argument(check)
    check.add_argument(
        "--task-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"as the group's: {FRACTION}=0.3, or {COLUMN}=split",
    )
    check.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """The exit code: that of a TaskError where the report has errors."""
    selection = selection_of(args, _options(args.task_option))
    if args.genesis is None:
        from peerd.tasks.examination import examine

        report, _ = examine(args.file, args.label, selection)
    else:
        chosen = args.drop or args.keep_columns or args.columns or args.keep_class
        if chosen or args.kind or args.task_option:
            raise ConfigError("--genesis: the group has chosen its columns already")
        from peerd.tasks.conformity import compare

        report = compare(args.file, *_group(args.genesis))
    if args.json:
        print_json(report.document())
    else:
        _print(report)
    return TaskError.exit_code if report.errors else 0


def _options(words: list[str]) -> dict[str, Any]:
    options = pairs("--task-option", words, decimals.kept)
    for name in options:
        if name not in (FRACTION, COLUMN):
            raise ConfigError(
                f"--task-option {name}: that is nothing to check a table by",
                f"{FRACTION} and {COLUMN} are",
            )
    return options


def _group(path: Path) -> tuple[Schema, HeldOutRule]:
    from peerd.group import load

    options = decimals.numbers(load(path).task_options)
    if "schema" not in options:
        raise ConfigError(f"{path}: its task is not table", "check the data of a table's group")
    return Schema.from_options(options["schema"]), HeldOutRule.of(options)


def _label_lines(report: Report) -> list[str]:
    if report.kind == REGRESSION:
        said = [f"label {report.label}: a number, to be predicted by regression; {report.why}"]
        if (target := report.target) is not None:
            said.append(
                f"{target['rows']} rows have a number; mean {target['mean']:g}, scale"
                f" {target['scale']:g}, {target['clipped']} cut"
            )
        return said
    classes = ", ".join(f"{name} {rows}" for name, rows in (report.classes or {}).items())
    said = [f"label {report.label}; rows of each class: {classes or 'not shown'}"]
    if "--kind" in report.why:
        said.append(f"label {report.label}: classes; {report.why}")
    return said


def _print(report: Report) -> None:
    file = report.file
    print(
        f"{report.rows} rows; encoding {file['encoding']}, delimiter {file['delimiter']},"
        f" decimal mark {file['decimal_mark']}"
    )
    print("\n".join(_label_lines(report)))
    if report.held_out is not None:
        print(f"{report.held_out['rows']} rows are held out by {report.held_out['by']}")
    lines = [
        (
            each.name,
            each.type,
            each.distinct,
            each.missing,
            each.unknown,
            each.clipped,
            each.identifier,
            each.why,
        )
        for each in report.columns
    ]
    print(table(HEADER, lines))
    for name, texts in (("warning", report.warnings), ("error", report.errors)):
        for text in texts:
            print(f"{name}: {text}")
    print("it can't be used as it is" if report.errors else "it can be used")
