"""A task's name, from the command line to the class: short names, and modules with capitals."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from peerd.cli import dispatch
from peerd.cli.main import main
from peerd.cli.task_arguments import TaskRequest, task_request
from peerd.errors import GroupError, PeerdError
from peerd.group.fields import check_task
from peerd.identity import Identity
from peerd.learning.loading import load_task, task_class
from peerd.tasks.names import SHIPPED

OWN = """
import torch
from peerd.learning import Samples, Task

class Net(Task):
    def model(self):
        return torch.nn.Linear(2, 2)

    def data(self, partition):
        return Samples(torch.zeros(4, 2), torch.zeros(4, dtype=torch.long))

    def held_out(self):
        return self.data(None)
"""
REFERENCES = [
    "MyModule:Net",
    "my_pkg.SubModule:Net",
    "MyPkg.inner.Deep_2:Net",
    "_Private:Net",
    "UPPER:Net",
    "camelCase:Net",
    "lower:Net",
]
MEMBERS = [Identity(bytes([number]) * 32).peer_id for number in range(1, 5)]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a module for each reference, and one of another case beside it."""
    for reference in REFERENCES:
        path = tmp_path / (reference.partition(":")[0].replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for reference in REFERENCES:
        sys.modules.pop(reference.partition(":")[0], None)


def asked(words: list[str]) -> TaskRequest:
    """What a command line asks for."""
    return task_request(dispatch.build_parser(dispatch._chosen(words)).parse_args(words))


def new(task: str, *more: str) -> list[str]:
    return [
        *("group", "new", "--name", "g", "--members", *MEMBERS, "--task", task),
        *("--adversary", "0.25", "--training", "10", "--out", "genesis.json", *more),
    ]


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_reference_keeps_its_case_everywhere(own: Path, reference: str) -> None:
    assert check_task(reference) == reference
    assert task_class(reference).__module__ == reference.partition(":")[0]
    for command in (new(reference), ["swarm", "--task", reference]):
        assert asked(command).task_class == reference


@pytest.mark.parametrize("reference", REFERENCES[:2])
def test_a_group_is_founded_with_a_module_of_capitals(
    own: Path, reference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(new(reference)) == 0, capsys.readouterr().err
    document = json.loads((own / "genesis.json").read_text())
    assert document["task"] == reference
    assert main(["group", "show", "genesis.json"]) == 0
    assert f"task {reference}\n" in capsys.readouterr().out


def test_another_case_is_another_module(own: Path) -> None:
    with pytest.raises(PeerdError, match="there is no module 'mymodule'"):
        load_task("mymodule:Net", {}, {})


@pytest.mark.parametrize(
    "text", ["Digits", "A.B", "../Evil:Task", "A-B:C", "A:b.c", "A:", ":A", "A::B", "a b:C", "Ä:B"]
)
def test_what_is_no_reference_is_none_with_capitals_either(text: str) -> None:
    with pytest.raises(GroupError, match="task must look like"):
        check_task(text)


@pytest.mark.parametrize("command", ["group", "swarm"])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_command_takes_the_tasks_that_ship(name: str, command: str) -> None:
    words = new(name) if command == "group" else ["swarm", "--task", name]
    if name == "table":  # its schema comes from a file
        words += ["--task-option", "schema=none"]
    assert check_task(asked(words).task_class) == SHIPPED[name]


@pytest.mark.parametrize("command", ["group", "swarm"])
def test_an_unknown_one_is_told_all_of_them(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = new("imagse") if command == "group" else ["swarm", "--task", "imagse"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in SHIPPED)
