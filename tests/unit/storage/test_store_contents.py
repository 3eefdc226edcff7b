"""What is put into a store comes out of it, now and after it was opened again."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from peerd.errors import JournalConflict, StorageError
from peerd.storage import Blame, Store, archive, journal, keeping, store
from peerd.storage.keeping import Pruned
from protocols.record.setting import MAX_ELECTORATE


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as one:
        yield one


def model(value: float) -> np.ndarray:
    return np.full(5, value, np.float32)


def again(one: Store) -> Store:
    one.close()
    return Store.open(one.directory)


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_everything_survives_reopening(opened: Store) -> None:
    opened.journal_put(3, "secret", b"s")
    opened.put_certificate(2, b"certificate")
    opened.put_model(2, model(2))
    opened.put_blame(2, 5, "bad-proof", b"evidence")
    opened.put_round(2, {"outcome": "completed", "accuracy": 0.5})
    opened.put_transcript(2, b"transcript")
    name = opened.put_blob(b"blob")
    opened.set_meta("key", b"value")
    opened.witness(2)
    with again(opened) as one:
        assert one.journal(3) == {"secret": b"s"}
        assert (one.certificate(2), one.head()) == (b"certificate", 2)
        np.testing.assert_array_equal(one.model(2), model(2))
        assert one.blames() == [Blame(2, 5, "bad-proof", b"evidence")]
        assert one.round(2) == {"outcome": "completed", "accuracy": 0.5}
        assert one.transcript(2) == b"transcript"
        assert one.blob(name) == b"blob"
        assert one.meta("key") == b"value"
        assert one.witnessed() == 2


def test_an_empty_store(opened: Store) -> None:
    assert (opened.head(), opened.witnessed()) == (-1, -1)
    assert opened.journal(0) == {}
    assert (opened.rounds(), opened.blames()) == ([], [])
    assert opened.certificate(0) is None
    assert opened.model(0) is None
    assert opened.transcript(0) is None
    assert opened.round(0) is None
    assert opened.blob(bytes(32)) is None
    assert opened.meta("none") is None


def test_everything_is_closed_to_others(opened: Store) -> None:
    opened.put_blob(b"x")
    opened.journal_put(1, "k", b"v")
    for path in [opened.directory, *opened.directory.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_closed_store_says_so(opened: Store) -> None:
    opened.close()
    opened.close()
    with pytest.raises(StorageError):
        opened.journal(1)


class TestJournal:
    def test_the_same_value_twice_is_nothing_new(self, opened: Store) -> None:
        opened.journal_put(1, "k", b"v")
        opened.journal_put(1, "k", b"v")
        assert opened.journal(1) == {"k": b"v"}

    def test_another_value_is_a_conflict(self, opened: Store) -> None:
        opened.journal_put(1, "k", b"v")
        with pytest.raises(JournalConflict, match="round 1 has another value for 'k'"):
            opened.journal_put(1, "k", b"w")
        assert opened.journal(1) == {"k": b"v"}

    def test_a_conflict_writes_nothing_of_its_batch(self, opened: Store) -> None:
        opened.journal_put(1, "k", b"v")
        with pytest.raises(JournalConflict):
            opened.journal_put_many(1, {"a": b"1", "k": b"w", "z": b"2"})
        assert opened.journal(1) == {"k": b"v"}
        opened.journal_put_many(1, {"a": b"1", "k": b"v"})
        assert opened.journal(1) == {"a": b"1", "k": b"v"}

    def test_a_conflict_is_found_after_reopening(self, opened: Store) -> None:
        opened.journal_put(1, "k", b"v")
        with again(opened) as one, pytest.raises(JournalConflict):
            one.journal_put(1, "k", b"w")

    def test_rounds_are_apart(self, opened: Store) -> None:
        opened.journal_put(1, "k", b"v")
        opened.journal_put(2, "k", b"w")
        opened.journal_erase(1)
        assert (opened.journal(1), opened.journal(2)) == ({}, {"k": b"w"})

    def test_erasing_some_keys(self, opened: Store) -> None:
        opened.journal_put_many(1, {"a": b"1", "b": b"2", "c": b"3"})
        opened.journal_erase(1, ["a", "c", "never there"])
        assert opened.journal(1) == {"b": b"2"}
        opened.journal_erase(1, ["b"])
        assert opened.journal(1) == {}

    def test_the_largest_group_s_attestations_fit(self) -> None:
        """t + e may ask each dealer, and (C) holds 3t + 2e + 1 to the committee. 150 liars of 500
        that ask for all dealings had each honest relay sign 75000: its daemon ended.
        """
        seats = MAX_ELECTORATE
        assert 2 * MAX_ELECTORATE * (seats - 1) // 2 < journal.MAX_JOURNAL_ENTRIES

    def test_bounds(self, opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(journal, "MAX_JOURNAL_VALUE", 8)
        monkeypatch.setattr(journal, "MAX_JOURNAL_ENTRIES", 2)
        with pytest.raises(StorageError, match="has 9 bytes, more than 8"):
            opened.journal_put(1, "k", bytes(9))
        opened.journal_put_many(1, {"a": b"", "b": b""})
        with pytest.raises(StorageError, match="more than 2 journal entries"):
            opened.journal_put(1, "c", b"")
        opened.journal_put(2, "c", b"")
        assert sorted(opened.journal(1)) == ["a", "b"]
        opened.journal_erase(1, ["a"])
        opened.journal_put(1, "c", b"")


@pytest.mark.parametrize("length", [32, 4000, 100_000])
@pytest.mark.parametrize("selected", [False, True])
def test_what_is_erased_is_in_no_file(tmp_path: Path, length: int, selected: bool) -> None:
    """Also across the pages of a large value, and while the store is open."""
    canary = b"canary-of-the-round-secret"
    value = (canary * (length // len(canary) + 1))[: max(length, len(canary))]
    with Store.open(tmp_path / "data") as one:
        one.journal_put_many(4, {"keep": b"kept", "secret": value, "x" * 90: value})
        assert any(canary in path.read_bytes() for path in files(one.directory))
        one.journal_erase(4, ["secret", "x" * 90] if selected else None)
        assert not any(canary in path.read_bytes() for path in files(one.directory))
        assert one.journal(4) == ({"keep": b"kept"} if selected else {})
    assert not any(canary in path.read_bytes() for path in files(one.directory))


class TestLedger:
    def test_the_first_certificate_stays(self, opened: Store) -> None:
        assert opened.put_certificate(3, b"one")
        assert not opened.put_certificate(3, b"two")
        assert opened.certificate(3) == b"one"

    def test_the_head_is_the_last_round(self, opened: Store) -> None:
        for round in (4, 2):
            opened.put_certificate(round, b"c")
        assert opened.head() == 4

    def test_models_are_pruned(self, opened: Store) -> None:
        rounds = keeping.MODELS_KEPT + 3
        for round in range(rounds):
            opened.put_model(round, model(round))
        assert opened.prune() == Pruned(models=3, bytes=3 * model(0).nbytes)
        assert opened.model(2) is None
        for round in range(3, rounds):
            np.testing.assert_array_equal(opened.model(round), model(round))
        assert len(files(opened.directory / "blobs")) == keeping.MODELS_KEPT

    def test_a_model_is_replaced(self, opened: Store) -> None:
        opened.put_model(1, model(1))
        opened.put_model(1, model(2))
        np.testing.assert_array_equal(opened.model(1), model(2))
        opened.prune()
        assert len(files(opened.directory / "blobs")) == 1

    def test_two_rounds_of_one_model_share_its_file(self, opened: Store) -> None:
        opened.put_model(1, model(1))
        opened.put_model(2, model(1))
        assert len(files(opened.directory / "blobs")) == 1
        opened.put_model(1, model(3))
        np.testing.assert_array_equal(opened.model(2), model(1))

    def test_a_model_keeps_its_bits(self, opened: Store) -> None:
        odd = np.array([np.nan, -0.0, np.inf, 1e-45, 0.1], np.float32)
        opened.put_model(0, odd)
        read = opened.model(0)
        assert read is not None
        assert read.tobytes() == odd.tobytes()
        assert read.flags.writeable

    def test_only_a_float32_vector_is_a_model(self, opened: Store) -> None:
        for wrong in (np.zeros(3), np.zeros((2, 2), np.float32)):
            with pytest.raises(ValueError, match="float32 vector"):
                opened.put_model(0, wrong)

    def test_a_record_is_bounded(self, opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("peerd.storage.seal.MAX_RECORD", 8)
        for put in (
            lambda: opened.put_certificate(1, bytes(9)),
            lambda: opened.put_blame(1, 1, "r", bytes(9)),
            lambda: opened.put_round(1, {"much": "text"}),
            lambda: opened.set_meta("k", bytes(9)),
        ):
            with pytest.raises(StorageError, match="more than 8"):
                put()


class TestBlame:
    def test_the_first_evidence_stays(self, opened: Store) -> None:
        opened.put_blame(1, 2, "bad-proof", b"first")
        opened.put_blame(1, 2, "bad-proof", b"second")
        opened.put_blame(1, 2, "equivocate", b"other")
        assert [blame.evidence for blame in opened.blames()] == [b"first", b"other"]

    def test_one_peers_blames_are_bounded(self, opened: Store) -> None:
        for round in range(store.BLAMES_PER_PEER + 5):
            opened.put_blame(round, 2, "bad-proof", b"e")
        opened.put_blame(0, 3, "bad-proof", b"e")
        peers = [blame.peer for blame in opened.blames()]
        assert peers.count(2) == store.BLAMES_PER_PEER
        assert peers.count(3) == 1


class TestHistory:
    def test_a_summary_is_replaced(self, opened: Store) -> None:
        opened.put_round(1, {"a": 1})
        opened.put_round(1, {"a": 2})
        assert opened.rounds() == [{"a": 2}]

    def test_the_last_rounds_in_order(self, opened: Store) -> None:
        for round in (3, 1, 2):
            opened.put_round(round, {"round": round})
        assert opened.rounds() == [{"round": 1}, {"round": 2}, {"round": 3}]
        assert opened.rounds(2) == [{"round": 2}, {"round": 3}]

    def test_old_rounds_are_pruned(self, opened: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(store, "ROUNDS_KEPT", 2)
        for round in range(4):
            opened.put_round(round, {"round": round})
        assert opened.rounds(9) == [{"round": 2}, {"round": 3}]

    def test_what_is_not_json_is_refused(self, opened: Store) -> None:
        with pytest.raises(ValueError, match="not JSON compliant"):
            opened.put_round(1, {"accuracy": float("nan")})


class TestBlobs:
    def test_the_oldest_loose_blobs_are_dropped(
        self, opened: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive, "SUMS_KEPT", 2)
        names = [opened.put_blob(b"%d" % number) for number in range(4)]
        assert opened.prune() == Pruned(sums=2, bytes=2)
        assert [opened.blob(name) for name in names] == [None, None, b"2", b"3"]
        monkeypatch.setattr(archive, "SUMS_BYTES_KEPT", 3)
        name = opened.put_blob(b"abc")
        opened.prune()
        assert opened.blob(name) == b"abc"
        assert opened.blob(names[3]) is None

    def test_what_is_put_again_is_the_newest_again(
        self, opened: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive, "SUMS_KEPT", 2)
        names = [opened.put_blob(data) for data in (b"1", b"2", b"3", b"1")]
        opened.prune()
        assert [opened.blob(name) for name in names] == [b"1", None, b"3", b"1"]

    def test_a_model_is_never_dropped_as_a_blob(
        self, opened: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive, "SUMS_KEPT", 1)
        opened.put_model(0, model(0))
        opened.put_blob(model(0).tobytes())
        for number in range(3):
            opened.put_blob(b"%d" % number)
        opened.prune()
        np.testing.assert_array_equal(opened.model(0), model(0))

    def test_a_hash_has_32_bytes(self, opened: Store) -> None:
        for name in (b"", b"../../../../etc/passwd", bytes(33)):
            with pytest.raises(ValueError, match="32 bytes"):
                opened.blob(name)


def test_witnessed_only_rises(opened: Store) -> None:
    for round in (5, 3, 7, 0):
        opened.witness(round)
    assert opened.witnessed() == 7
