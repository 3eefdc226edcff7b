"""Models that are used: predictions by row, evaluations, and what a hostile export can't do."""

from __future__ import annotations

import csv
import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import TABLE, description, export, loan_options, loans, module_of, write
from sklearn.metrics import accuracy_score, roc_auc_score
from test_cli_daemon import schema_errors

from peerd.cli.main import main
from peerd.config import render_config
from peerd.group import document, new_genesis
from peerd.identity import Identity
from peerd.learning import restored
from peerd.learning.loading import load_task
from peerd.learning.origin import Origin
from peerd.learning.rebuilt import state_dict_file
from peerd.learning.state import LocalModels
from peerd.storage import Store
from peerd.tasks.encoding import encode_file
from peerd.tasks.schema import Schema
from peerd.tensor_file import write_state_dict
from protocols.aggregation import aggregator, model_hash

ROWS = 5000  # more than go through a model at once


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(model: str, data: str, *more: str, out: str = "out.csv") -> int:
    return main(["model", "predict", "--model", model, "--data", data, "--out", out, *more])


def table_of(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open() as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, dtype=float)


def evaluated(
    capsys: pytest.CaptureFixture[str], *words: str, code: int = 0
) -> tuple[dict[str, Any], str]:
    capsys.readouterr()
    assert main(["model", "evaluate", *words, "--json"]) == code
    said = capsys.readouterr()
    found = json.loads(said.out) if not code else {}
    assert code or schema_errors("evaluation", found) == []
    return found, said.err


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What an error said: one line, and nothing left behind."""
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if not line.endswith("…")]
    assert said.out == "" and len(lines) == 1 and lines[0].startswith("peerd: error: "), said
    assert len(lines[0]) < 1500 and not list(Path().glob(".*")) and not Path("out.csv").exists()
    return lines[0]


# -- a table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["safetensors", "npz", "pt"])
def test_a_line_is_what_the_model_says_of_its_row(place: Path, form: str) -> None:
    options = loan_options(place)
    data = loans(place / "rows.csv", ROWS)
    export(place / f"m.{form}", TABLE, options)
    assert predict(f"m.{form}", "rows.csv") == 0
    header, found = table_of(place / "out.csv")
    assert header == options["schema"]["classes"] == ["no", "yes"]
    inputs, _, _ = encode_file(Schema.from_options(options["schema"]), data)
    module = module_of(export(place / "again.npz", TABLE, options), TABLE, options)
    with torch.no_grad():
        wanted = module(torch.from_numpy(inputs)).softmax(dim=1).numpy()
    assert found.shape == (ROWS, 2) and np.abs(found - wanted).max() < 1e-5
    assert np.abs(found.sum(axis=1) - 1).max() < 1e-8


def test_labels_are_not_needed_and_rows_without_one_are_predicted(place: Path) -> None:
    export(place / "m.npz", TABLE, loan_options(place))
    lines = loans(place / "rows.csv", 50).read_text().splitlines()
    assert predict("m.npz", "rows.csv") == 0
    without = [line.rpartition(",")[0] for line in lines]
    (place / "without.csv").write_text("\n".join(without))
    some = [f"{line}," if n % 3 == 1 else lines[n] for n, line in enumerate(without)]
    some[2] = without[2] + ",no such class"
    (place / "some.csv").write_text("\n".join(some))
    for name in ("without", "some"):
        assert predict("m.npz", f"{name}.csv", out=f"of-{name}.csv") == 0
        assert (place / f"of-{name}.csv").read_text() == (place / "out.csv").read_text()


def test_an_evaluation_is_of_the_rows_that_have_a_label(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(place / "m.npz", TABLE, loan_options(place))
    lines = loans(place / "rows.csv", 300).read_text().splitlines()
    lines += [line.rpartition(",")[0] + "," for line in lines[1:21]]
    (place / "rows.csv").write_text("\n".join(lines))
    found, _ = evaluated(capsys, "--model", "m.npz", "--data", "rows.csv")
    assert (found["rows"], found["unlabelled"]) == (300, 20)
    assert predict("m.npz", "rows.csv") == 0
    shares = table_of(place / "out.csv")[1][:300, 1]
    truth = [line.endswith("yes") for line in lines[1:301]]
    assert found["accuracy"] == accuracy_score(truth, shares > 0.5)
    assert found["auc"] == pytest.approx(roc_auc_score(truth, shares), abs=1e-6)
    assert found["per_class"]["yes"]["support"] == sum(truth)
    assert main(["model", "evaluate", "--model", "m.npz", "--data", "rows.csv"]) == 0
    said = capsys.readouterr().out
    assert "300 rows with a label; 20 without a label are left out" in said
    assert "Wilson" in said and "DeLong" in said and "TRUE \\ PREDICTED" in said
    only = [line for line in lines if line.endswith(("default", "no"))]
    (place / "one.csv").write_text("\n".join(only))
    found, _ = evaluated(capsys, "--model", "m.npz", "--data", "one.csv")
    assert found["auc"] is None and found["per_class"]["yes"]["recall"] is None
    assert main(["model", "evaluate", "--model", "m.npz", "--data", "one.csv"]) == 0
    assert "auc: not defined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("age,job\n30,clerk\n", "has no column 'balance' among its 2"),
        ("age,job,balance\n", "has a header and no rows"),
        ("age,job,balance\nold,clerk,3\nvery,clerk,3\n", "column 'age' is a number"),
        ("age,job,balance\n30,clerk\n", "row 2: 2 fields"),
    ],
)
def test_data_that_do_not_fit_are_one_line_and_no_file(
    place: Path, text: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    export(place / "m.npz", TABLE, loan_options(place))
    (place / "rows.csv").write_text(text)
    assert predict("m.npz", "rows.csv") == 7
    assert says in one_line(capsys)


@pytest.mark.parametrize(
    ("labels", "says"), [("maybe,maybe,no", "is none of the group's"), (",,", "no row has a label")]
)
def test_labels_that_do_not_fit_are_one_line(
    place: Path, labels: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    export(place / "m.npz", TABLE, loan_options(place))
    rows = "".join(f"30,clerk,3,{label}\n" for label in labels.split(","))
    (place / "rows.csv").write_text(f"age,job,balance,default\n{rows}")
    assert says in evaluated(capsys, "--model", "m.npz", "--data", "rows.csv", code=7)[1]


def test_what_data_check_would_warn_of_is_told(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(place / "m.npz", TABLE, loan_options(place))
    (place / "rows.csv").write_text("age,job,balance\n30,astronaut,1\n40,diver,1e9\n")
    assert predict("m.npz", "rows.csv") == 0
    said = capsys.readouterr().err
    assert "warning: rows.csv: column 'job': none of its values is one of the group's" in said
    assert "column 'balance': 1 of 2 numbers are beyond the group's range" in said
    assert "astronaut" not in said


def test_where_it_is_to_be_written_is_looked_at_first(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(place / "m.npz", TABLE, loan_options(place))
    loans(place / "rows.csv", 5)
    (place / "taken.csv").write_text("mine")
    for out, says in (("taken.csv", "exists already"), ("no/where.csv", "there is no directory")):
        assert predict("m.npz", "rows.csv", out=out) == 2
        assert says in one_line(capsys)
    assert (place / "taken.csv").read_text() == "mine"
    assert predict("m.npz", "none.csv") == 2
    assert "there is no such file" in one_line(capsys)
    assert predict("none.npz", "rows.csv") == 2
    assert "can't read none.npz" in one_line(capsys)


# -- a task of one's own ---------------------------------------------------------------------------

OWN = """
import torch
from peerd.errors import TaskError
from peerd.learning import FittedTask, Samples, Task

class Prices(Task):
    def model(self):
        return torch.nn.Linear(1, 1)
    def data(self, partition):
        raise AssertionError("no rows are trained on")
    def held_out(self):
        return Samples(torch.arange(4.0).reshape(4, 1), torch.tensor([0.0, 0.1, 0.2, 0.4]))
    def label(self):
        return "price, €"
    def values(self, outputs):
        return 1000 * outputs.squeeze(-1)
    def read(self, path, labelled):
        for line in path.read_text().splitlines():
            given, _, price = line.partition(",")
            target = torch.tensor([float(price or "nan")]) if labelled else None
            yield torch.tensor([[float(given)]]), target

class Scores(Prices):
    values = Task.values
    def model(self):
        return torch.nn.Linear(1, 3)

class Named(Scores):
    def __init__(self, options, local):
        super().__init__(options, local)
        self.label = "an attribute of this name"
    def classes(self):
        return ["a, b", 'c"d', "é"]

class Two(Prices):
    def classes(self):
        return ["sick", "well"]

class Wrong(Scores):
    def classes(self):
        return ["a", "b"]

class Bare(Task):
    model = Prices.model
    data = held_out = Prices.data

class Exits(Prices):
    def read(self, path, labelled):
        raise SystemExit(3)

class Late(Prices):
    def read(self, path, labelled):
        yield torch.ones(5000, 1), None
        raise RuntimeError("the second part is gone")

class Images(Scores):
    def model(self):
        return torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Unflatten(1, (2, 2)))

class Normed(Task):
    data = held_out = Prices.data
    read = Prices.read
    def model(self):
        return torch.nn.Sequential(torch.nn.BatchNorm1d(1), torch.nn.Linear(1, 1))

class Fitted(FittedTask):
    def first(self):
        import numpy
        return [numpy.zeros(1, dtype="f8")]
    fit = evaluate = None
    read = Prices.read

class Predicts(Fitted):
    def predict(self, arrays, inputs):
        return arrays[0] * inputs[:, 0].numpy()
"""


@pytest.fixture
def own(place: Path) -> Path:
    (place / "own_tasks.py").write_text(OWN)
    (place / "rows.csv").write_text("1,1000\n2,\n3,2900\n")
    sys.path.append(str(place))
    yield place
    sys.path.remove(str(place))
    sys.modules.pop("own_tasks", None)


def owned(name: str, path: str = "m.safetensors", **more: Any) -> list[str]:
    export(Path(path), f"own_tasks:{name}", {}, **more)
    return ["--model", path, "--task", f"own_tasks:{name}"]


def test_values_are_in_one_column_that_is_named_as_the_label(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = owned("Prices")
    data = [*words, "--data", "rows.csv"]
    assert main(["model", "predict", *data, "--out", "out.csv"]) == 0
    header, found = table_of(own / "out.csv")
    weight, bias = (p.item() for p in module_of(own / "m.safetensors", words[3], {}).parameters())
    wanted = 1000 * (weight * np.array([1, 2, 3]) + bias)
    assert header == ["price, €"] and found[:, 0] == pytest.approx(wanted, rel=1e-5)
    result, _ = evaluated(capsys, *data)
    errors = wanted[[0, 2]] - [1000, 2900]
    assert (result["rows"], result["unlabelled"], result["accuracy"]) == (2, 1, None)
    assert result["rmse"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-5)
    assert main(["model", "evaluate", *data]) == 0
    assert "rmse" in capsys.readouterr().out
    result, _ = evaluated(capsys, *words)  # the held-out targets are in thousands
    errors = 1000 * (weight * np.arange(4) + bias) - [0, 100, 200, 400]
    assert result["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "header"),
    [("Scores", ["0", "1", "2"]), ("Named", ["a, b", 'c"d', "é"]), ("Two", ["sick", "well"])],
)
def test_classes_have_names_or_numbers(own: Path, name: str, header: list[str]) -> None:
    data = [*owned(name), "--data", "rows.csv"]
    assert main(["model", "predict", *data, "--out", "out.csv"]) == 0
    found, shares = table_of(own / "out.csv")
    assert found == header and shares.sum(axis=1) == pytest.approx([1, 1, 1])
    module = module_of(own / "m.safetensors", f"own_tasks:{name}", {})
    score = module(torch.tensor([[1.0]]))[0]
    wanted = score.softmax(0) if name != "Two" else score.sigmoid()
    assert shares[0, -1] == pytest.approx(wanted[-1].item(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Bare", "the task Bare reads no files; give it a method read"),
        ("Wrong", "classes() names 2 classes, and the model gives outputs of shape (3, 3)"),
        ("Images", "outputs of shape (1, 2, 2) for 1 rows"),
        ("Exits", "own_tasks:Exits failed: SystemExit: 3"),
        ("Late", "RuntimeError: the second part is gone"),
        ("Fitted", "does not say how it predicts; give it the methods predict"),
    ],
)
def test_a_task_that_can_not_is_one_line_and_no_file(
    own: Path, name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "Wrong":
        (own / "rows.csv").write_text("1\n")
        says = says.replace("(3, 3)", "(1, 3)")
    words = owned(name)
    assert main(["model", "predict", *words, "--data", "rows.csv", "--out", "out.csv"]) == 7
    assert says in one_line(capsys)


def test_a_task_that_trains_by_itself_may_say_how_it_predicts(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = owned("Predicts", "m.npz")
    assert main(["model", "predict", *words, "--data", "rows.csv", "--out", "out.csv"]) == 0
    header, found = table_of(own / "out.csv")
    with np.load(own / "m.npz") as saved:
        assert found[:, 0] == pytest.approx(saved["parameters"][0] * np.array([1, 2, 3]))
    assert header == ["value"]
    assert "holds no rows out" in evaluated(capsys, *words, code=7)[1]


def test_a_model_that_is_not_finite_is_refused(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = description("own_tasks:Prices", {})
    write(own / "m.npz", said, np.array([np.nan, 1], np.float32))
    assert predict("m.npz", "rows.csv", "--task", "own_tasks:Prices") == 7
    assert "nan or infinity for row 1 of the data" in one_line(capsys)


# -- running statistics ----------------------------------------------------------------------------


def test_running_statistics_are_used_or_missed(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("m.safetensors", "m.pt"):
        words = owned("Normed", path, statistics="local")
        assert main(["model", "predict", *words, "--data", "rows.csv", "--out", "out.csv"]) == 7
        assert "statistics are each peer's own, and none are here" in one_line(capsys)
    assert owned("Normed", "averaged.safetensors", statistics="averaged")
    words = ["--model", "averaged.safetensors", "--task", "own_tasks:Normed"]
    assert main(["model", "predict", *words, "--data", "rows.csv", "--out", "out.csv"]) == 0


# -- files of others -------------------------------------------------------------------------------


def test_nothing_is_imported_because_a_file_names_it(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (own / "evil_task.py").write_text("open('canary', 'w')\n" + OWN)
    for path in ("m.safetensors", "m.npz", "m.pt"):
        export(own / path, "own_tasks:Prices", {})
        said = description("evil_task:Prices", {})
        if path != "m.pt":
            write(own / path, said, np.ones(2, np.float32))
        assert predict(path, "rows.csv") == 2
        assert "say whose code is to run: --task package.module:Class" in one_line(capsys)
        for verb in (["evaluate"], ["evaluate", "--data", "rows.csv"]):
            assert main(["model", *verb, "--model", path]) == 2
        capsys.readouterr()
        assert predict(path, "rows.csv", "--task", "own_tasks:Prices", out=f"{path}.csv") == 0
        capsys.readouterr()
    assert "evil_task" not in sys.modules and not (own / "canary").exists()


def column(name: str, buckets: Any = 64, values: int = 256) -> dict[str, Any]:
    return {"name": name, "values": [f"v{n}" for n in range(values)], "buckets": buckets}


def schema(columns: Any) -> dict[str, Any]:
    return {"label": "y", "classes": ["a", "b"], "columns": columns}


def nested(depth: int) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found]
    return found


HOSTILE: dict[str, tuple[Any, Any]] = {
    "wide": (TABLE, {"schema": schema([column(f"c{n}") for n in range(500)]), "hidden": 4096}),
    "many classes": (TABLE, {"schema": {**schema([column("c")]), "classes": ["a"] * 10**5}}),
    "hidden": (TABLE, {"schema": schema([column("c")]), "hidden": 1 << 60}),
    "buckets": (TABLE, {"schema": schema([column("c", 1 << 40)])}),
    "a path": (TABLE, {"schema": schema([column("c")]), "data": "/etc/passwd"}),
    "digits' hidden": ("digits", {"hidden": 4096}),
    "images": ("images", {"side": 256, "hidden": 4096}),
    "cnn": ("images", {"side": 256, "model": "cnn", "classes": 1000}),
    "cifar": ("cifar", {}),
    "a list": (TABLE, []),
    "deep": (TABLE, {"schema": nested(900)}),
    "long": ("digits", {"x" * 10**6: 1}),
    "a number as task": (5, {}),
    "a list as task": (["digits"], {}),
    "no task": (None, {}),
    "a path as task": ("../evil:Task", {}),
    "os": ("os:system", {}),
    "escape": ("\x1b[2Jevil:Task", {}),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("form", ["safetensors", "npz"])
def test_what_a_file_says_makes_nothing_large(
    place: Path,
    kind: str,
    form: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(*given: object) -> None:
        raise AssertionError("it was built")

    monkeypatch.setattr(restored, "shared_model", build)
    write(place / f"m.{form}", description(*HOSTILE[kind]), np.ones(9, np.float32))
    (place / "rows.csv").write_text("c\n1\n")
    assert predict(f"m.{form}", "rows.csv") in (2, 7, 9)
    assert "it was built" not in one_line(capsys)


@pytest.mark.parametrize(
    "more",
    [
        {"model_seed": -1},
        {"model_seed": 1 << 63},
        {"model_seed": True},
        {"model_seed": None},
        {"statistics": "mine"},
        {"statistics": ["local"]},
        {"fixed": "xy"},
        {"fixed": 5},
    ],
)
def test_what_a_group_would_not_say_is_refused(
    place: Path, more: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    write(place / "m.npz", description("digits", {}, **more), np.ones(4810, np.float32))
    (place / "rows.csv").write_text("1\n")
    assert predict("m.npz", "rows.csv") == 9
    assert "m.npz: its description has no model_seed" in one_line(capsys)


def test_frozen_parts_are_compared(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = owned("Prices")
    write(
        own / "m.safetensors",
        description("own_tasks:Prices", {}, fixed="00" * 32),
        np.ones(2, np.float32),
    )
    assert main(["model", "predict", *words, "--data", "rows.csv", "--out", "out.csv"]) == 7
    assert "frozen or constant parts are not the group's" in one_line(capsys)


# -- which model -----------------------------------------------------------------------------------


def test_a_file_is_no_daemons(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(place / "m.npz", "digits", {})
    (place / "rows.csv").write_text("1\n")
    assert predict("m.npz", "rows.csv", "--round", "3") == 2
    assert "--round goes with --config" in one_line(capsys)
    with pytest.raises(SystemExit):
        predict("m.npz", "rows.csv", "--config", "peerd.toml")
    capsys.readouterr()
    export(place / "t.npz", TABLE, loan_options(place))
    assert main(["model", "evaluate", "--model", "t.npz"]) == 2
    assert "name labelled ones: --data FILE" in one_line(capsys)


# -- a picture -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "b.svg"])
@pytest.mark.parametrize("task", ["Prices", "Named"])
def test_a_picture_is_drawn(own: Path, name: str, task: str) -> None:
    words = owned(task)
    if task == "Named":
        (own / "rows.csv").write_text("1,0\n")
        text = OWN.replace('float(price or "nan")', "int(price)")
        (own / "own_tasks.py").write_text(text)
        sys.modules.pop("own_tasks")
    words += ["--data", "rows.csv", "--picture", name]
    assert main(["model", "evaluate", *words]) == 0
    assert (own / name).read_bytes().startswith(b"\x89PNG" if name == "a.png" else b"<?xml")
    assert main(["model", "evaluate", *words[:-1], "x.pdf"]) == 2


# -- a daemon's own --------------------------------------------------------------------------------


def certified(place: Path, task: str, numbers: list[np.ndarray], **more: Any) -> None:
    """A peer's directory whose group has these models, one a round."""
    members = sorted(Identity(bytes([n]) * 32).public for n in range(1, 5))
    genesis = new_genesis(
        name="g",
        task=task,
        task_options={},
        roster=members,
        aggregator="weighted-mean",
        constants=aggregator("weighted-mean", {}).constants(),
        adversary=Fraction(1, 4),
        dropout=Fraction(0),
        absent=None,
        delta_ms=1000,
        bandwidth_bytes_per_second=1_000_000,
        training_seconds=10,
        parameters=numbers[0].size,
        first_model=bytes(32),
        **more,
    )
    document.save(genesis, place / "genesis.json")
    (place / "peerd.toml").write_text(render_config())
    with Store.open(place / "data") as store:
        for number, model in enumerate(numbers):
            store.put_model(number, model)
            store.put_round(number, {"round": number, "model_hash": model_hash(model).hex()})


def test_a_daemons_model_of_the_last_or_a_named_round(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = np.random.default_rng(1)
    numbers = [draw.normal(0, 0.5, 4810).astype(np.float32) for _ in range(2)]
    certified(place, "digits", numbers)
    found = [evaluated(capsys, *words)[0] for words in ([], ["--round", "1"], ["--round", "0"])]
    assert found[0] == found[1] != found[2] and found[0]["rows"] == 360
    write(place / "m.npz", description("digits", {}), numbers[1])
    assert evaluated(capsys, "--model", "m.npz")[0] == found[0]
    assert "no model of round 7" in evaluated(capsys, "--round", "7", code=5)[1]
    with Store.open(place / "data") as store:
        store.put_model(1, numbers[0])
    assert "not the certified one" in evaluated(capsys, code=9)[1]


def test_a_peers_own_running_statistics_are_used_and_exported(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = np.array([1, 0, 1, 0], np.float32)  # of BatchNorm and of a linear layer
    certified(own, "own_tasks:Normed", [model], statistics="local")
    (own / "rows.csv").write_text("7,1\n")
    words = ["model", "predict", "--data", "rows.csv", "--out"]
    assert main([*words, "out.csv"]) == 7
    assert "none are here" in one_line(capsys)
    assert main(["model", "export", "--out", "x.npz"]) == 0  # without a certificate: undescribed
    kept = LocalModels(own / "data" / "training", 4)
    kept.prepare()
    kept.save_own(0, np.array([5.0, 4.0, 1.0]))  # mean, variance, batches
    assert main([*words, "out.csv"]) == 0
    assert table_of(own / "out.csv")[1][0, 0] == pytest.approx((7 - 5) / 2, rel=1e-4)
    said = description("own_tasks:Normed", {}, statistics="local")
    task = load_task("own_tasks:Normed", {}, {})
    saved, _ = state_dict_file(task, Origin.read(said), model, kept.own())
    with (own / "m.pt").open("wb") as file:
        write_state_dict(file, saved, json.dumps(said))
    with_file = ["--model", "m.pt", "--task", "own_tasks:Normed"]
    assert main([*words, "again.csv", *with_file]) == 0
    assert (own / "again.csv").read_text() == (own / "out.csv").read_text()
