"""Tables: one schema for peers with different rows; one clear line for each bad file."""

from __future__ import annotations

import csv
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peerd.errors import TaskError
from peerd.laboratory.experiments.baseline import baseline
from peerd.learning.settings import Partition
from peerd.tasks.encoding import MAX_DEVIATION, encode_file
from peerd.tasks.examination import Selection
from peerd.tasks.examination import derive_schema as derive
from peerd.tasks.schema import Schema
from peerd.tasks.table import Table
from protocols.wire.canonical import pack, unpack

BANK = """age;job;balance;default
30;clerk;1000;no
40;nurse;;no
50;clerk;3000;yes
NA;"pi;lot";-1000;no
60;?;2000;yes
"""


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    path = tmp_path / "bank.csv"
    path.write_text(BANK)
    return path


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def derive_schema(path: Path, label: str, *, drop: tuple[str, ...] = ()) -> dict[str, Any]:
    """Of tables so small that the rule of k rows would leave nothing."""
    return derive(path, label, Selection(drop=drop, min_rows=1))[0]


def encode(schema: dict[str, Any], *fields: str) -> list[float]:
    """One row, of the file of a site that has only it."""
    names = [column["name"] for column in schema["columns"]]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "row.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([[*names, schema["label"]], [*fields, schema["classes"][0]]])
        found: list[float] = encode_file(Schema.from_options(schema), path)[0][0].tolist()
    return found


def test_a_schema_describes_the_file_and_survives_the_genesis(bank: Path) -> None:
    schema = derive_schema(bank, "default")
    assert schema["classes"] == ["no", "yes"]
    age, job, balance = schema["columns"]
    assert (age["name"], float(age["mean"])) == ("age", 45.0)
    assert float(age["scale"]) == 11.2  # of 11.18: three digits
    assert job == {"name": "job", "values": ["clerk", "nurse", "pi;lot"], "buckets": 4}
    assert float(balance["mean"]) == pytest.approx(1250, abs=10)
    assert unpack(pack(schema)) == schema
    assert Schema.from_options(schema).to_options() == schema


def test_rows_are_encoded_by_the_schema_alone(bank: Path) -> None:
    schema = derive_schema(bank, "default")
    scale = 11.2
    row = encode(schema, "55", "nurse", "")
    assert row[:2] == pytest.approx([10 / scale, 0])
    assert row[2:10] == [0, 1, 0, 0, 0, 0, 0, 0]
    assert row[10:] == [0, 1]
    assert encode(schema, "NA", "?", "1e300")[:2] == [0, 1]
    assert encode(schema, "NA", "?", "1e300")[9] == 1
    assert encode(schema, "NA", "?", "1e300")[10] == MAX_DEVIATION


def test_an_unknown_category_falls_into_one_bucket_everywhere(bank: Path) -> None:
    schema = derive_schema(bank, "default")
    buckets = {encode(schema, "1", f"job {n}", "1").index(1.0) for n in range(200)}
    assert buckets == {5, 6, 7, 8}
    assert encode(schema, "1", "astronaut", "1") == encode(schema, "1", "astronaut", "1")


def test_a_peer_may_order_its_columns_otherwise_and_have_more(bank: Path, tmp_path: Path) -> None:
    schema = Schema.from_options(derive_schema(bank, "default"))
    other = write(tmp_path / "other.csv", "default;id;job;balance;age\nyes;9;clerk;3000;50\n")
    inputs, targets, _ = encode_file(schema, other)
    expected, classes, _ = encode_file(schema, bank)
    assert np.array_equal(inputs[0], expected[2])
    assert targets[0] == classes[2] == 1


BAD_FILES = {
    "empty": ("", "is empty"),
    "header only": ("age;job;balance;default\n", "no rows"),
    "no label column": ("age;job;balance\n1;clerk;2\n", "no label column 'default'"),
    "no such column": ("job;balance;default\nclerk;2;no\n", "no column 'age'"),
    "not numeric": (BANK + "old;clerk;1;no\n", "row 7: age is not a number"),
    "infinite": (BANK + "inf;clerk;1;no\n", "row 7: age is not a number"),
    "ragged": (BANK + "1;clerk\n", "row 7: 2 fields where the header has 4"),
    "too wide": (BANK + "1;clerk;1;no;1\n", "row 7: 5 fields"),
    "unknown class": (
        BANK + "1;clerk;1;maybe\n",
        "row 7: default is none of the group's 2 classes",
    ),
    "two names": ("age;age;balance;default\n", "line 1: two columns are named 'age'"),
    "no name": ("age;;balance;default\n", "line 1: column 2 has no name"),
    "open quote": (BANK + '1;"clerk;1;no\n', "row 7"),
    "huge field": (BANK + f"1;{'x' * 5000};1;no\n", "row 7: a field has more than 4096"),
}


@pytest.mark.parametrize("kind", sorted(BAD_FILES))
def test_a_bad_file_is_one_clear_line(kind: str, bank: Path, tmp_path: Path) -> None:
    text, says = BAD_FILES[kind]
    schema = derive_schema(bank, "default")
    bad = write(tmp_path / "bad.csv", text)
    with pytest.raises(TaskError) as caught:
        Table({"schema": schema}, {"data": str(bad)})
    assert says in str(caught.value)
    assert str(bad) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_and_files_that_are_not_there(bank: Path, tmp_path: Path) -> None:
    schema = derive_schema(bank, "default")
    binary = tmp_path / "binary.csv"
    binary.write_bytes(BANK.encode() + b"\xff\x00;1;1;no\n")
    with pytest.raises(TaskError, match="no text"):
        Table({"schema": schema}, {"data": str(binary)})
    with pytest.raises(TaskError, match="No such file"):
        Table({"schema": schema}, {"data": str(tmp_path / "missing.csv")})
    with pytest.raises(TaskError, match="No such file"):
        derive_schema(tmp_path / "missing.csv", "y")


@pytest.mark.parametrize(
    ("text", "label", "says"),
    [
        ("", "y", "is empty"),
        ("a,b\n1,2\n", "y", "no column 'y'; it has a, b"),
        ("Anna Q,40,yes\nAnna R,41,no\n", "y", "'y'; its first line looks like a row"),
        ("Anna Q,2024-01-01\nAnna R,2024-01-02\n", "y", "'y'; its first line looks like a row"),
        ("a,y\n1,2\n1,2\n", "y", "1 different values"),
        ("y\n1\n2\n", "y", "no column to learn from"),
        ("a,y\n,1\n,2\n", "y", "no column to learn from"),
        ("a,y\n1,1\n2\n", "y", "row 3: 1 fields"),
    ],
)
def test_files_that_give_no_schema(tmp_path: Path, text: str, label: str, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        derive_schema(write(tmp_path / "f.csv", text), label)


def test_options_are_checked(bank: Path) -> None:
    schema = derive_schema(bank, "default")
    good = {"data": str(bank)}
    for options, local, says in (
        ({}, good, "'schema' is missing"),
        ({"schema": 3}, good, "exactly"),
        ({"schema": {**schema, "classes": ["no"]}}, good, "classes"),
        ({"schema": {**schema, "columns": []}}, good, "columns"),
        ({"schema": {**schema, "columns": [{"name": "a"}]}}, good, "exactly"),
        ({"schema": {**schema, "columns": schema["columns"] * 2}}, good, "twice"),
        ({"schema": {**schema, "label": "age"}}, good, "twice"),
        (
            {"schema": {**schema, "columns": [{"name": "a", "mean": "0", "scale": "0"}]}},
            good,
            "no number",
        ),
        ({"schema": schema, "hidden": -1}, good, "hidden"),
        ({"schema": schema, "partition": "x"}, good, "partition"),
        ({"schema": schema, "epochs": 1}, good, "unknown task option"),
        ({"schema": schema}, {}, "'data' is missing"),
        ({"schema": schema}, {"data": 3}, "must be a path"),
    ):
        with pytest.raises(TaskError, match=says):
            Table(options, local)  # type: ignore[arg-type]


def loans(path: Path, rows: int) -> Path:
    """Default when the balance is low and the job is not nurse, with missing values."""
    draw = random.Random(5)
    lines = ["age,job,balance,default"]
    for _ in range(rows):
        job, balance = draw.choice(["clerk", "nurse", "pilot"]), draw.gauss(1000, 500)
        lies = balance < 1000 and job != "nurse"
        shown = "" if draw.random() < 0.03 else f"{balance:.2f}"
        lines.append(f"{draw.randint(20, 60)},{job},{shown},{'yes' if lies else 'no'}")
    return write(path, "\n".join(lines) + "\n")


def test_held_out_rows_are_never_trained_on_by_anybody(tmp_path: Path) -> None:
    path = loans(tmp_path / "loans.csv", 400)
    options = {"schema": derive_schema(path, "default")}
    task = Table(options, {"data": str(path)})
    held = {row.numpy().tobytes() for row in task.held_out().inputs}
    assert 0.1 < len(task.held_out()) / 400 < 0.3
    total = 0
    for index in range(3):
        part = Table(options, {"data": str(path)}).data(Partition(index, 3))
        assert not {row.numpy().tobytes() for row in part.inputs} & held
        total += len(part)
    assert total + len(task.held_out()) == 400
    with_file = Table(options, {"data": str(path), "held_out": str(path)})
    assert len(with_file.data(Partition())) == len(with_file.held_out()) == 400


def test_a_group_learns_a_table_with_rsa_in_spite_of_liars(tmp_path: Path) -> None:
    path = loans(tmp_path / "loans.csv", 800)
    options = {"schema": derive_schema(path, "default"), "hidden": 16}
    accuracy = baseline(
        "rsa",
        "table",
        options,
        peers=8,
        liars=2,
        attack="sign-flip",
        rounds=15,
        seed=1,
        local={"data": str(path)},
    )
    assert accuracy[-1] > 0.85
