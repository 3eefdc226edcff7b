"""``peerd model evaluate``: how good a model is on labelled rows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.model_subject import add_subject_arguments, subject_of
from peerd.cli.output import print_json, progress, table
from peerd.cli.places import check_file
from peerd.cli.task_arguments import check_data
from peerd.errors import ConfigError, TaskError
from peerd.extras import need

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from peerd.learning.predictor import Predictor

    Rows = tuple[tuple[str, ...] | None, NDArray[Any], NDArray[np.float64]]

PICTURES = (".png", ".svg")
MAX_CONFUSION = 20  # classes of which a person reads the table


def add_evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, ``--data FILE``, ``--json`` and ``--picture FILE``."""
    add_subject_arguments(parser)
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="labelled rows (default: those the task holds out)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="FILE",
        help="FILE.png or .svg: confusion and calibration, or predicted against true values",
    )


def evaluate(args: argparse.Namespace) -> int:
    """Prints it."""
    from peerd.evaluation.summary import summary

    _check(args)
    with progress("evaluating"):
        names, targets, outputs = subject_of(args).used(lambda each: _rows(each, args.data))
        try:
            found = summary(names, targets, outputs)
        except ValueError as error:
            raise TaskError(f"{args.data or 'held_out()'}: {error}", "name labelled rows") from None
    if args.picture is not None:
        from peerd.evaluation.picture import draw

        draw(found, targets, outputs, args.picture)
    if args.json:
        print_json(found)
    else:
        _print(found)
    return 0


def _check(args: argparse.Namespace) -> None:
    if args.data is not None:
        check_data(args.data)
    if args.picture is not None:
        if args.picture.suffix not in PICTURES:
            raise ConfigError(f"--picture {args.picture}: must end in {' or '.join(PICTURES)}")
        need("--picture", "matplotlib")
        check_file("--picture", args.picture)


def _rows(predictor: Predictor, data: Path | None) -> Rows:
    """Classes or None, targets and outputs of all rows."""
    import numpy as np

    batches = predictor.held_out() if data is None else predictor.task.read(data, True)
    parts = list(predictor.run(batches))
    targets = [each.targets for each in parts if each.targets is not None]
    if len(targets) != len(parts) or len({each.names for each in parts}) > 1:
        raise TaskError("read() gave some rows without targets, or the model changes its outputs")
    return parts[0].names, np.concatenate(targets), np.concatenate([p.outputs for p in parts])


def _print(found: dict[str, Any]) -> None:
    left_out = f"; {found['unlabelled']} without a label are left out" * bool(found["unlabelled"])
    print(f"{found['rows']} rows with a label{left_out}; in brackets 95 % intervals")
    for name in ("accuracy", "auc", "brier", "rmse", "mae", "r2"):
        if found[name] is not None:
            method = found["methods"][name]
            print(f"{name}: {_number(found[name])} {_bracket(found['intervals'][name], method)}")
    if found["classes"] is None:
        return
    if found["auc"] is None:
        print("auc: not defined, all rows are of one class")
    print(f"calibration error: {_number(found['calibration']['error'])}")
    header = ("class", "rows", "precision", "recall", "f1", "auc")
    print(table(header, [_line(name, each) for name, each in found["per_class"].items()]))
    if len(found["classes"]) <= MAX_CONFUSION:
        rows = zip(found["classes"], found["confusion"], strict=True)
        blank = [""] * len(found["classes"])
        print(
            table(
                ["true \\ predicted", *blank],
                [("", *found["classes"]), *((name, *row) for name, row in rows)],
            )
        )


def _line(name: str, found: dict[str, Any]) -> tuple[object, ...]:
    intervals = found["intervals"]
    cells = [
        f"{_number(found[each])} {_bracket(intervals[each])}" if found[each] is not None else None
        for each in ("precision", "recall", "f1")
    ]
    return name, found["support"], *cells, found["auc"]


def _bracket(interval: tuple[float, float] | None, method: str = "") -> str:
    if interval is None:
        return "[no interval]"
    return f"[{_number(interval[0])}, {_number(interval[1])}{f'; {method}' if method else ''}]"


def _number(value: float) -> str:
    return f"{value:.4g}"
