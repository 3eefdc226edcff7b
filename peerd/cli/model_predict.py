"""``peerd model predict``: what a model says of each row of a file, as CSV."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.model_subject import add_subject_arguments, subject_of
from peerd.cli.output import progress
from peerd.cli.places import check_new_file, new_file
from peerd.cli.task_arguments import check_data
from peerd.errors import ConfigError, TaskError

if TYPE_CHECKING:
    from _csv import Writer

    from peerd.learning.predictor import Predictor


def add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, ``--data FILE`` and ``--out FILE``."""
    add_subject_arguments(parser)
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FILE", help="the rows; they need no label"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="new: a line for each row in its order, a column for each class's probability",
    )


def predict(args: argparse.Namespace) -> int:
    """Writes all of it, or nothing."""
    out: Path = args.out
    check_new_file("--out", out)
    check_data(args.data)
    subject = subject_of(args)
    with progress("predicting"), new_file("--out", out) as file:
        writer = csv.writer(file, lineterminator="\n")
        rows, columns = subject.used(lambda predictor: _write(predictor, args.data, out, writer))
    print(f"{rows} rows, {columns}: {out}")
    return 0


def _write(predictor: Predictor, data: Path, out: Path, writer: Writer) -> tuple[int, str]:
    """How many rows, and of what."""
    header: tuple[str, ...] | None = None
    rows = 0
    for part in predictor.run(predictor.task.read(data, False)):
        names = part.names or (predictor.label,)
        if header not in (None, names):
            raise TaskError(f"the model has other outputs from row {rows + 1} of the data on")
        cells = part.outputs.reshape(len(part.outputs), -1).tolist()
        try:
            if header is None:
                writer.writerow(names)
            writer.writerows([f"{cell:.9g}" for cell in row] for row in cells)
        except OSError as error:
            raise ConfigError(f"--out {out}: can't write: {error.strerror}") from None
        header, rows = names, rows + len(cells)
    assert header is not None  # or there were no rows, which is an error
    return rows, f"probabilities of {len(header)} classes" if len(header) > 1 else header[0]
