"""``data check``, and that a group is founded without a word of what a table must not tell."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_cli_daemon import schema_errors

from peerd.cli import founding
from peerd.cli.main import main
from peerd.group import Genesis

DRAW = random.Random(9)
PATIENTS, VISITS = 40, 12
SECRET: dict[str, list[str]] = {
    "holder": [f"Zyx{chr(97 + p % 20)} Qwert{chr(97 + p // 2)}" for p in range(PATIENTS)],
    "code": [f"HKJ{p * 7919 + 10**6}" for p in range(PATIENTS)],
    "born": [f"19{30 + p % 60}-11-{p % 20 + 10}" for p in range(PATIENTS)],
    "story": [f"kept waking at night since the move, visit {p} of many" for p in range(PATIENTS)],
}
RARE = ["Rarissima", "Q99.77"]
HEADER = [*SECRET, "age", "sbp", "ward", "outcome"]
EVERY = ["--drop", "holder", "--drop", "code", "--drop", "born", "--drop", "story"]


@pytest.fixture(autouse=True)
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """A first model and an update take seconds and torch; tests/swarm covers them."""

    async def measured(
        request: object, draft: Genesis, *_: object, **__: object
    ) -> tuple[Genesis, float | None]:
        return replace(draft, parameters=10), 1.0

    monkeypatch.setattr(founding, "_measured", measured)


def rows() -> list[list[str]]:
    found = []
    for row in range(PATIENTS * VISITS):
        ward = RARE[row % 2] if row < 6 else DRAW.choice(["A1", "B2", "C3"])
        sbp = "<90" if row % 100 == 0 else f"{DRAW.gauss(127.18281828, 15):.6f}"
        secret = [column[row % PATIENTS] for column in SECRET.values()]
        found.append([*secret, str(DRAW.randint(20, 90)), sbp, ward, "sick" if row % 3 else "well"])
    return found


ROWS = rows()


def write(path: Path, header: list[str], lines: list[list[str]], delimiter: str = ",") -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *lines])
    return path


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    ids = []
    for index in range(4):
        address = f"/ip4/127.0.0.1/tcp/{4300 + index}"
        main(["init", str(tmp_path / f"peer{index}"), "--listen", address, "--json"])
        ids.append(json.loads(capsys.readouterr().out)["peer"])
    (tmp_path / "members.txt").write_text("\n".join(ids))
    write(tmp_path / "rows.csv", HEADER, ROWS)
    return tmp_path


def found(place: Path, *more: str, label: str = "outcome", out: str = "genesis.json") -> int:
    return main(
        [
            *("group", "new", "--name", "t", "--members", str(place / "members.txt")),
            *("--task", "table", "--data", str(place / "rows.csv"), "--label", label),
            *("--adversary", "0.25", "--out", str(place / out), *more),
        ]
    )


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any], str]:
    code = main(["data", "check", *words, "--json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert schema_errors("data", document) == []
    assert (code == 7) == bool(document["errors"]) and code in (0, 7)
    assert main(["data", "check", *words]) == code
    printed = capsys.readouterr().out
    for line in (*document["warnings"], *document["errors"]):
        assert line in printed
    return code, document, printed


def secrets() -> list[str]:
    cells = [cell for column in SECRET.values() for cell in column]
    return [*cells, *(word for name in SECRET["holder"] for word in name.split()), *RARE]


def test_no_name_number_or_rare_category_leaves_the_machine(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(place, *EVERY) == 0
    assert main(["group", "show", str(place / "genesis.json")]) == 0
    said = capsys.readouterr()
    key = place / "peer0" / "peer.key"
    signed = ["group", "sign", str(place / "genesis.json"), "--key", str(key), "--unmeasured"]
    assert main([*signed, "--out", str(place / "signed.json")]) == 0
    leaving = [(place / name).read_bytes().decode() for name in ("genesis.json", "signed.json")]
    for text in (*leaving, said.out, said.err):
        assert [secret for secret in secrets() if secret in text] == []
    schema = json.loads(leaving[0])["task_options"]["schema"]
    assert [each["name"] for each in schema["columns"]] == ["age", "sbp", "ward"]
    assert schema["columns"][2]["values"] == ["A1", "B2", "C3"]
    # nor are mean and scale known to more than training needs
    for column in schema["columns"][:2]:
        digits = column["scale"].replace(".", "").strip("0")
        assert len(digits) <= 3
        assert len(column["mean"].partition(".")[2]) <= 1


@pytest.mark.parametrize("column", sorted(SECRET))
def test_a_group_is_not_founded_on_identifiers(
    column: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [word for name in SECRET if name != column for word in ("--drop", name)]
    assert found(place, *others) == 7
    said = capsys.readouterr().err
    assert repr(column) in said and f"--drop {column}" in said and "--keep NAME" in said
    assert not [secret for secret in secrets() if secret in said]
    assert not (place / "genesis.json").exists()
    assert found(place, *others, "--keep", column) == 0
    kept = (place / "genesis.json").read_text()
    assert not [rare for rare in RARE if rare in kept]
    only = ("--columns", f"age,{column}")
    assert found(place, *only, out="other.json") == 7


def test_only_the_columns_that_are_named(place: Path) -> None:
    assert found(place, "--columns", "age,sbp") == 0
    options = json.loads((place / "genesis.json").read_text())["task_options"]
    assert [each["name"] for each in options["schema"]["columns"]] == ["age", "sbp"]


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (("--drop", "nothing"), 7, "has no column 'nothing'"),
        (("--keep", "nothing"), 7, "has no column 'nothing'"),
        (("--columns", "age,nothing"), 7, "has no column 'nothing'"),
        (("--drop", "outcome"), 7, "can't be both dropped and taken"),
        (("--drop", "age", "--keep", "age"), 7, "can't be both dropped and taken"),
        (("--keep-class", "nothing"), 7, "has no such class"),
        (("--min-rows", "0"), 2, "--min-rows 0: it must be 1 or more"),
        (("--min-rows", "400"), 7, "classes of 'outcome' have fewer than 400 rows"),
    ],
)
def test_choices_that_cannot_be(
    more: tuple[str, ...], code: int, says: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(place, *EVERY, *more) == code
    assert says in capsys.readouterr().err
    assert not (place / "genesis.json").exists()


def labelled(path: Path, labels: list[str]) -> Path:
    lines = [[f"{DRAW.gauss(0, 1):.4f}", label] for label in labels]
    return write(path, ["x", "y"], lines)


CLASSES = {
    "markers are classes": (["none", "NA", "-", "null"] * 30, None),
    "an empty label": ((["a", "b"] * 30) + [""] * 7, None),
    "a rare class": ((["a", "b"] * 30) + ["c"] * 9, "fewer than 10 rows"),
    "codes": ([str(each) for each in range(15)] * 12, None),
    "whole numbers": ([str(each) for each in range(58)] * 12, None),
    "measured": ([f"{each / 7:.3f}" for each in range(120)], None),
    "text that is to be a number": (["low", "high"] * 60, "are none"),
    "few fractions": (["0.5", "1.0", "1.5"] * 30, None),
    "decimal commas": ([f"{each},25" for each in range(40)] * 12, None),
    "one class": (["a"] * 60, "1 different values"),
    "people": ([f"Anna Meier{'abcdefgh'[each % 8]}" for each in range(200)], "identifier"),
    "no row": ([], "a header and no rows"),
}


NUMBERS = ("whole numbers", "measured", "decimal commas", "text that is to be a number")


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_a_label_gives_classes_or_says_why_not(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, error = CLASSES[kind]
    path = str(labelled(tmp_path / "t.csv", labels))
    asked = ["--kind", "regression"] if error == "are none" else []
    code, report, printed = check(capsys, path, "--label", "y", *asked)
    assert code == (7 if error else 0)
    assert error is None or any(error in line for line in report["errors"])
    assert report["rows"] == len(labels)
    if kind in NUMBERS:
        assert (report["kind"], report["classes"]) == ("regression", None)
        assert f"{len(labels)} rows have a number; mean" in printed or error
        assert "--kind classification" in printed
    elif error != "identifier":
        assert report["classes"] == {each: labels.count(each) for each in sorted({*labels} - {""})}
    else:
        assert "Meier" not in printed
    if "" in labels:
        assert f"{labels.count('')} rows have no y: they are left out of training" in printed


def test_a_label_that_only_looks_wrong_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = [str(each) for each in range(58)] * 12 + ["99"]
    path = str(labelled(tmp_path / "t.csv", labels))
    words = (path, "--label", "y", "--keep", "y")
    assert check(capsys, *words)[0] == 7
    assert check(capsys, *words, "--keep-class", "99")[0] == 0
    assert check(capsys, *words, "--min-rows", "1")[0] == 0


def test_what_a_data_manager_reads(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, report, printed = check(capsys, str(place / "rows.csv"), "--label", "outcome")
    assert code == 7
    assert (report["rows"], report["label"]) == (480, "outcome")
    assert report["classes"] == {"sick": 320, "well": 160}
    lines = {each["name"]: each for each in report["columns"]}
    assert {name for name, each in lines.items() if each["identifier"]} == set(SECRET)
    assert (lines["sbp"]["type"], lines["sbp"]["missing"]) == ("number", 5)
    assert "5 of 480 cells, such as <90, are no numbers" in lines["sbp"]["why"]
    assert lines["sbp"]["unknown"] is None and lines["sbp"]["clipped"] is None
    assert not [secret for secret in secrets() if secret in printed]


def test_a_site_with_another_dialect_fits(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Semicolons, decimal commas, its columns in another order, and one ward nobody else has."""
    assert found(place, *EVERY) == 0
    capsys.readouterr()
    lines = [
        [row[7], "D4" if row[6] == "A1" else row[6], row[5].replace(".", ","), row[4]]
        for row in ROWS
    ]
    lines[0][2] = "999999"
    path = write(place / "site.csv", ["outcome", "ward", "sbp", "age"], lines, ";")
    genesis = ("--genesis", str(place / "genesis.json"))
    code, report, printed = check(capsys, str(path), *genesis)
    assert code == 0
    assert report["file"] == {"encoding": "utf-8", "delimiter": ";", "decimal_mark": ","}
    seen = {each["name"]: each for each in report["columns"]}
    assert (seen["sbp"]["clipped"], seen["sbp"]["missing"]) == (1, 4)
    strange = sum(line[1] == "D4" or line[1] in RARE for line in lines)
    assert seen["ward"]["unknown"] == strange
    assert not [rare for rare in RARE if rare in printed]


@pytest.mark.parametrize(
    ("header", "line", "code", "says"),
    [
        (["age", "sbp", "outcome"], ["40", "120", "sick"], 7, "are not in this file: 'ward'"),
        (["age", "sbp", "ward"], ["40", "120", "A1"], 7, "are not in this file: 'outcome'"),
        (HEADER[4:], ["40", "120", "A1", "dead"], 7, "none of the group's 2 classes"),
        (HEADER[4:], ["old", "120", "A1", "sick"], 7, "column 'age' is a number in the group"),
        (HEADER[4:], ["40", "120", "A1", "sick"], 0, "all rows are of one class"),
        (HEADER[4:], ["40", "9e9", "A1", "sick"], 0, "look at its unit"),
        (HEADER[4:], ["40", "120", "a1", "sick"], 0, "look at its codes"),
        (HEADER[4:], ["40", "120", "A1", "sick"], 0, "only 20 rows"),
    ],
)
def test_what_does_not_fit_a_group_is_said(
    header: list[str],
    line: list[str],
    code: int,
    says: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert found(place, *EVERY) == 0
    capsys.readouterr()
    path = write(place / "site.csv", header, [line] * 20)
    got, _, printed = check(capsys, str(path), "--genesis", str(place / "genesis.json"))
    assert got == code
    assert says in printed


def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in (("none.csv", None), ("zero.csv", b""), ("ragged.csv", b"a,y\nZyxa,1,2\n")):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        assert main(["data", "check", str(tmp_path / name), "--label", "y"]) == 7
        said = capsys.readouterr().err
        assert said.startswith("peerd: error: ") and said.count("\n") == 1 and "Zyxa" not in said


def test_choices_of_a_founder_are_no_members(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(place, *EVERY) == 0
    words = ["data", "check", str(place / "rows.csv"), "--genesis", str(place / "genesis.json")]
    assert main([*words, "--drop", "age"]) == 2
    assert "the group has chosen its columns already" in capsys.readouterr().err


def test_options_that_are_nothing_to_check_by(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data", "check", str(place / "rows.csv")]
    assert main([*words, "--label", "outcome", "--task-option", "hidden=3"]) == 2
    assert "--task-option hidden: that is nothing to check a table by" in capsys.readouterr().err
    assert found(place, *EVERY) == 0
    genesis = ("--genesis", str(place / "genesis.json"))
    for more in (("--kind", "regression"), ("--task-option", "held_out=0.3")):
        assert main([*words, *genesis, *more]) == 2


def test_a_group_that_predicts_a_number_says_so(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert found(place, *EVERY, label="sbp") == 0
    assert main(["group", "show", str(place / "genesis.json")]) == 0
    said = capsys.readouterr().out
    assert "label sbp: a number, predicted by regression (mean 127" in said
    assert "held-out rows: chosen by a hash of each row's contents, a share of 0.2" in said
    genesis = ("--genesis", str(place / "genesis.json"))
    code, report, printed = check(capsys, str(place / "rows.csv"), *genesis)
    assert (code, report["kind"], report["classes"]) == (0, "regression", None)
    assert "5 rows have a sbp that is no number, such as <90" in printed
    assert report["target"]["rows"] == 475
    assert not [secret for secret in secrets() if secret in said + printed]
    # and the same label by classes would be told value by value
    assert found(place, *EVERY, "--kind", "classification", label="sbp", out="other.json") == 7
    assert "have fewer than 10 rows" in capsys.readouterr().err
    assert found(place, *EVERY, "--kind", "regression", label="outcome", out="other.json") == 7
    assert "say --kind classification" in capsys.readouterr().err


def options_of(place: Path, out: str = "genesis.json") -> dict[str, Any]:
    options: dict[str, Any] = json.loads((place / out).read_text())["task_options"]
    return options


def test_classes_are_balanced_by_the_founders_counts(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = ("--task-option", "class_weights=balanced")
    assert found(place, *EVERY, *weights) == 0
    # 320 rows are sick, 160 well
    assert options_of(place)["class_weights"] == {
        "sick": {"$decimal": "0.75"},
        "well": {"$decimal": "1.5"},
    }
    assert main(["group", "show", str(place / "genesis.json")]) == 0
    assert "loss: cross-entropy, weighted: sick 0.75, well 1.5" in capsys.readouterr().out
    assert found(place, *EVERY, *weights, label="sbp", out="other.json") == 7
    assert "is predicted as a number, by regression, and has no classes" in capsys.readouterr().err
    (place / "w.json").write_text('{"sick": 1, "well": 2.5}')
    given = ("--task-option", f"class_weights=@{place / 'w.json'}")
    assert found(place, *EVERY, *given, out="given.json") == 0
    (place / "w.json").write_text('{"sick": 1}')
    assert found(place, *EVERY, *given, out="other.json") == 7
    assert "each of the 2 classes" in capsys.readouterr().err
    assert not (place / "other.json").exists()


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("held_out=0",), 7, "held_out = 0 must be a share of the rows"),
        (("held_out=1",), 7, "must be a share of the rows"),
        (("held_out=0.95",), 7, "at most 0.9"),
        (("held_out=-0.1",), 7, "must be a share of the rows"),
        (("held_out=half",), 7, "must be a share of the rows"),
        (("held_out=0.3", "held_out_column=part"), 7, "both held_out and held_out_column"),
        (("held_out_column=nothing",), 7, "has no column 'nothing'"),
        (("held_out_column=outcome",), 7, "is the label too"),
        (("held_out_column=3",), 7, "must be the name of a column"),
        (("held_out_column=ward",), 7, "neither that they are held out nor"),
    ],
)
def test_a_rule_on_held_out_rows_that_cannot_be(
    options: tuple[str, ...], code: int, says: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word for option in options for word in ("--task-option", option)]
    assert found(place, *EVERY, *given) == code
    said = capsys.readouterr().err
    assert says in said and not [secret for secret in secrets() if secret in said]
    assert not (place / "genesis.json").exists()
    words = ("data", "check", str(place / "rows.csv"), "--label", "outcome", *EVERY)
    assert main([*words, *given]) == code
    assert says in "".join(capsys.readouterr())


def test_the_rule_is_the_groups_and_is_told(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [[*row, "test" if at % 3 == 0 else "train"] for at, row in enumerate(ROWS)]
    write(place / "rows.csv", [*HEADER, "split"], lines)
    rule = ("--task-option", "held_out_column=split")
    assert found(place, *EVERY, *rule) == 0
    options = options_of(place)
    assert options["held_out_column"] == "split"
    capsys.readouterr()
    assert "split" not in [each["name"] for each in options["schema"]["columns"]]
    for words in (
        ("--genesis", str(place / "genesis.json")),
        ("--label", "outcome", *EVERY, *rule),
    ):
        _, report, printed = check(capsys, str(place / "rows.csv"), *words)
        assert report["held_out"]["rows"] == 160
        assert "160 rows are held out by what column 'split' says of each row" in printed
        assert "split" not in [each["name"] for each in report["columns"]]
    main(["group", "show", str(place / "genesis.json")])
    assert "chosen by what column 'split' says of each row\n" in capsys.readouterr().out
    write(place / "site.csv", HEADER, ROWS)
    code, report, _ = check(
        capsys, str(place / "site.csv"), "--genesis", str(place / "genesis.json")
    )
    assert code == 7 and "not in this file: 'split'" in report["errors"][0]


def test_numbers_among_too_many_other_cells_are_said_to_be_the_cause(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = ["<0.5" if row % 10 == 0 else f"{row}.5" for row in range(120)]
    lines = [f"{cell},{'ab'[row % 2]}" for row, cell in enumerate(cells)]
    (tmp_path / "t.csv").write_text("\n".join(["crp,y", *lines]) + "\n")
    code, report, _ = check(capsys, str(tmp_path / "t.csv"), "--label", "y")
    assert code == 7
    assert "12 of 120 cells, such as <0.5, are no numbers" in report["errors"][0]


def test_numbers_too_long_for_a_float_are_record_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{10**19 + row},{row}.5,{'ab'[row % 2]}" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["x,z,y", *lines]) + "\n")
    code, report, _ = check(capsys, str(tmp_path / "t.csv"), "--label", "y")
    assert code == 7
    assert [each["name"] for each in report["columns"] if each["identifier"]] == ["x"]


@pytest.mark.parametrize(
    ("labels", "alike"), [(["True", "true", "FALSE", "False"], 2), (["0", "0.0", "1", "2"], 1)]
)
def test_classes_that_are_written_alike_are_warned_of(
    labels: list[str], alike: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(labelled(tmp_path / "t.csv", labels * 30))
    code, report, _ = check(capsys, path, "--label", "y")
    assert code == 0
    assert any(text.startswith(f"{alike} classes of y differ") for text in report["warnings"])
    path = str(labelled(tmp_path / "t.csv", ["yes", "no", "Maybe", "1"] * 30))
    assert not check(capsys, path, "--label", "y")[1]["warnings"]


def test_a_columns_name_commands_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{row}.5,{'ab'[row % 2]}" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["x\x1b[31m,y", *lines]) + "\n")
    assert main(["data", "check", str(tmp_path / "t.csv"), "--label", "y"]) == 0
    assert "\x1b" not in capsys.readouterr().out
