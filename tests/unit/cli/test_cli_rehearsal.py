"""What a person reads of a task that can't train: in group new, group sign, doctor and run.

Real workers play real rehearsals here, of the tasks in tests/unit/learning/hostile_tasks.py.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerd.cli.main import main
from tests.tiers import later

TASKS = Path(__file__).parent.parent / "learning"
sys.path.append(str(TASKS))

import hostile_tasks as hostile  # noqa: E402

PEERS = 4
COMMANDS = ("sign", "doctor", "run")
NAMED = ["nan-input", "data-system-exit", *later(["all-frozen", "label-too-large"])]
"""One of each kind in each command; the others at the worker's door, in tests/unit/learning."""


@pytest.fixture(scope="module", autouse=True)
def _path() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TASKS))
        yield


@pytest.fixture(scope="module")
def taken() -> Iterator[int]:
    """A port in use: a daemon that comes so far as to listen says so."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        yield held.getsockname()[1]


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory, taken: int) -> Path:
    """Four peers whose group trains the calm task; the first one's port is in use."""
    folder = tmp_path_factory.mktemp("group")
    listen = f"/ip4/127.0.0.1/tcp/{taken}"
    for index in range(PEERS):
        assert main(["init", str(folder / f"peer{index}"), "--listen", listen]) == 0
    genesis = str(folder / "peer0" / "genesis.json")
    assert main(new(folder, "calm", "--out", genesis)) == 0
    for index in range(PEERS):
        key = str(folder / f"peer{index}" / "peer.key")
        assert main(["group", "sign", genesis, "--key", key, "--unmeasured"]) == 0
    return folder


def new(folder: Path, name: str, *more: str) -> list[str]:
    from peerd.identity import Identity

    keys = [Identity.load(folder / f"peer{index}" / "peer.key") for index in range(PEERS)]
    return [
        *("group", "new", "--name", "t", "--members", *(key.peer_id for key in keys)),
        *("--task", "hostile_tasks:Hostile", "--task-option", f"name={name}"),
        *("--adversary", "0.25", *more),
    ]


def command(group: Path, which: str, name: str) -> list[str]:
    """One of the commands, for the first peer, whose own task is the one called ``name``."""
    place = group / "peer0"
    text = (place / "peerd.toml").read_text().partition("\n[task.options]")[0]
    config = place / "peerd.toml"
    config.write_text(f'{text}\n[task.options]\nname = "{name}"\n')
    if which != "sign":
        return [which, "--config", str(config)]
    out = str(group / f"signed-{name}.json")
    key = str(place / "peer.key")
    genesis = str(place / "genesis.json")
    return ["group", "sign", genesis, "--key", key, "--config", str(config), "--out", out]


def expected(name: str) -> str:
    return hostile.UNTRAINABLE[name][1] if name in hostile.UNTRAINABLE else "SystemExit: 3"


@pytest.mark.parametrize("name", NAMED)
def test_group_new_writes_no_genesis(
    name: str, group: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = group / f"{name}.json"
    capsys.readouterr()
    assert main(new(group, name, "--out", str(out))) == 7
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "error" in each]
    assert line.startswith("peerd: error: ") and expected(name) in line
    assert not out.exists()


@pytest.mark.parametrize("which", ["sign", *later(each for each in COMMANDS if each != "sign")])
@pytest.mark.parametrize("name", NAMED)
def test_it_is_named_before_a_signature_and_before_anybody_is_met(
    name: str, which: str, group: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``run`` comes to the task ahead of its port, which is in use."""
    words = command(group, which, name)
    capsys.readouterr()
    code = main(words)
    printed = capsys.readouterr()
    if which == "doctor":
        assert code == 1
        (line,) = [each for each in printed.out.splitlines() if " task: " in each]
        assert line.startswith("error") and expected(name) in line
        assert " training: " not in printed.out
    else:
        assert code == 7
        assert expected(name) in printed.err.splitlines()[-1]
        assert not (group / f"signed-{name}.json").exists()


@pytest.mark.acceptance
def test_trouble_in_evaluation_is_a_warning_in_each(
    group: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "metric-nan"
    said = "accuracy is unknown: metric() gave nan, which is no finite number"
    capsys.readouterr()
    assert main(new(group, name, "--out", str(group / "warned.json"))) == 0
    assert f"warning: {said}" in capsys.readouterr().err.splitlines()
    assert main(command(group, "sign", name)) == 0
    assert f"warning: {said}" in capsys.readouterr().err.splitlines()
    main([*command(group, "doctor", name), "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    levels = [(each["level"], each["message"]) for each in checks if each["check"] == "task"]
    assert levels == [
        ("ok", "hostile_tasks:Hostile trains on this peer's data"),
        ("warning", said),
    ]
    assert [each["level"] for each in checks if each["check"] == "training"] == ["ok"]
    assert main(command(group, "run", name)) == 6  # the port: it has gone on
    assert said in capsys.readouterr().err


def test_another_first_model_than_the_group_s_is_found_by_the_doctor(
    group: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = command(group, "doctor", "regression")
    capsys.readouterr()
    main(words)
    assert "ok       task: " in capsys.readouterr().out
    assert main(command(group, "doctor", "unused")) == 1
    assert "computes another first model than the genesis names" in capsys.readouterr().out
