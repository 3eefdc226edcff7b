"""The fuzzers' harnesses with a small fixed budget: the kept corpus, and changes to it (fault 55).

scripts/fuzz.py runs the same harnesses guided by coverage, for as long as one likes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fuzz_boundary
import fuzz_messages
import fuzz_sessions
import pytest
import structlog
from fuzz_scene import HOSTILE, PROOFS, scene
from fuzz_targets import CORPUS, MAX_FILE_BYTES, MAX_FILES, TARGETS, corpus
from fuzz_trees import expand
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols.errors import ProtocolError
from protocols.record.door import Message
from protocols.record.effects import Dropped
from protocols.record.evidence import Finding, judge_bytes
from protocols.record.setting import Setting
from protocols.session.session import Session
from protocols.wire.canonical import unpack
from tests.scripts import load_script
from tests.tiers import later

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="no atheris here: pip install 'atheris>=3,<4', where a wheel fits this machine",
)
ROOT = Path(__file__).resolve().parents[2]
BUDGET = 200
"""Executions of a target of cost 1."""
DECODERS = ("canonical", "frame", "statement", "payload", "outcome", "evidence", "certificate")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    fuzz_boundary.quiet()
    yield
    structlog.reset_defaults()


def changed(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """One to four of what random damage does: flips, cuts, insertions, splices."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(data))
        match chance.randrange(6):
            case 0 if data:
                at %= len(data)
                data = data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
            case 1:
                data = data[:at]
            case 2:
                data = data[:at] + chance.randbytes(chance.randint(1, 8)) + data[at:]
            case 3:
                data = data[:at] + data[chance.randint(at, len(data)) :]
            case 4:
                data = data[:at] + other[chance.randint(0, len(other)) :]
            case _:
                data = data[:at] + chance.choice([b"\xc6\xff\xff\xff\xff", b"\xdf\xff", b"\0" * 9])
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_only_the_declared_error_leaves(name: str) -> None:
    target, kept = TARGETS[name], corpus(name)
    assert kept, "a target without a corpus; run scripts/fuzz.py --seeds"
    for data in kept:
        target.feed(data)
    chance = random.Random(f"fuzz/{name}")
    for _ in range(BUDGET // target.cost):
        target.feed(changed(chance, chance.choice(kept), chance.choice(kept)))


@pytest.mark.parametrize("name", DECODERS)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_arbitrary_bytes_and_truncations(name: str, data: st.DataObject) -> None:
    kept = data.draw(st.sampled_from(corpus(name)))
    end = data.draw(st.integers(0, len(kept)))
    TARGETS[name].feed(kept[:end])
    TARGETS[name].feed(kept[:end] + data.draw(st.binary(max_size=64)))


def test_every_truncation_and_every_bit_of_a_message_of_each_kind() -> None:
    """Fault 55 to the letter, for the frames that carry one statement."""
    for data in fuzz_messages.frames():
        if len(data) > 400:
            continue
        for end in range(len(data)):
            fuzz_messages.frame(data[:end])
            for bit in range(8):
                flipped = data[:end] + bytes([data[end] ^ (1 << bit)]) + data[end + 1 :]
                fuzz_messages.frame(flipped)


# -- the harnesses themselves can fail -------------------------------------------------------------


def test_each_proof_of_the_corpus_convicts_the_hostile_member() -> None:
    for make in PROOFS.values():
        assert judge_bytes(fuzz_messages.setting(), make()).culprit == HOSTILE


def test_a_decoder_that_takes_trailing_bytes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz_messages, "unpack", lambda data: unpack(data.rstrip(b"\0")))
    with pytest.raises(AssertionError):
        fuzz_messages.canonical(corpus("canonical")[0] + b"\0")


def test_a_judge_that_blames_the_victim_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(setting: Setting, data: bytes) -> Finding:
        return replace(judge_bytes(setting, data), culprit=0)

    monkeypatch.setattr(fuzz_messages, "judge_bytes", judge)
    with pytest.raises(AssertionError):
        fuzz_messages.evidence(corpus("evidence")[0])


def test_a_session_that_raises_is_noticed_with_its_story(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Session, message: Message, data: bytes) -> None:
        raise ProtocolError("this must not leave the session")

    story = b"\1" + scene().frames[0].data
    fuzz_sessions.raw(story)  # the session at that stage is made once, and by sound code
    monkeypatch.setattr(Session, "_on_frame", broken)
    with pytest.raises(ProtocolError) as caught:
        fuzz_sessions.raw(story)
    assert "stage 1, frames" in caught.value.__notes__[0]


def test_lies_reach_the_machine_with_a_valid_signature() -> None:
    """Else every change would die at the signature, and the session be tested with nothing."""
    found = [expand(unpack(data)) for data in fuzz_messages.frames()]
    accepted = 0
    session = fuzz_sessions.session_at(540)
    reasons: list[str] = []
    for number in range(400):
        script = fuzz_sessions.Script(random.Random(number).randbytes(24))
        message = fuzz_sessions.lie(script, found)
        if message is None:
            continue
        steps = session.on_message(HOSTILE, message)
        dropped = [e for step in steps for e in step if isinstance(e, Dropped)]
        reasons += [effect.reason for effect in dropped]
        accepted += not dropped
    assert accepted > 20
    assert len(set(reasons)) > 20


# -- the campaign ----------------------------------------------------------------------------------


def test_the_corpus_is_small() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert len(files) <= MAX_FILES
    assert max(path.stat().st_size for path in files) <= MAX_FILE_BYTES
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


@needs_atheris
@pytest.mark.parametrize(
    "name", ["evidence", *later(["session", "frame", "statement", "certificate"])]
)
def test_a_short_run_guided_by_coverage_finds_nothing(name: str, tmp_path: Path) -> None:
    """Longer ones are run by hand (docs/attacks.md says how many executions there were)."""
    result = tmp_path / "result.json"
    command = [sys.executable, str(ROOT / "scripts" / "fuzz.py"), "--target", name]
    ask = [*command, "--executions", "500", "--json", str(result), "--corpus", str(tmp_path)]
    done = subprocess.run(ask, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    target = json.loads(result.read_text())["targets"][name]
    assert target["executions"] >= 500
    assert target["found"] == []
    assert target["peak_mb"] < 2048


@needs_atheris
def test_the_campaign_counts_and_goes_on_from_its_file(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    command = [sys.executable, str(ROOT / "scripts" / "fuzz.py"), "--target", "canonical"]
    for wanted in ("1500", "2000"):
        ask = [*command, "--executions", wanted, "--slice", "1000", "--json", str(result)]
        done = subprocess.run(ask, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(result.read_text())
    (target,) = content["targets"].values()
    assert content["executions"] == target["executions"] >= 2000
    assert target["slices"] == 3
    assert target["coverage"] > 50


def test_a_target_that_finds_something_goes_on_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fuzz: Any = load_script("fuzz")
    ends = {
        "frame": [fuzz.Slice(70, 1.0, 9, 80, "tests/fuzz/corpus/frame/found-1")],
        "http": [fuzz.Slice(0, 1.0, 0, 0, "exit code 2")] * 9,
        "idx": [],
    }

    def play(name: str, executions: int, *_: object) -> Any:
        return ends[name].pop(0) if ends[name] else fuzz.Slice(executions, 2.0, 7, 90, None)

    monkeypatch.setattr(fuzz, "_slice", play)
    asked = argparse.Namespace(executions=250, seconds=0, slice=100, corpus=None)
    ledger = fuzz.Ledger(tmp_path / "totals.json")
    names = ["frame", "http", "idx"]
    endings = [fuzz._campaign(name, asked, ledger) for name in names]
    assert endings == ["", "given up after 1 failures: exit code 2", ""]
    assert fuzz._report(names, endings, ledger) == 1
    shown = capsys.readouterr()
    assert "2 of 3 targets have theirs; found something: frame, http" in shown.out
    assert "fuzz: http fell short: given up" in shown.err
    again = fuzz.Ledger(tmp_path / "totals.json")
    assert again.totals == ledger.totals
    assert again.totals["frame"] == fuzz.Total(
        250, 5.0, 3, 9, 90, ["tests/fuzz/corpus/frame/found-1"]
    )
    assert fuzz._campaign("idx", asked, again) == "" and again.totals["idx"].slices == 3


def test_a_process_that_was_ended_counts_by_its_last_line() -> None:
    fuzz: Any = load_script("fuzz")
    text = "#2\tINITED cov: 5\n#4096\tpulse  cov: 8\n==1== ERROR: libFuzzer: deadly signal\n"
    assert fuzz._executed(text) == 4096
    assert fuzz._executed(text + "stat::number_of_executed_units: 5000\n") == 5000
