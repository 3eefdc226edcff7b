"""A group that starts from a model in a file: each member names its copy of it, and no other."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from peerd.cli.main import main
from peerd.config import Config
from peerd.group import load
from peerd.identity import Identity
from protocols.aggregation import model_hash

ROOT = Path(__file__).parents[3]
TASKS = Path(__file__).parent.parent / "learning"
PEERS = 4
LAYERS = {
    "0.weight": torch.full((3, 4), 0.5),
    "0.bias": torch.zeros(3),
    "2.weight": torch.full((2, 3), 0.25),
    "2.bias": torch.ones(2),
}
SHARED = torch.cat([LAYERS["2.weight"].reshape(-1), LAYERS["2.bias"]])


@pytest.fixture(scope="module", autouse=True)
def _path() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TASKS))
        yield


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Four peers that have signed; peer 0 names its file in the configuration, and its port is in
    use."""
    folder = tmp_path_factory.mktemp("group")
    files = {"first": {}, "head": {"2.bias": torch.zeros(2)}, "backbone": {"0.bias": torch.ones(3)}}
    for name, change in files.items():
        save_file({**LAYERS, **change}, folder / f"{name}.safetensors")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        listen = ["--listen", f"/ip4/127.0.0.1/tcp/{held.getsockname()[1]}"]
        for index in range(PEERS):
            start = [] if index else ["--start-from", str(folder / "first.safetensors")]
            assert main(["init", str(folder / f"peer{index}"), *listen, *start]) == 0
        assert new(folder, "--start-from", str(folder / "first.safetensors")) == 0
        for index in range(PEERS):
            start = [] if index == 0 else ["--start-from", str(folder / "first.safetensors")]
            key = str(folder / f"peer{index}" / "peer.key")
            assert main(["group", "sign", genesis(folder), "--key", key, *start]) == 0
        yield folder


def genesis(folder: Path) -> str:
    return str(folder / "peer0" / "genesis.json")


def new(folder: Path, *more: str) -> int:
    keys = [Identity.load(folder / f"peer{index}" / "peer.key") for index in range(PEERS)]
    words = ["group", "new", "--name", "t", "--members", *(key.peer_id for key in keys)]
    words += ["--task", "started_task:Started", "--adversary", "0.25"]
    out = [] if "--out" in more else ["--out", genesis(folder)]
    return main([*words, *more, *out])


def test_the_genesis_binds_the_file_s_model(
    group: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = load(Path(genesis(group)))
    assert found.starts_from == "file" and found.first_model == model_hash(SHARED.numpy())
    capsys.readouterr()
    assert main(["group", "show", genesis(group)]) == 0
    said = capsys.readouterr().out
    assert f"the group starts from a model with hash {found.first_model.hex()}: each" in said
    assert main(["group", "show", genesis(group), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["starts_from"] == "file"
    assert Config.load(group / "peer0" / "peerd.toml").task.start_from


def sign(group: Path, index: int, *start: str) -> int:
    key, out = str(group / f"peer{index}" / "peer.key"), str(group / "signed.json")
    return main(["group", "sign", genesis(group), "--key", key, "--out", out, *start])


SIGNS = {
    "none": ([], 4, "and this peer names none"),
    "another head": (["head"], 4, "is not the group's: its hash is"),
    "another backbone": (["backbone"], 4, "frozen layers, constants), with what"),
    "a missing file": (["nothing"], 2, "there is no such file"),
    "unmeasured": (["first", "--unmeasured"], 2, "leave one of them out"),
}


@pytest.mark.parametrize("kind", SIGNS)
def test_another_file_is_refused_before_signing(
    group: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words, code, said = SIGNS[kind]
    start = ["--start-from", str(group / f"{words[0]}.safetensors"), *words[1:]] if words else []
    capsys.readouterr()
    assert sign(group, 1, *start) == code
    line = capsys.readouterr().err.splitlines()[-1]
    assert said in line and line.startswith("peerd: error: ")
    if kind == "another head":
        assert load(Path(genesis(group))).first_model.hex()[:16] in line
        assert "head.safetensors" in line
    assert not (group / "signed.json").exists()


@pytest.mark.acceptance
def test_doctor_and_run_find_another_file_too(
    group: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``run`` comes to the model ahead of its port, which is in use."""
    config = group / "peer0" / "peerd.toml"
    text = config.read_text()
    capsys.readouterr()
    assert main(["doctor", "--config", str(config)]) == 1
    assert "ok       task: " in capsys.readouterr().out
    assert main(["run", "--config", str(config)]) == 6
    capsys.readouterr()
    try:
        for name, code, said in (
            ("head", 4, "is not the group's"),
            ("backbone", 4, "frozen layers"),
            ("gone", 7, "is no file"),
        ):
            config.write_text(text.replace("first.safetensors", f"{name}.safetensors"))
            assert main(["doctor", "--config", str(config)]) == 1
            assert said in capsys.readouterr().out
            assert main(["run", "--config", str(config)]) == code
            assert said in capsys.readouterr().err
    finally:
        config.write_text(text)


def test_a_group_that_draws_its_model_takes_no_file(
    group: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = group / "drawn.json"
    assert new(group, "--out", str(out)) == 0
    assert "starts_from" not in json.loads(out.read_text())
    key = str(group / "peer0" / "peer.key")
    capsys.readouterr()
    assert main(["group", "sign", str(out), "--key", key]) == 4
    assert "drawn from a seed, and this peer would start from" in capsys.readouterr().err


@pytest.mark.acceptance
def test_the_page_s_commands(group: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/models.md, "Start from a model", as it stands; DIR is a member's."""
    text = (ROOT / "docs/models.md").read_text()
    lines = re.findall(r"^\$ peerd (group .*--start-from.*)$", text, re.M)
    assert [line.split()[1] for line in lines] == ["new", "sign"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "configs/tasks"))
    keys = [Identity.load(group / f"peer{index}" / "peer.key") for index in range(PEERS)]
    (tmp_path / "members.txt").write_text("".join(f"{key.peer_id}\n" for key in keys))
    monkeypatch.syspath_prepend(str(ROOT / "configs/tasks"))
    from peerd.learning.loading import load_torch_task

    save_file(load_torch_task("wine:Wine", {}, {}).model().state_dict(), "first.safetensors")
    for line in lines:
        assert main(line.replace("DIR", str(group / "peer1")).split()) == 0
    found = load(tmp_path / "genesis.json")
    assert found.signatures and found.starts_from == "file"


@pytest.mark.parametrize("value", ["seed", "somewhere", 1])
def test_a_genesis_says_it_in_one_way(group: Path, value: object, tmp_path: Path) -> None:
    document = json.loads(Path(genesis(group)).read_text())
    (tmp_path / "g.json").write_text(json.dumps({**document, "starts_from": value}))
    assert main(["group", "show", str(tmp_path / "g.json")]) == 4
