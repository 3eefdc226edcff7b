"""Hostile checkpoints, data, documents and configurations run no code (row 54).

Every place that reads a file or bytes of others gets pickles that would make a file when they are
loaded, in all protocols, bare and in the archives that torch and numpy write.
"""

from __future__ import annotations

import ast
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from peerd.cli.pairs import _json_file
from peerd.config import Config
from peerd.discovery.address_book import AddressBook
from peerd.errors import PeerdError
from peerd.group import load
from peerd.identity import Identity
from peerd.learning import frames
from peerd.learning.loading import task_class
from peerd.learning.state import LocalModels
from peerd.runner.evidence.audit import audit
from peerd.storage import Store
from peerd.tasks.cifar import FORMS, read_rows
from peerd.tasks.idx import read_idx
from peerd.tasks.reading import read_table
from peerd.tensor_file import read_export
from protocols.errors import ProtocolError
from protocols.record.certificate import Certificate
from protocols.wire.frames import decode_frame
from protocols.wire.statement import decode_statement

ROOT = Path(__file__).resolve().parents[2]


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.canary,)


def trap(canary: Path, protocol: int) -> bytes:
    return pickle.dumps({"weights": Bomb(canary)}, protocol)


def hostile(canary: Path) -> dict[str, bytes]:
    """Files by the name of their form."""
    found = {f"pickle-{protocol}": trap(canary, protocol) for protocol in range(6)}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:  # the form of torch.save
        file.writestr("archive/data.pkl", found["pickle-2"])
        file.writestr("archive/version", "3\n")
    found["torch"] = archive.getvalue()
    array = io.BytesIO()
    np.save(array, np.array([1, None], dtype=object), allow_pickle=True)
    head = array.getvalue()[: array.getvalue().index(b"\n") + 1]
    found["npy"] = head + found["pickle-4"]
    return found


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def local_model(path: Path) -> object:
    models = LocalModels(path.parent / "models", 3)
    models.prepare()
    (path.parent / "models" / "round-1.x").write_bytes(path.read_bytes())
    return models.load(1)


def blob(path: Path) -> object:
    """A model whose file was replaced on the disk: it is missing then, and fetched again."""
    data = path.parent / "data"
    with Store.open(data) as store:
        store.put_model(0, np.zeros(3, np.float32))
        (file,) = (data / "blobs").glob("??/*")
        file.write_bytes(path.read_bytes())
        if store.model(0) is None:
            raise ProtocolError("it is missing")
        return None


def database(path: Path) -> object:
    data = path.parent / "database"
    Store.open(data).close()
    (data / "peerd.sqlite3").write_bytes(path.read_bytes())
    with Store.open(data) as store:
        return store.head()


def address_book(path: Path) -> object:
    book = AddressBook(path, [bytes(32)], bytes(32))
    if not book.fresh_records():
        raise ProtocolError("nothing is taken from it")
    return None


def table(path: Path) -> object:
    """A pickle of protocol 0 is text: then it is a table without the columns of any schema."""
    found = read_table(path)
    if "label" not in found.columns:
        raise ProtocolError("no such column")
    return found


READERS: dict[str, Callable[[Path], object]] = {
    "configuration": Config.load,
    "genesis": load,
    "key": Identity.load,
    "option": lambda path: _json_file("--task-option", path),
    "export": read_export,
    "images": read_idx,
    "colour images": lambda path: read_rows(path, FORMS[10]),
    "table": table,
    "local model": local_model,
    "model": blob,
    "database": database,
    "address book": address_book,
    "transcript": lambda path: audit(path, path),
    "certificate": lambda path: Certificate.decode(path.read_bytes()),
    "frame": lambda path: decode_frame(path.read_bytes()),
    "statement": lambda path: decode_statement(path.read_bytes(), bytes(32)),
    "worker's frame": lambda path: frames.decode(path.read_bytes()),
}


@pytest.mark.parametrize("what", READERS)
def test_a_pickle_is_refused_and_not_run(what: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for name, data in hostile(canary).items():
        place = tmp_path / name
        place.mkdir()
        with pytest.raises((PeerdError, ProtocolError)):
            READERS[what](written(place / "file", data))
        assert not canary.exists(), f"{what} ran what is in a {name}"


def test_the_pickles_of_these_tests_do_what_they_threaten(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for name, data in hostile(canary).items():
        if name.startswith("pickle"):
            pickle.loads(data)
            assert canary.exists()
            canary.unlink()


FORBIDDEN = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
CALLS = {("torch", "load"), ("np", "load"), ("numpy", "load"), ("yaml", "load")}


POOL = ROOT / "peerd/laboratory/pool"
"""Its children unpickle what the process that started them sends through a pipe, and on a cluster
what a trusted network does (docs/laboratory.md): nothing of a file's, and no daemon imports it."""
FORMULAS = ROOT / "peerd/laboratory/bench/formulas.py"
"""It evaluates its own text, which is docs/protocol.md's."""


def test_nothing_that_we_ship_can_unpickle_or_evaluate() -> None:
    found = [*ROOT.glob("peerd/**/*.py"), *ROOT.glob("protocols/**/*.py")]
    files = [each for each in found if POOL not in each.parents and each != FORMULAS]
    assert len(files) > 150
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names: set[str] = set()
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = {(node.module or "").partition(".")[0]}
            elif isinstance(node, ast.Call):
                called = node.func
                if isinstance(called, ast.Name):
                    assert called.id not in ("eval", "exec", "__import__"), file
                if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                    assert (called.value.id, called.attr) not in CALLS, file
            assert not names & FORBIDDEN, file


@pytest.mark.parametrize(
    "reference",
    [
        "../../etc/passwd",
        "/tmp/x.py:Task",
        "os:system",
        "builtins:eval",
        "a.b:c.d",
        "posix:_exit",
        "",
    ],
)
def test_a_task_s_name_reaches_no_file_and_nothing_that_is_no_task(reference: str) -> None:
    with pytest.raises(PeerdError):
        task_class(reference)
