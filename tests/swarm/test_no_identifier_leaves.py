"""A real table with three columns that identify, dropped: nothing of them is anywhere that leaves.

Genesis, transcripts, data directories, logs, what commands print, and exports in all formats.
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from tests.patience import HANG

datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytestmark = pytest.mark.swarm
ROOT = Path(__file__).parents[2]
DROPPED = ("patient", "born", "record")
SYLLABLES = ["ab", "er", "il", "on", "um", "ek", "ar", "os"]
ROUNDS = 2


def people(rows: int) -> Iterator[tuple[str, str, int]]:
    """A name, a birth date and a record number for each row; some people come back."""
    draw = random.Random(41)
    known = [
        (
            "Anna Q" + "".join(draw.choices(SYLLABLES, k=4)) + "ing",
            f"19{draw.randrange(30, 99)}-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}",
            draw.randrange(40_000_000, 90_000_000),
        )
        for _ in range(rows * 3 // 4)
    ]
    yield from known
    yield from draw.choices(known, k=rows - len(known))


def write_table(path: Path) -> list[tuple[str, str, int]]:
    cancer = datasets.load_breast_cancer()
    who = list(people(len(cancer.data)))
    header = [*DROPPED, *(name.replace(" ", "_") for name in cancer.feature_names), "diagnosis"]
    lines = [",".join(header)]
    for (name, born, record), row, target in zip(who, cancer.data, cancer.target, strict=True):
        numbers = [f"{value:.5g}" for value in row]
        diagnosis = cancer.target_names[target]
        lines.append(",".join([name, born, str(record), *numbers, diagnosis]))
    path.write_text("\n".join(lines))
    return who


class Seen:
    """Looks for the people in bytes, as text of two encodings and as numbers of eight bytes."""

    def __init__(self, who: list[tuple[str, str, int]]) -> None:
        texts = {text for name, born, record in who for text in (name, born, str(record))}
        self._texts = {word.encode(form) for word in texts for form in ("utf-8", "utf-16-le")}
        self._shapes = [
            rb"(?=(Anna Q[a-z]{11}))",
            rb"(?=(19\d\d-\d\d-\d\d))",
            rb"(?=(\d{8}))",
            rb"(?=((?:[\w -]\0){8,20}))",
        ]
        records = np.array(sorted({record for _, _, record in who}))
        forms = (records.astype("<i8"), records.astype("<f8"), records.astype(">i8"))
        self._numbers = {number.tobytes() for form in forms for number in form}
        self._words = [word.encode(form) for word in DROPPED for form in ("utf-8", "utf-16-le")]

    def people_in(self, data: bytes) -> list[bytes]:
        found = [
            match[1]
            for shape in self._shapes
            for match in re.finditer(shape, data)
            if any(match[1].startswith(text) for text in self._near(match[1]))
        ]
        return found + [number for number in self._numbers if number in data]

    def _near(self, match: bytes) -> list[bytes]:
        return [match[:size] for size in range(8, len(match) + 1) if match[:size] in self._texts]

    def columns_in(self, data: bytes) -> list[bytes]:
        return [word for word in self._words if re.search(rb"(?<!\w)" + word + rb"(?!\w)", data)]


def peerd(place: Path, *words: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "peerd", *words],
        cwd=place,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=5 * HANG,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@contextmanager
def daemon(place: Path) -> Iterator[None]:
    """A daemon of the swarm, started again: it waits for the others, and answers its operator."""
    with (place / "again.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "peerd", "run"],
            cwd=place,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        try:
            for _ in range(int(HANG * 5)):
                assert process.poll() is None, (place / "again.log").read_text()
                with suppress(AssertionError):
                    if b'"gathering"' in peerd(place, "status", "--json"):
                        break
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(HANG)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, for the daemons' sockets."""
    path = Path(tempfile.mkdtemp(prefix="peerd-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_nothing_of_three_dropped_columns_is_in_any_file_that_leaves(folder: Path) -> None:
    table = folder / "cancer.csv"
    seen = Seen(write_table(table))
    assert (
        len(seen.people_in(table.read_bytes())) > 569
        and len(seen.columns_in(table.read_bytes())) == 3
    )
    line = f"swarm --peers 4 --liars 1 --attack sign-flip --rounds {ROUNDS} --no-baselines"
    line += f" --task table --data {table} --label diagnosis --json result.json --keep kept"
    printed = peerd(folder, *shlex.split(line), *(f"--drop={column}" for column in DROPPED))
    (folder / "printed").write_bytes(printed)
    rounds = json.loads((folder / "result.json").read_text())["rounds"]
    assert rounds[-1]["accuracy"] > 0.6
    honest = folder / "kept/peer-0"
    with daemon(honest):
        for number, words in enumerate(
            ("status --json", "rounds --json", "rounds", "rounds 1", "peers --json")
        ):
            (folder / f"said-{number}").write_bytes(peerd(honest, *words.split()))
    for name in ("m.safetensors", "m.npz", "m.pt"):
        peerd(honest, "model", "export", "--out", str(folder / name))
        (folder / f"{name}.shown").write_bytes(peerd(folder, "model", "show", name))
    shown = peerd(folder, "group", "show", "kept/genesis.json")
    (folder / "group").write_bytes(
        shown + peerd(folder, "group", "show", "--json", "kept/genesis.json")
    )
    files = [each for each in folder.rglob("*") if each.is_file() and each != table]
    kinds = {each.suffix for each in files}
    assert {
        ".json",
        ".transcript",
        ".sqlite3",
        ".log",
        ".x",
        ".safetensors",
        ".npz",
        ".pt",
    } <= kinds
    for each in files:
        data = each.read_bytes()
        assert seen.people_in(data) == [], each
        assert seen.columns_in(data) == [], each
