"""A decimal that is typed is a number for the task, at every peer the same; or it is refused."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerd import decimals
from peerd.cli import dispatch
from peerd.cli.main import main
from peerd.cli.task_arguments import task_request
from peerd.errors import ConfigError, GroupError
from peerd.group import document, load
from peerd.group.fields import check_options
from peerd.identity import Identity
from peerd.learning import frames
from peerd.learning.loading import load_task
from tests.unit.group.test_genesis import genesis

MEMBERS = [Identity(bytes([number]) * 32).peer_id for number in range(1, 5)]
OWN = """
import torch
from peerd.learning import Samples, Task

class Net(Task):
    def model(self):
        assert type(self.options["rate"]) is float, self.options
        return torch.nn.Linear(2, 2)

    def data(self, partition):
        return Samples(torch.zeros(4, 2), torch.zeros(4, dtype=torch.long))

    def held_out(self):
        return self.data(None)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "decimal_task.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("decimal_task", None)


def asked(*words: str) -> Any:
    line = ["swarm", "--task", "decimal_task:Net", *words]
    return task_request(dispatch.build_parser(dispatch._chosen(line)).parse_args(line))


def through_a_genesis(options: dict[str, Any]) -> dict[str, Any]:
    """What a task gets of options that were typed, at a peer that has read the genesis."""
    made = genesis(task_options=options)
    read = document.parse(document.render(made).encode())
    assert read.group_id == made.group_id
    sent = frames.decode(frames.encode({"options": read.task_options})[frames.PREFIX_BYTES :])
    return load_task("decimal_task:Net", sent["options"], {}).options


TYPED: dict[str, Any] = {
    "0.1": 0.1,
    "1e-3": 1e-3,
    "1E3": 1000.0,
    "-0.25": -0.25,
    ".5": 0.5,
    "5.": 5.0,
    "0.10": 0.1,
    "1.0": 1.0,
    "0.0": 0.0,
    "-0.0": -0.0,
    "3.141592653589793": math.pi,
    "1.7976931348623157e308": sys.float_info.max,
    "5e-324": 5e-324,
    "64": 64,
    "-5": -5,
    "0": 0,
    "cnn": "cnn",
    "1.2.3": "1.2.3",
    "0,1": "0,1",
    "1/3": "1/3",
    "nan": "nan",
    "inf": "inf",
    "e5": "e5",
    "-": "-",
    ".": ".",
    "": "",
    "1e": "1e",
    "٣.٥": "٣.٥",
}


@pytest.mark.parametrize("text", TYPED)
def test_what_is_typed_is_what_a_task_gets(own: Path, text: str) -> None:
    options = asked("--task-option", f"rate={text}").options
    found = through_a_genesis(options)["rate"]
    assert type(found) is type(TYPED[text])
    assert repr(found) == repr(TYPED[text])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_comes_back_exactly(value: float) -> None:
    assert decimals.numbers(check_options({"x": [decimals.kept(repr(value))]})) == {"x": [value]}


@pytest.mark.parametrize("text", ["1e999", "-1e400", "1e-999", "0.1" + "0" * 80, "9" * 65])
def test_a_number_that_can_not_be_kept_is_refused_by_name(own: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"--task-option rate: .*number.*rate=@FILE"):
        asked("--task-option", f"rate={text}")


def test_a_json_file_s_decimals_are_numbers_and_its_texts_are_texts(own: Path) -> None:
    content = '{"rates": [0.1, 1e-3, 2], "version": "0.1", "deep": {"x": 2.50}}'
    (own / "o.json").write_text(content)
    options = asked("--task-option", "o=@o.json", "--task-option", "rate=0.5").options
    found = through_a_genesis(options)["o"]
    assert found == {"rates": [0.1, 1e-3, 2], "version": "0.1", "deep": {"x": 2.5}}


@pytest.mark.parametrize("content", ["[NaN]", "[Infinity]", "[1e999]", "[-Infinity]"])
def test_a_json_file_s_numbers_that_are_none_are_refused(own: Path, content: str) -> None:
    (own / "o.json").write_text(content)
    with pytest.raises(ConfigError, match=r"o\.json can't be used"):
        asked("--task-option", "o=@o.json")


@pytest.mark.parametrize(
    "value",
    [
        {"$decimal": 1},
        {"$decimal": "x"},
        {"$decimal": "1e999"},
        {"$decimal": "nan"},
        {"$decimal": "0.1", "more": 1},
        {"$decimal": {"$decimal": "0.1"}},
        {"$decimal": "0.1 "},
        {"$decimal": "0.1\n"},
    ],
)
def test_a_genesis_holds_a_decimal_in_its_form_alone(value: dict[str, Any]) -> None:
    with pytest.raises(GroupError, match=r'task_options\.x\.rate must hold one decimal.*"0\.1"'):
        check_options({"x": {"rate": value}})


def test_a_float_in_a_genesis_says_how_it_is_written() -> None:
    with pytest.raises(GroupError, match=r'is a float.*write \{"\$decimal": "0\.1"\}'):
        check_options({"rate": 0.1})


def test_local_numbers_are_numbers_and_a_file_of_that_name_is_a_file(own: Path) -> None:
    (own / "2024.1").write_text("")
    local = asked("--local", "noise=0.5", "--local", "images=2024.1", "--local", "n=3").here.local
    assert local == {"noise": 0.5, "images": str(own / "2024.1"), "n": 3}


def test_a_constant_stays_the_rational_that_it_is(own: Path) -> None:
    assert asked("--constant", "lambda=0.01", "--constant", "theta=12").constants == {
        "lambda": "0.01",
        "theta": 12,
    }


def test_a_group_is_founded_and_shown_with_a_decimal(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["group", "new", "--name", "g", "--members", *MEMBERS, "--task", "decimal_task:Net"]
    words += ["--adversary", "0.25", "--training", "10", "--task-option", "rate=0.1"]
    assert main([*words, "--out", "g.json"]) == 0, capsys.readouterr().err
    assert "task option rate 0.1\n" in capsys.readouterr().out
    assert json.loads((own / "g.json").read_text())["task_options"] == {"rate": {"$decimal": "0.1"}}
    assert load(own / "g.json").task_options == {"rate": {"$decimal": "0.1"}}
