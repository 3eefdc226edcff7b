"""An exported model says what it is, can be used without peerd, and is tied to its certificate."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trio

from peerd.cli.main import main
from peerd.config import render_config
from peerd.errors import PeerdError
from peerd.group import Genesis, document, new_genesis, sign
from peerd.identity import Identity
from peerd.laboratory.simulation.swarm import first_model
from peerd.laboratory.simulation.world import World
from peerd.runner.evidence.export import verify_export
from peerd.runner.resume import setting_of
from peerd.status import StatusBoard, Views, serve_status
from peerd.storage import Store
from peerd.tensor_file import read_export, write_safetensors
from protocols.aggregation import aggregator, model_hash
from tests.patience import HANG

ROOT = Path(__file__).parents[3]
TASK = """
import torch
from peerd.learning import Samples, Task

class Net(Task):
    def model(self):
        assert self.options == {"rate": 0.1, "schema": {"columns": ["age"]}}
        return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))

    def data(self, partition):
        raise AssertionError("an export needs no rows")

    def held_out(self):
        raise AssertionError("an export needs no rows")
"""
ROWS_TASK = (
    TASK.partition("    def data")[0]
    + """
    def data(self, partition):
        return Samples(torch.ones(2, 2), torch.ones(2))

    def held_out(self):
        return self.data(None)
"""
)
SIZE = 9  # parameters of that
MEMBERS = sorted((Identity(bytes([n]) * 32) for n in range(1, 5)), key=lambda one: one.public)


@cache
def founded(name: str) -> Genesis:
    made = new_genesis(
        name=name,
        task="exported_task:Net",
        task_options={"rate": {"$decimal": "0.1"}, "schema": {"columns": ["age"]}},
        roster=[one.public for one in MEMBERS],
        aggregator="rsa",
        constants=aggregator("rsa", {}).constants(),
        adversary=Fraction(1, 4),
        dropout=Fraction(0),
        absent=None,
        delta_ms=1000,
        bandwidth_bytes_per_second=1_000_000,
        training_seconds=10,
        parameters=SIZE,
        first_model=model_hash(first_model(1, SIZE)),
    )
    for one in MEMBERS:
        made = sign(made, one)
    return made


@cache
def group() -> tuple[Genesis, dict[int, tuple[bytes, Any]]]:
    """A group, and by round what it has certified, with real signatures."""
    genesis = founded("hospitals")
    world = World(
        setting_of(genesis),
        [one.secret for one in MEMBERS],
        first_model(1, SIZE),
        lambda peer, round_, model: (model + peer + round_ + 1).astype(np.float32),
        seed=1,
        rounds=2,
    )
    world.run()
    done = world.nodes[0].completed
    return genesis, {n: (done[n].certificate, done[n].model) for n in (0, 1)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A peer's directory with a genesis, two certified rounds and the group's task beside it."""
    genesis, done = group()
    document.save(genesis, tmp_path / "genesis.json")
    document.save(founded("banks"), tmp_path / "other.json")
    (tmp_path / "peerd.toml").write_text(render_config())
    (tmp_path / "exported_task.py").write_text(TASK)
    with Store.open(tmp_path / "data") as store:
        for number, (certificate, model) in done.items():
            store.put_certificate(number, certificate)
            store.put_model(number, model)
            store.put_round(number, {"round": number, "model_hash": model_hash(model).hex()})
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("exported_task", None)


def export(name: str, *more: str) -> int:
    return main(["model", "export", "--out", name, *more])


FILES = ["m.npz", "m.safetensors"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("number", [0, 1])
def test_an_export_is_shown_and_verified_with_the_genesis_alone(
    place: Path, name: str, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(name, "--round", str(number)) == 0, capsys.readouterr().err
    genesis, done = group()
    description, model = read_export(place / name)
    assert np.array_equal(model, done[number][1])
    assert description["round"] == number and description["group"] == genesis.group_id.hex()
    assert description["task_options"] == genesis.task_options
    for left in ("exported_task.py", "peerd.toml"):
        (place / left).unlink()  # an auditor has neither
    capsys.readouterr()
    assert main(["model", "verify", name, "--genesis", "genesis.json"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("verified") and f"round: {number}\n" in said
    assert main(["model", "show", name]) == 0
    said = capsys.readouterr().out
    assert said.startswith("not verified") and "task: exported_task:Net\n" in said
    assert '"rate": 0.1' in said and description["certificate"] not in said
    assert main(["model", "verify", name, "--genesis", "other.json"]) == 9
    assert "proves nothing to the group 'banks'" in capsys.readouterr().err


@pytest.mark.trio
@pytest.mark.parametrize("kept", [True, False])
async def test_a_running_daemon_is_asked_for_model_and_certificate(place: Path, kept: bool) -> None:
    certificate, model = group()[1][1]
    views = Views(
        peers=list,
        rounds=lambda limit: [{"round": 1, "model_hash": model_hash(model).hex()}],
        round=lambda number: None,
        certificate=lambda number: certificate if kept else None,
        model=lambda number: model,
    )
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:  # a socket's path is short
        path = Path(name) / "run" / "status.sock"
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(serve_status, StatusBoard(), path, views))
            command = [sys.executable, "-m", "peerd", "model", "export", "--socket", str(path)]
            done = await trio.run_process(
                [*command, "--out", "m.safetensors"], capture_stderr=True, check=False
            )
            nursery.cancel_scope.cancel()
    if kept:
        assert done.returncode == 0, done.stderr
        assert verify_export(place / "m.safetensors", place / "genesis.json")["round"] == 1
    else:
        assert done.returncode == 5
        assert b"no certificate of this round is kept" in done.stderr


def test_showing_imports_nothing_that_a_file_names(place: Path) -> None:
    assert export("m.safetensors") == 0
    (place / "exported_task.py").write_text("open('canary', 'w')")
    for verb in (["show", "m.safetensors"], ["verify", "m.safetensors", "--genesis=genesis.json"]):
        program = f"import sys; from peerd.cli.main import main; code = main(['model', *{verb}]);"
        program += "assert not {'torch', 'exported_task'} & set(sys.modules); sys.exit(code)"
        subprocess.run([sys.executable, "-c", program], check=True, timeout=HANG, env=os.environ)
    assert not (place / "canary").exists()


def rewritten(path: Path, change: Callable[[dict[str, Any]], None], model: Any = None) -> Path:
    description, before = read_export(path)
    change(description)
    out = path.with_name("changed.safetensors")
    model = before if model is None else model
    with out.open("wb") as file:
        write_safetensors(file, [("all", (model.size,))], model, json.dumps(description))
    return out


def flipped(certificate: str, place: int) -> str:
    data = bytearray(certificate.encode())
    data[place] = ord("A") if data[place] != ord("A") else ord("B")
    return data.decode()


LIES: dict[str, Callable[[dict[str, Any]], None]] = {
    "group": lambda d: d.update(group="00" * 32),
    "name": lambda d: d.update(name="another"),
    "task": lambda d: d.update(task="evil:Net"),
    "options": lambda d: d["task_options"].update(rate={"$decimal": "0.2"}),
    "round": lambda d: d.update(round=d["round"] + 1),
    "round as a float": lambda d: d.update(round=float(d["round"])),
    "round as a truth": lambda d: d.update(round=bool(d["round"])),
    "model hash": lambda d: d.update(model_hash="00" * 32),
    "certificate hash": lambda d: d.update(certificate_hash="00" * 32),
    "something more": lambda d: d.update(accuracy=0.99),
    "something less": lambda d: d.pop("task"),
    "no certificate": lambda d: d.pop("certificate"),
    "certificate of no text": lambda d: d.update(certificate=["x"]),
    "no base 64": lambda d: d.update(certificate="x!"),
    "empty": lambda d: d.update(certificate=""),
    "another round's": lambda d: d.update(certificate=certificate_of(0)),
    "a bit of it": lambda d: d.update(certificate=flipped(d["certificate"], 400)),
}


def certificate_of(number: int) -> str:
    return base64.b64encode(group()[1][number][0]).decode()


@pytest.mark.parametrize("lie", LIES)
def test_a_word_that_is_changed_is_found(place: Path, lie: str) -> None:
    assert export("m.safetensors", "--round", "1") == 0
    verify_export(rewritten(place / "m.safetensors", lambda d: None), place / "genesis.json")
    with pytest.raises(PeerdError) as caught:
        verify_export(rewritten(place / "m.safetensors", LIES[lie]), place / "genesis.json")
    assert caught.value.exit_code == 9


@pytest.mark.parametrize("index", range(SIZE))
def test_a_number_that_is_changed_is_found(place: Path, index: int) -> None:
    assert export("m.safetensors") == 0
    model = read_export(place / "m.safetensors")[1].copy()
    model[index] = np.nextafter(model[index], np.float32(np.inf))
    with pytest.raises(PeerdError, match="not the one that the group certified"):
        verify_export(
            rewritten(place / "m.safetensors", lambda d: None, model), place / "genesis.json"
        )


# --- files of others ---------------------------------------------------------------------------


def safetensors(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


META = {"__metadata__": {"peerd": "{}"}}


def tensor(shape: Any, start: int, end: int, kind: str = "F32") -> dict[str, Any]:
    return {"dtype": kind, "shape": shape, "data_offsets": [start, end]}


def npz(compress: int = zipfile.ZIP_STORED, **arrays: Any) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compress) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", member.getvalue())
    return file.getvalue()


def npz_headed(header: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        archive.writestr("peerd.npy", member)
    return file.getvalue()


def names(value: Any) -> dict[str, Any]:
    return {"__metadata__": {"peerd": json.dumps({"own": {"round": 1, "names": value}})}}


ONES, TEXT = np.ones(3, np.float32), np.frombuffer(b"{}", np.uint8)
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "short": b"abc",
    "no header": (1 << 60).to_bytes(8, "little"),
    "header of nothing": bytes(8),
    "not JSON": safetensors(b"nonsense"),
    "a number": safetensors(b"5"),
    "a number as metadata": safetensors({"__metadata__": 5}),
    "a number as a tensor": safetensors({**META, "a": 5}),
    "no offsets": safetensors({**META, "a": {"dtype": "F32", "shape": [0]}}),
    "offsets of two kinds": safetensors(
        {**META, "a": tensor([], 0, 4), "b": {**tensor([], 0, 4), "data_offsets": "x"}}
    ),
    "not UTF-8": safetensors(b"\xff\xfe"),
    "a list": safetensors([]),
    "deep": safetensors(b"[" * 100_000),
    "no description": safetensors({"a": tensor([1], 0, 4)}, bytes(4)),
    "no text": safetensors({"__metadata__": {"peerd": [1]}}),
    "a description of no table": safetensors({"__metadata__": {"peerd": "[]"}}),
    "a deep description": safetensors({"__metadata__": {"peerd": "[" * 100_000}}),
    "a huge tensor": safetensors({**META, "a": tensor([1 << 60], 0, 1 << 62)}),
    "a negative shape": safetensors({**META, "a": tensor([-1, -1], 0, 4)}, bytes(4)),
    "a float in a shape": safetensors({**META, "a": tensor([1.0], 0, 4)}, bytes(4)),
    "another type": safetensors({**META, "a": tensor([1], 0, 8, "F64")}, bytes(8)),
    "a gap": safetensors({**META, "a": tensor([1], 4, 8)}, bytes(8)),
    "overlaps": safetensors({**META, "a": tensor([1], 0, 4), "b": tensor([1], 0, 4)}, bytes(4)),
    "more data": safetensors({**META, "a": tensor([1], 0, 4)}, bytes(5)),
    "a name twice": safetensors(b'{"__metadata__":{"peerd":"{}"},"__metadata__":{"peerd":"{}"}}'),
    "a zip of nothing": npz(),
    "a broken zip": npz(parameters=ONES, peerd=TEXT)[:-30],
    "npz without": npz(parameters=ONES),
    "pickled": npz(parameters=np.array([1, None], dtype=object), peerd=TEXT),
    "doubles": npz(parameters=ONES.astype(np.float64), peerd=TEXT),
    "a matrix": npz(parameters=np.ones((2, 2), np.float32), peerd=TEXT),
    "a bomb": npz(zipfile.ZIP_DEFLATED, parameters=np.zeros(1 << 20, np.float32), peerd=TEXT),
    "a header that never ends": npz_headed(b"(" * 9000),
    "a header too deep for Python's parser": npz_headed(b"-" * 9900 + b"1"),
    "a header that is no Python": npz_headed(b"1 1"),
    "statistics of no list": safetensors(
        {**names({"a.running_var": 1}), "a.running_var": tensor([0], 0, 0)}
    ),
    "statistics in a text": safetensors(names("")),
    "no npz": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("verb", [["show"], ["verify", "--genesis", "genesis.json"]])
def test_a_hostile_file_is_one_line(
    tmp_path: Path, kind: str, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    document.save(group()[0], tmp_path / "genesis.json")
    path = tmp_path / "x.safetensors"
    path.write_bytes(HOSTILE[kind])
    verb = [word.replace("genesis.json", str(tmp_path / "genesis.json")) for word in verb]
    assert main(["model", *verb, str(path)]) == 9
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "x.safetensors" in said.err


@pytest.mark.parametrize("name", ["m.npz", "m.safetensors", "m.pt"])
def test_a_damaged_file_is_read_as_it_was_or_refused(place: Path, name: str) -> None:
    assert export(name) == 0
    whole = (place / name).read_bytes()
    dice, refused = random.Random(name), 0
    for _ in range(800):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 3)):
            data[dice.randrange(len(data))] = dice.choice((0, 1, 0x7F, 0xFF, dice.randrange(256)))
        cut = dice.choice((len(data), len(data), dice.randrange(len(data))))
        (place / "damaged").write_bytes(data[:cut])
        try:
            read_export(place / "damaged")
        except PeerdError:
            refused += 1
    assert refused > 150


def test_what_a_stranger_wrote_reaches_no_terminal_as_it_is(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {"\x1b[2Jname": "\x1b]0;x\x07", "many": "x" * 5000, "deep": "y"}
    text = json.dumps(said)[:-4] + "[" * 900 + "]" * 900 + "}"
    (place / "x").write_bytes(safetensors({"__metadata__": {"peerd": text}}))
    assert main(["model", "show", "x"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x07" not in out and len(out) < 2500


# --- without peerd -----------------------------------------------------------------------------


def test_the_lines_of_the_documentation_use_an_export_without_peerd(place: Path) -> None:
    text = (ROOT / "docs/operate/model.md").read_text()
    section = text[text.index("**Use a model elsewhere.**") :]
    block = re.search(r"```python\n(.*?)```", section, re.S)
    assert block is not None
    lines = block[1].split("\n")
    assert sum(map(bool, lines)) <= 5 and "peerd" not in "".join(re.findall(r"import .*", block[1]))
    assert export("model.safetensors") == 0
    network = "import torch\nnetwork = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(),"
    network += " torch.nn.Linear(2, 1))\n"
    check = "\nprint(sum(p.sum().item() for p in network.parameters()), said['round'])"
    program = "import sys\nsys.modules['peerd'] = None\n" + network + block[1] + check
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=HANG
    )
    assert done.returncode == 0, done.stderr
    total, number = done.stdout.split()
    assert float(total) == pytest.approx(float(group()[1][1][1].sum()), rel=1e-5) and number == "1"


def test_a_state_dict_is_what_torch_loads_and_is_shown_but_not_verified(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export("m.pt", "--round", "1") == 0
    found = torch.load(place / "m.pt", weights_only=True)
    assert list(found) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    flat = torch.cat([each.reshape(-1) for each in found.values()]).numpy()
    assert np.array_equal(flat, group()[1][1][1])
    assert main(["model", "show", "m.pt"]) == 0
    assert "round: 1\n" in capsys.readouterr().out
    assert main(["model", "verify", "m.pt", "--genesis", "genesis.json"]) == 9
    assert "exported to FILE.safetensors" in capsys.readouterr().err


def test_an_npz_is_what_numpy_reads(place: Path) -> None:
    assert export("m.npz") == 0
    with np.load(place / "m.npz", allow_pickle=False) as found:
        assert np.array_equal(found["parameters"], group()[1][1][1])
        assert json.loads(bytes(found["peerd"]))["round"] == found["round"] == 1


@pytest.mark.parametrize(
    ("lost", "code", "says"),
    [
        ("genesis.json", 4, "can't read the genesis"),
        ("exported_task.py", 7, "there is no module 'exported_task'"),
    ],
)
def test_what_safetensors_needs_is_named_and_an_npz_does_without(
    place: Path, lost: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / lost).unlink()
    assert export("m.safetensors") == code
    assert says in capsys.readouterr().err
    assert not (place / "m.safetensors").exists()
    assert export("m.npz") == 0
    assert ("without a description" in capsys.readouterr().err) == (lost == "genesis.json")


def test_a_task_that_builds_another_model_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "exported_task.py").write_text(TASK.replace("Linear(2, 1)", "Linear(2, 3)"))
    assert export("m.safetensors") == 7
    assert "builds another model than the group's, of 9 parameters" in capsys.readouterr().err
    assert export("m.bin") == 2 and export("m.bin", "--format", "safetensors") == 7
    assert export("m.bin", "--format", "npz") == 0
