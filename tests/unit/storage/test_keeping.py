"""What is pruned, what never is, and what is said of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from peerd.runner.evidence.keeping import TOLD_EVERY, Disk, Pruning, document, too_much
from peerd.status import StatusBoard
from peerd.storage import Store
from peerd.storage.keeping import RECENT, Keeping, Pruned

KEEPING = "peerd.runner.evidence.keeping"
SIZE = 20_000  # bytes of a transcript, a model and a sum


def filled(path: Path, keeping: Keeping, rounds: int, *guilty: int) -> Store:
    store = Store.open(path, keeping)
    for round_ in range(rounds):
        store.put_model(round_, np.full(SIZE // 4, round_, np.float32))
        store.put_transcript(round_, b"%9d" % round_ * (SIZE // 9))
        store.put_blob(b"s%9d" % round_ * (SIZE // 10))
        store.put_certificate(round_, b"certificate")
    for round_ in guilty:
        store.put_blame(round_, 1, "lied", b"evidence")
    return store


def transcripts(store: Store) -> list[int]:
    return [round_ for round_ in range(100) if store.transcript(round_) is not None]


@pytest.mark.parametrize(
    ("keep", "left"),
    [(2, [0, 3, 8, 9]), (4, [0, 3, 6, 7, 8, 9]), (50, list(range(10))), (None, list(range(10)))],
)
def test_transcripts_of_the_last_rounds_and_of_those_with_blame(
    tmp_path: Path, keep: int | None, left: list[int]
) -> None:
    with filled(tmp_path / "d", Keeping(keep), 10, 0, 3) as store:
        assert store.prune().transcripts == 10 - len(left)
        assert transcripts(store) == left
        assert store.prune() == Pruned()
        usage = store.usage()
        assert (usage.transcripts, usage.blamed, usage.over) == (len(left), 2, 0)
        assert usage.oldest == next(round_ for round_ in left if round_ not in (0, 3))


def test_a_blame_that_comes_later_keeps_what_is_still_there(tmp_path: Path) -> None:
    with filled(tmp_path / "d", Keeping(3), 5) as store:
        store.prune()
        store.put_blame(3, 2, "lied", b"evidence")
        store.put_transcript(9, b"later")
        store.prune()
        assert transcripts(store) == [3, 9]


def test_the_bytes_are_those_of_the_directory(tmp_path: Path) -> None:
    with filled(tmp_path / "d", Keeping(), 5) as store:
        (store.directory / "training").mkdir()
        (store.directory / "training" / "state").write_bytes(bytes(12345))
        real = sum(path.stat().st_size for path in store.directory.rglob("*") if path.is_file())
        assert store.usage().bytes == real


def test_a_budget_takes_transcripts_then_sums_then_models(tmp_path: Path) -> None:
    """Each the oldest first; each record's bytes are given."""
    rounds, seen = 12, []
    for spared in range(3 * rounds):
        with filled(tmp_path / str(spared), Keeping(None), rounds, 4) as store:
            store.set_best({"round": 6})
            store._database.checkpoint()
            used = store.usage().bytes
            store.keeping = Keeping(None, used - spared * SIZE)
            gone = store.prune()
            store._database.checkpoint()
            assert store.usage().bytes == used - gone.bytes
            seen.append((gone.transcripts, gone.sums, gone.models))
            assert {4, 10, 11} <= set(transcripts(store))
            kept = {r for r in range(rounds) if store.model(r) is not None}
            assert {6, 10, 11} <= kept
    prunable = (rounds - RECENT - 1, rounds - RECENT, rounds - RECENT - 1)
    assert seen[0] == (0, 0, 0)
    assert seen[3] in {(3, 0, 0), (4, 0, 0)}
    assert seen[-1] == prunable
    assert seen == sorted(seen)
    for one in seen:  # nothing of the next kind while there is any of the one before
        assert not one[1] or one[0] == prunable[0]
        assert not one[2] or one[1] == prunable[1]


def test_what_must_be_kept_exceeds_the_budget_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        "peerd.runner.evidence.keeping.log.warning", lambda event, **_: said.append(event)
    )
    board = StatusBoard()
    with filled(tmp_path / "d", Keeping(None, 1000), 6, *range(6)) as store:
        disk = Disk(store, board)
        for _ in range(3):
            store.prune()
            disk.show()
        assert len(transcripts(store)) == 6
        shown = board.snapshot()
        (line,) = shown["warnings"]
        assert "disk_budget" in line and line == too_much(document(store.usage()))
        assert said == ["the disk budget is exceeded"]
        assert shown["storage"] == {
            "keep": "all",
            "oldest_transcript": None,
            "transcripts": 6,
            "transcripts_with_blame": 6,
            "bytes": (used := store.usage()).bytes,
            "expendable": 0,
            "budget": 1000,
            "over": used.bytes - 1000,
        }
        store.keeping = Keeping(3, 10**9)
        disk.show()
        assert board.snapshot()["warnings"] == []


def test_what_is_pruned_is_logged_with_counts_at_first_and_then_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    said: list[dict[str, object]] = []
    monkeypatch.setattr(
        "peerd.runner.evidence.keeping.log.info", lambda _, **fields: said.append(fields)
    )
    with filled(tmp_path / "d", Keeping(3), 5) as store:
        pruning = Pruning(store, lambda: now)
        for round_ in range(4, 8):
            pruning.after(round_)
            store.put_transcript(round_ + 1, b"%9d" % (round_ + 1) * (SIZE // 9))
        now = TOLD_EVERY
        pruning.after(8)
        pruning.after(8)
    size = len(b"%9d" % 0 * (SIZE // 9))
    none = {"models": 0, "sums": 0}
    assert said == [
        {"round": 4, "transcripts": 2, "bytes": 2 * size, **none},
        {"round": 8, "transcripts": 4, "bytes": 4 * size, **none},
    ]
