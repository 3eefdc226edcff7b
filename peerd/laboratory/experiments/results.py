"""Finished cells on disk: one JSON file each, and all of them as two CSV tables.

A file appears whole or not at all, so a run that was interrupted goes on with the cells that are
missing. The name of a file is the digest of what the cell was: a changed experiment runs only
what changed.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peerd.errors import StorageError
from peerd.laboratory.experiments.cell import Cell
from peerd.laboratory.experiments.experiment import Experiment

EXPERIMENT = "experiment.json"
SUMMARY = "results.csv"
CURVES = "rounds.csv"
MAX_CELL_BYTES = 64 << 20
_COLUMNS = ("cell", "rule", "form", "attack", "peers", "liars", "partition", "seed")
_PHASES = ("train", "attack", "aggregate")


@dataclass(frozen=True)
class Directory:
    """The results of one experiment under ``path``."""

    path: Path

    def prepare(self, experiment: Experiment, versions: dict[str, str]) -> None:
        """Makes the directory; writes what is to be run, and with what. Raises StorageError."""
        document = {
            "title": experiment.title,
            "note": experiment.note,
            "versions": versions,
            "cells": [cell.identifier for cell in experiment.cells],
        }
        try:
            (self.path / "cells").mkdir(parents=True, exist_ok=True)
            for left in (self.path / "cells").glob("*.part"):
                left.unlink()
        except OSError as error:
            raise StorageError(f"can't use {self.path}: {error.strerror}") from error
        self._write(self.path / EXPERIMENT, json.dumps(document, indent=2) + "\n")

    def has(self, cell: Cell) -> bool:
        """Whether the cell is finished."""
        return self._file(cell.identifier).is_file()

    def save(self, cell: Cell, document: dict[str, Any]) -> None:
        """One finished cell."""
        text = json.dumps(document, allow_nan=False) + "\n"
        self._write(self._file(cell.identifier), text)

    def experiment(self) -> dict[str, Any]:
        """What ``prepare`` wrote. Raises StorageError where there is nothing."""
        path = self.path / EXPERIMENT
        if not path.is_file():
            raise StorageError(f"there is no {path}", "name a directory that 'peerd lab run' wrote")
        return self._read(path)

    def finished(self) -> list[dict[str, Any]]:
        """The finished cells of the experiment, in its order."""
        names = [str(name) for name in self.experiment()["cells"]]
        return [self._read(self._file(name)) for name in names if self._file(name).is_file()]

    def tabulate(self) -> None:
        """Writes results.csv, a row a cell, and rounds.csv, a row an evaluation."""
        cells = self.finished()
        self._table(
            SUMMARY,
            [*_COLUMNS, "parameters", "rounds", "diverged", "accuracy", "best", "trigger"]
            + [f"{phase}_seconds" for phase in _PHASES]
            + ["member_seconds_a_round"],
            (_summary(cell) for cell in cells),
        )
        self._table(
            CURVES,
            [*_COLUMNS, "round", "accuracy", "loss", "trigger"],
            (row for cell in cells for row in _curve(cell)),
        )

    def _table(self, name: str, header: Sequence[str], rows: Iterator[list[Any]]) -> None:
        part = (self.path / name).with_suffix(".part")
        try:
            with part.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(header)
                writer.writerows(rows)
            os.replace(part, self.path / name)
        except OSError as error:
            raise StorageError(f"can't write {self.path / name}: {error.strerror}") from error

    def _file(self, identifier: str) -> Path:
        return self.path / "cells" / f"{identifier}.json"

    def _write(self, path: Path, text: str) -> None:
        part = path.with_suffix(".part")
        try:
            with part.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except OSError as error:
            raise StorageError(f"can't write {path}: {error.strerror}") from error

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            if path.stat().st_size > MAX_CELL_BYTES:
                raise StorageError(f"{path} is larger than any result")
            document = json.loads(path.read_bytes())
        except OSError as error:
            raise StorageError(f"can't read {path}: {error.strerror}") from error
        except ValueError as error:
            raise StorageError(f"{path} is damaged: {error}", "remove it and run again") from error
        if not isinstance(document, dict):
            raise StorageError(f"{path} is no result of the laboratory")
        return document


def final(cell: dict[str, Any]) -> float:
    """The last accuracy (0…1) of a finished cell."""
    return float(cell["evaluations"][-1]["accuracy"])


def best(cell: dict[str, Any]) -> float:
    """The highest accuracy (0…1) at any evaluation, as the paper's Table 2 has it."""
    return max(float(each["accuracy"]) for each in cell["evaluations"])


def member_seconds(cell: dict[str, Any]) -> float | None:
    """CPU seconds of one committee member a round, where the cell was secured."""
    secured = cell["secured"]
    return float(secured["member"]) if "member" in secured else None


def _key(cell: dict[str, Any]) -> list[Any]:
    what = cell["cell"]
    return [
        cell["identifier"],
        what["rule"]["label"],
        what["rule"]["form"],
        cell["attack"],
        *(what[key] for key in ("peers", "liars", "partition", "seed")),
    ]


def _summary(cell: dict[str, Any]) -> list[Any]:
    diverged = cell["diverged"]
    return [
        *_key(cell),
        cell["parameters"],
        cell["rounds"],
        "" if diverged is None else diverged,
        final(cell),
        best(cell),
        _blank(cell["evaluations"][-1]["trigger"]),
        *(round(cell["seconds"].get(phase, 0.0), 4) for phase in _PHASES),
        _blank(member_seconds(cell)),
    ]


def _curve(cell: dict[str, Any]) -> Iterator[list[Any]]:
    for each in cell["evaluations"]:
        yield [
            *_key(cell),
            each["round"],
            each["accuracy"],
            each["loss"],
            _blank(each["trigger"]),
        ]


def _blank(value: float | None) -> float | str:
    return "" if value is None else value
