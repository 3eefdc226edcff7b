"""A label that is a measurement: how it is found, scaled, learnt, measured, and told."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from peerd.errors import TaskError
from peerd.laboratory.experiments.baseline import baseline
from peerd.learning.client import Client
from peerd.learning.settings import Partition
from peerd.tasks.conformity import compare
from peerd.tasks.encoding import encode_file
from peerd.tasks.examination import Selection, derive_schema, examine
from peerd.tasks.schema import Schema, Target
from peerd.tasks.table import Table
from peerd.tasks.targets import MAX_DEVIATION
from protocols.wire.canonical import pack, unpack


def write(path: Path, labels: list[str], name: str = "crp", mark: str = ".") -> Path:
    """x is the label and noise, where that is a number."""
    draw = random.Random(3)
    lines = [f"x;{name}"]
    for label in labels:
        try:
            near = float(label)
        except ValueError:
            near = 0.0
        x = f"{near / 10 + draw.gauss(0, 0.5):.4f}".replace(".", mark)
        lines.append(f"{x};{label.replace('.', mark)}")
    path.write_text("\n".join(lines) + "\n")
    return path


MEASURED = [f"{20 + each % 97 / 4:.2f}" for each in range(400)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "t.csv", MEASURED)


def schema_of(path: Path, label: str = "crp", **chosen: Any) -> dict[str, Any]:
    return derive_schema(path, label, Selection(**chosen))[0]


def test_the_schema_has_a_scaling_and_no_label_of_a_row(table: Path) -> None:
    schema = schema_of(table)
    assert set(schema) == {"label", "target", "columns"}
    assert schema["target"] == {"mean": "31.68", "scale": "7.13"}  # three digits of the scale
    assert unpack(pack(schema)) == schema
    assert Schema.from_options(schema).to_options() == schema
    assert Schema.from_options(schema).target == Target(31.68, 7.13)


@pytest.mark.parametrize(
    "target", [{}, {"mean": "1"}, {"mean": "x", "scale": "1"}, {"mean": "1", "scale": "0"}, "1"]
)
def test_a_scaling_that_is_none_is_refused(target: object, table: Path) -> None:
    with pytest.raises(TaskError, match="schema target"):
        Schema.from_options({**schema_of(table), "target": target})
    with pytest.raises(TaskError, match="exactly"):
        Schema.from_options({**schema_of(table), "classes": ["a", "b"]})


@dataclass(frozen=True)
class Case:
    labels: list[str]
    kind: str | None
    found: str
    says: str
    """In ``why`` where it can be used, else in its error."""
    errors: bool = False


FEW = [str(each % 6) for each in range(400)]
CASES = {
    "fractions": Case(MEASURED, None, "regression", "--kind classification"),
    "whole": Case([str(n % 58) for n in range(600)], None, "regression", "58 different numbers"),
    "negative": Case([f"-{n % 50}.5" for n in range(400)], None, "regression", "--kind"),
    "few": Case(FEW, None, "classification", "--kind regression"),
    "few, asked": Case(FEW, "regression", "regression", "as --kind regression says"),
    "two": Case(["0", "1"] * 40, "regression", "regression", "as --kind"),
    "many, as classes": Case(
        [str(n % 30) for n in range(600)], "classification", "classification", "as --kind"
    ),
    "missing markers": Case(
        [*MEASURED, *["NA", "?", "none", ""] * 60], None, "regression", "different numbers"
    ),
    "text": Case(["low", "high"] * 40, "regression", "regression", "are none: write numbers", True),
    "mostly text": Case(
        [*["low"] * 60, *MEASURED[:40]], "regression", "regression", "60 of 100 cells", True
    ),
    "too many odd": Case(
        [*["<20"] * 60, *MEASURED], None, "classification", "or say --kind regression", True
    ),
    "too many odd, asked": Case(
        [*["<20"] * 60, *MEASURED], "regression", "regression", "as --kind"
    ),
    "leading zeros": Case(
        [f"0{n % 12 + 100}" for n in range(900)], None, "classification", "codes"
    ),
    "constant": Case(["3.5"] * 60, "regression", "regression", "one number in all rows", True),
    "few rows": Case(MEASURED[:9], "regression", "regression", "fewer than 10", True),
    "no row": Case([], "regression", "regression", "no rows", True),
    "codes": Case(
        [f"{n % 40}.{n % 40}" for n in range(900)], "classification", "classification", "as --kind"
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_a_label_is_and_why(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = write(tmp_path / "t.csv", case.labels)
    report, schema = examine(path, "crp", Selection(kind=case.kind))
    assert report.kind == case.found
    assert bool(report.errors) == case.errors, report.errors
    assert (schema is None) == case.errors
    assert case.says in ("; ".join(report.errors) if case.errors else report.why)
    if case.found == "regression":
        assert report.classes is None
    else:
        assert report.classes is not None and sum(report.classes.values()) == len(case.labels)
    if schema is not None:
        assert (schema.target is None) == (case.found == "classification")
        Table({"schema": schema.to_options()}, {"data": str(path)})


def test_rows_without_a_number_are_left_out_and_counted(tmp_path: Path) -> None:
    labels = [*MEASURED, *["<20"] * 7, *[""] * 5, *["NA"] * 4]
    path = write(tmp_path / "t.csv", labels)
    report, schema = examine(path, "crp", Selection())
    assert schema is not None and report.target is not None
    assert report.target["rows"] == 400
    assert "9 rows have no crp: they are left out of training" in report.warnings
    assert any("7 rows have a crp that is no number, such as <20" in w for w in report.warnings)
    inputs, targets, held = encode_file(schema, path)
    assert len(inputs) == len(targets) == len(held) == 400
    assert report.held_out == {
        "rows": int(held.sum()),
        "by": report.held_out and report.held_out["by"],
    }


@pytest.mark.parametrize(
    ("name", "labels", "refused"),
    [
        ("patient_id", [str(n % 300) for n in range(900)], True),
        ("nr", [f"{n}" for n in range(900)], True),
        ("income", [str(20_000 + 137 * n % 70_001) for n in range(900)], False),
        ("y", [str(2 * 10**12 + n) for n in range(900)], True),
        ("y", [str(10_000 + 7 * n) for n in range(900)], True),
    ],
)
def test_a_number_that_may_number_people_is_asked_for(
    name: str, labels: list[str], refused: bool, tmp_path: Path
) -> None:
    path = write(tmp_path / "t.csv", labels, name)
    errors = examine(path, name, Selection(drop=["x"]))[0].errors
    doubted = [line for line in errors if "looks like an identifier" in line]
    assert bool(doubted) == refused
    said = examine(path, name, Selection(kind="regression", keep=[name]))[0]
    assert not any("identifier" in line and name in line for line in said.errors)
    if name == "y":  # whoever says that it is a measurement knows what is in it
        said = examine(path, name, Selection(kind="regression"))[0]
        assert not any("label column" in line for line in said.errors)


def test_a_class_cannot_be_kept_of_a_number(table: Path) -> None:
    report, _ = examine(table, "crp", Selection(keep_classes=["20.00"]))
    assert any("--keep-class 20.00" in line and "no classes" in line for line in report.errors)


def test_no_label_of_few_rows_is_told(tmp_path: Path) -> None:
    secret = "87654.321"
    path = write(tmp_path / "t.csv", [*MEASURED, secret])
    schema = schema_of(path)
    assert secret not in str(schema) and "87654" not in str(schema)
    report, _ = examine(path, "crp", Selection())
    assert secret not in str(report.document())
    assert report.target is not None and report.target["clipped"] == 1


# -- learning --------------------------------------------------------------------------------


def test_numbers_are_cut_in_training_and_not_in_evaluation(table: Path, tmp_path: Path) -> None:
    far = write(tmp_path / "far.csv", [*MEASURED[:300], *["1e300", "-9999.5"] * 30])
    task = Table({"schema": schema_of(table)}, {"data": str(far), "held_out_file": str(far)})
    trained, held = task.data(Partition()).targets, task.held_out().targets
    assert trained.dtype == held.dtype == torch.float32
    assert trained.abs().max() == MAX_DEVIATION
    assert held.isfinite().all() and held.max() > 1e9
    metrics = task.metrics(torch.zeros(len(held), 1), held)
    assert metrics["rmse"] > 1e9


def test_a_prediction_is_in_the_labels_own_unit(table: Path) -> None:
    task = Table({"schema": schema_of(table)}, {"data": str(table)})
    assert task.classes() is None
    held = task.held_out()
    found = task.values(held.targets.unsqueeze(1))
    assert found.shape == (len(held),)
    assert found.min() >= 20 - 1e-4 and found.max() <= 44 + 1e-4
    assert task.model()(held.inputs).shape == (len(held), 1)
    classes = schema_of(table, kind="classification", min_rows=1)
    assert Table({"schema": classes}, {"data": str(table)}).classes() == sorted(set(MEASURED))


def test_a_large_mean_costs_no_digits(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [f"{10**9 + n % 97 / 4:.2f}" for n in range(400)])
    task = Table({"schema": schema_of(path)}, {"data": str(path)})
    held = task.held_out()
    values = task.values(held.targets.unsqueeze(1))
    assert set((values.round(decimals=2) * 4 % 1).tolist()) == {0.0}


def test_metrics_are_of_all_rows_and_in_the_labels_unit(table: Path) -> None:
    task = Table({"schema": schema_of(table)}, {"data": str(table)})
    targets = torch.tensor([0.0, 1.0, 2.0, 3.0])
    outputs = torch.tensor([[0.0], [1.0], [2.0], [5.0]])
    assert task.metrics(outputs, targets) == pytest.approx({"rmse": 1.0 * 7.13, "r2": 1 - 4 / 5})
    assert set(task.metrics(outputs, torch.ones(4))) == {"rmse"}, "no spread, no R²"


def test_accuracy_is_null_without_a_warning(table: Path) -> None:
    task = Table({"schema": schema_of(table)}, {"data": str(table)})
    client = Client(task, Partition(), 1, 1)
    found = client.evaluate(client.first_model)
    assert found.accuracy is None and found.warnings == ()
    assert found.loss is not None and set(found.metrics) == {"rmse", "r2"}
    with pytest.raises(TaskError, match="no accuracy"):
        found.known()


@pytest.mark.parametrize(("rule", "constants"), [("rsa", {}), ("weighted-mean", {"tau": "1/2"})])
def test_a_group_learns_a_number_in_spite_of_a_liar(
    rule: str, constants: dict[str, int | str], table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    plain = Client.evaluate

    def noted(self: Client, *args: Any, **named: Any) -> Any:
        found = plain(self, *args, **named)
        seen.append(found.metrics["r2"])
        return found

    monkeypatch.setattr(Client, "evaluate", noted)
    curve = baseline(
        rule,
        "table",
        {"schema": schema_of(table)},
        peers=4,
        liars=1,
        attack="sign-flip",
        rounds=8,
        seed=1,
        local={"data": str(table)},
        constants=constants,
    )
    assert curve == [None] * 8
    assert seen[-1] > 0.6 > seen[0]


@pytest.mark.parametrize("kind", ["iid", "label"])
def test_rows_are_dealt_once_each(kind: str, table: Path) -> None:
    options = {"schema": schema_of(table), "partition": kind}
    task = Table(options, {"data": str(table)})
    parts = [task.data(Partition(index, 4)) for index in range(4)]
    assert sum(map(len, parts)) + len(task.held_out()) == 400
    spread = min(float(part.targets.std()) for part in parts)
    assert (spread < 0.7) == (kind == "label")


def test_numbers_have_no_classes_to_deal(table: Path) -> None:
    options = {"schema": schema_of(table), "partition": "dirichlet:0.5"}
    with pytest.raises(TaskError, match="deals classes"):
        Table(options, {"data": str(table)})


# -- other sites -----------------------------------------------------------------------------


def test_a_site_is_held_against_the_groups_scaling(table: Path, tmp_path: Path) -> None:
    schema = Schema.from_options(schema_of(table))
    fits = write(tmp_path / "fits.csv", MEASURED[:100], mark=",")
    report = compare(fits, schema)
    assert report.errors == [] and report.classes is None and report.target is not None
    assert (report.kind, report.target["rows"], report.target["clipped"]) == ("regression", 100, 0)
    # the same numbers, however they are written
    assert encode_file(schema, fits)[1].tolist() == encode_file(schema, table)[1][:100].tolist()

    other = write(tmp_path / "unit.csv", [f"{float(each) * 10:.1f}" for each in MEASURED])
    report = compare(other, schema)
    assert report.errors == [] and report.target is not None
    assert report.target["clipped"] == 400
    assert any("400 of 400 numbers are more than 8 scales" in line for line in report.warnings)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["low", "high"] * 30, "60 of 60 cells, row 2 first, are none"),
        ([""] * 30, "no row has a label"),
        ([], "no rows"),
    ],
)
def test_a_site_without_numbers_is_told(
    labels: list[str], says: str, table: Path, tmp_path: Path
) -> None:
    schema = schema_of(table)
    path = write(tmp_path / "other.csv", labels)
    assert any(says in line for line in compare(path, Schema.from_options(schema)).errors)
    with pytest.raises(TaskError) as caught:
        Table({"schema": schema}, {"data": str(path)})
    assert "other.csv" in str(caught.value) and "high" not in str(caught.value)
