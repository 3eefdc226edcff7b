"""What becomes of a swarm's files, and what the audit adds to the verdict."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_swarm_result import PEERS, blame, options, swarm

from peerd.cli.task_arguments import TaskRequest
from peerd.errors import PeerdError, StorageError, VerificationError
from peerd.laboratory.swarm import conduct as conduct_module
from peerd.laboratory.swarm.conduct import audit_all, conduct, first_failure, introduction
from peerd.laboratory.swarm.layout import Layout
from peerd.laboratory.swarm.orchestrate import Run
from peerd.laboratory.swarm.screen import Screen
from peerd.runner.evidence import audit as audit_module


def failing(error: BaseException) -> Any:
    async def lay_out(asked: object, directory: Path, say: object) -> None:
        (directory / "key").touch()
        raise error

    return lay_out


async def attempt(error: BaseException, monkeypatch: pytest.MonkeyPatch, tmp: Path) -> None:
    monkeypatch.setattr(conduct_module.tempfile, "mkdtemp", lambda prefix: str(tmp))
    monkeypatch.setattr(conduct_module, "lay_out", failing(error))
    await conduct(options(), Screen(io.StringIO()), keep=None)


@pytest.mark.trio
async def test_a_failure_leaves_the_files_and_says_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    group = ExceptionGroup("", [ExceptionGroup("", [StorageError("full", "make room")])])
    with pytest.raises(StorageError, match=f"full; make room; files are in {tmp_path}"):
        await attempt(group, monkeypatch, tmp_path)
    assert (tmp_path / "key").exists()


@pytest.mark.trio
async def test_an_interrupt_removes_the_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        await attempt(KeyboardInterrupt(), monkeypatch, tmp_path)
    assert not tmp_path.exists()


@pytest.mark.trio
async def test_what_is_kept_is_never_overwritten(tmp_path: Path) -> None:
    with pytest.raises(PeerdError, match="exists already"):
        await conduct(options(), Screen(io.StringIO()), keep=tmp_path)


def test_the_first_failure() -> None:
    wanted = StorageError("full")
    nested = BaseExceptionGroup("", [KeyError(), ExceptionGroup("", [wanted])])
    assert first_failure(nested) is wanted
    assert first_failure(KeyError()) is None


def audited(
    monkeypatch: pytest.MonkeyPatch, guilty: list[str] | Exception, transcripts: dict[int, Path]
) -> tuple[tuple[int, ...], list[str]]:
    def audit(transcript: Path, genesis: Path) -> dict[str, Any]:
        if isinstance(guilty, Exception):
            raise guilty
        return {"blamed": [{"peer": peer} for peer in guilty]}

    monkeypatch.setattr(audit_module, "audit", audit)
    layout: Any = Layout(Path("/x"), None, Path("/x/genesis.json"), ())  # type: ignore[arg-type]
    run = Run(tuple(swarm("bad-share", blamed=[blame(7)])), (), 1.0)
    return audit_all(layout, run, transcripts)


def test_a_blame_that_the_audit_does_not_find_is_a_broken_promise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths = {0: Path("/x/0"), 1: Path("/x/1")}
    assert audited(monkeypatch, [PEERS[7]], paths) == ((0, 1), [])
    verified, wrong = audited(monkeypatch, [], paths)
    assert verified == (0, 1)
    assert wrong == [f"round 1: {PEERS[7]} is blamed, and no transcript proves it"]


def test_a_transcript_that_is_missing_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    _, wrong = audited(monkeypatch, [PEERS[7]], {0: Path("/x/0")})
    assert wrong == ["round 1: no honest peer kept its transcript"]
    _, wrong = audited(monkeypatch, VerificationError("forged"), {0: Path("/x"), 1: Path("/x")})
    assert "round 0: the audit failed: forged" in wrong


def test_a_swarm_that_was_given_no_weights_says_so() -> None:
    def said(aggregator: str, weights: tuple[int, ...] = ()) -> str:
        work = TaskRequest("digits", aggregator, {}, {})
        return introduction(replace(options(), work=work, weights=weights))

    assert said("weighted-mean").endswith("; all peers weigh 1 (--weights)")
    assert "weigh" not in said("weighted-mean", (2,) * options().peers) + said("rsa")
