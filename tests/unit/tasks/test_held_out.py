"""Which rows of a table are held out: by a share, a column, or a site's own file."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peerd.errors import TaskError
from peerd.learning.settings import Partition
from peerd.tasks.conformity import compare
from peerd.tasks.encoding import encode_file
from peerd.tasks.examination import Selection, derive_schema, examine
from peerd.tasks.held_out import HELD, TRAINED, HeldOutRule
from peerd.tasks.schema import Schema
from peerd.tasks.table import Table

ROWS = [(f"{n / 8:.3f}", "ab"[n % 2], str(n)) for n in range(1000)]


def write(path: Path, rows: list[tuple[str, ...]], *more: str) -> Path:
    header = ",".join(["x", "y", "n", *more])
    path.write_text("\n".join([header, *map(",".join, rows)]) + "\n")
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "t.csv", ROWS)


def options_of(path: Path, **options: Any) -> dict[str, Any]:
    drop = ["n", *filter(None, [options.get("held_out_column")])]
    return {"schema": derive_schema(path, "y", Selection(drop=drop))[0], **options}


def marks_of(path: Path, fraction: float) -> np.ndarray[Any, Any]:
    schema = Schema.from_options(options_of(path)["schema"])
    return encode_file(schema, path, HeldOutRule(fraction=fraction))[2]


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.2, 0.333, 0.5, 0.9])
def test_a_share_is_about_that_share_at_every_start(fraction: float, table: Path) -> None:
    found = marks_of(table, fraction)
    assert abs(found.mean() - fraction) < 0.04
    assert np.array_equal(found, marks_of(table, fraction))
    task = Table(options_of(table, held_out=fraction), {"data": str(table)})
    assert len(task.held_out()) == found.sum()
    assert len(task.data(Partition())) == 1000 - found.sum()


def test_a_larger_share_holds_out_the_same_rows_and_more(table: Path) -> None:
    marks = [marks_of(table, fraction) for fraction in (0.01, 0.1, 0.2, 0.25, 0.6, 0.9)]
    for smaller, larger in pairwise(marks):
        assert not (smaller & ~larger).any() and larger.sum() > smaller.sum()
    unsaid = Table(options_of(table), {"data": str(table)})
    said = Table(options_of(table, held_out=0.2), {"data": str(table)})
    assert unsaid.held_out().inputs.equal(said.held_out().inputs)


def test_a_row_falls_on_one_side_wherever_it_stands(table: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.csv", ROWS[::-1][:700])
    assert np.array_equal(marks_of(other, 0.3), marks_of(table, 0.3)[::-1][:700])


@pytest.mark.parametrize(
    "fraction", [0, 1, True, 0.0, 0.91, 1.0, -0.2, float("nan"), float("inf"), "0.2", [0.2], {}]
)
def test_a_share_that_is_none(fraction: Any, table: Path) -> None:
    with pytest.raises(TaskError, match="must be a share of the rows"):
        Table(options_of(table, held_out=fraction), {"data": str(table)})


def test_a_share_of_nothing_is_a_warning_and_all_an_error(table: Path, tmp_path: Path) -> None:
    marks = marks_of(table, 0.2)
    kept = [row for row, held in zip(ROWS, marks, strict=True) if not held]
    gone = [row for row, held in zip(ROWS, marks, strict=True) if held]
    options = options_of(table)
    few = write(tmp_path / "few.csv", kept[:40])
    task = Table(options, {"data": str(few)})
    assert len(task.data(Partition())) == 40
    with pytest.raises(TaskError, match=r"few\.csv: none of 40 rows is held out by a hash"):
        task.held_out()
    report = compare(few, Schema.from_options(options["schema"]))
    assert report.errors == [] and any("none of 40 rows" in line for line in report.warnings)
    all_out = write(tmp_path / "all.csv", gone)
    with pytest.raises(
        TaskError, match=r"all\.csv: all .* rows are held out by a hash .*none is left"
    ):
        Table(options, {"data": str(all_out)}).data(Partition())
    report = compare(all_out, Schema.from_options(options["schema"]))
    assert any("none is left to train on" in line for line in report.errors)


# -- a column --------------------------------------------------------------------------------


def split(path: Path, marks: list[str]) -> Path:
    return write(path, [(*row, marks[n % len(marks)]) for n, row in enumerate(ROWS)], "split")


@pytest.mark.parametrize(
    ("marks", "held"),
    [
        (["train", "test"], 500),
        (["Train", "TEST", "train", "train"], 250),
        (["0", "1", "0", "0", "0"], 200),
        (["0.0", "1.0"], 500),
        (["False", "True"], 500),
        (["no", "yes"], 500),
        (["", "x", "", ""], 250),
        (["train", "validation", "test", "NA"], 500),
    ],
)
def test_rows_that_a_column_marks(marks: list[str], held: int, tmp_path: Path) -> None:
    path = split(tmp_path / "t.csv", marks)
    task = Table(options_of(path, held_out_column="split"), {"data": str(path)})
    assert (len(task.held_out()), len(task.data(Partition()))) == (held, 1000 - held)
    chosen = Selection(drop=["n"], held_out=HeldOutRule(column="split"))
    report, schema = examine(path, "y", chosen)
    assert schema is not None and [each.name for each in schema.columns] == ["x"]
    assert report.held_out == {"rows": held, "by": "what column 'split' says of each row"}


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        (["train", "perhaps"], "row 3 first, neither that they are held out nor"),
        (["train", "2"], "500 rows, row 3 first"),
        (["train", ""], "no row is held out by what column 'split' says"),
        (["test"], "all 1000 rows are held out by what column 'split' says"),
    ],
)
def test_a_column_that_marks_badly(marks: list[str], says: str, tmp_path: Path) -> None:
    path = split(tmp_path / "t.csv", marks)
    options = options_of(path, held_out_column="split")
    with pytest.raises(TaskError) as caught:
        Table(options, {"data": str(path)}).data(Partition())
    assert says in str(caught.value) and "perhaps" not in str(caught.value)
    chosen = Selection(drop=["n"], held_out=HeldOutRule(column="split"))
    assert any(says in line for line in examine(path, "y", chosen)[0].errors)
    schema = Schema.from_options(options["schema"])
    assert any(says in line for line in compare(path, schema, HeldOutRule(column="split")).errors)


def test_a_column_of_marks_is_no_input(table: Path, tmp_path: Path) -> None:
    path = split(tmp_path / "s.csv", ["train", "test"])
    schema = derive_schema(path, "y", Selection(drop=["n"]))[0]
    local = {"data": str(path)}
    for options, says in (
        ({"schema": schema, "held_out_column": "split"}, "'split' is an input too"),
        ({"schema": schema, "held_out_column": "y"}, "'y' is the label too"),
        ({"schema": schema, "held_out_column": ""}, "must be the name of a column"),
        ({"schema": schema, "held_out_column": "n", "held_out": 0.2}, "both held_out and"),
    ):
        with pytest.raises(TaskError, match=says):
            Table(options, local)
    with pytest.raises(TaskError, match=r"t\.csv has no held-out column 'split' among its 3"):
        Table(options_of(path, held_out_column="split"), {"data": str(table)})


def test_no_mark_says_both() -> None:
    assert not HELD & TRAINED


# -- a file ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["held_out_file", "held_out"])
def test_a_site_may_have_a_file_of_its_own(name: str, table: Path, tmp_path: Path) -> None:
    own = write(tmp_path / "own.csv", ROWS[:30])
    task = Table(options_of(table, held_out=0.3), {"data": str(table), name: str(own)})
    assert (len(task.held_out()), len(task.data(Partition()))) == (30, 1000)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("n,y\n1,a\n", "own.csv has no column 'x'"),
        ("x,n\n1,2\n", "own.csv has no label column 'y'"),
        ("x,y\n1,a\n2,c\n", "own.csv row 3: y is none of the group's 2 classes"),
        ("x,y\nred,a\ngreen,b\n", "own.csv row 2: x is not a number"),
        ("x,y\n1,\n", "own.csv has no rows with a y"),
        ("x,y\n", "own.csv"),
        ("", "own.csv is empty"),
    ],
)
def test_a_file_that_does_not_fit_is_named_before_anything(
    text: str, says: str, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.csv").write_text(text)
    local = {"data": str(table), "held_out_file": str(tmp_path / "own.csv")}
    with pytest.raises(TaskError) as caught:
        Table(options_of(table), local)
    assert says in str(caught.value)


def test_a_file_is_named_once_and_not_beside_a_column(table: Path, tmp_path: Path) -> None:
    path = split(tmp_path / "s.csv", ["train", "test"])
    local = {"data": str(path), "held_out_file": str(path)}
    with pytest.raises(TaskError, match="are those that column 'split' marks"):
        Table(options_of(path, held_out_column="split"), local)
    with pytest.raises(TaskError, match="'held_out_file' and 'held_out' are one"):
        Table(options_of(table), {**local, "held_out": str(path)})
    with pytest.raises(TaskError, match="No such file"):
        Table(options_of(table), {"data": str(table), "held_out_file": "nowhere.csv"})
