"""The address book: what gets in, what stays, what survives on disk."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import trio

from peerd.discovery import AddressBook, Outcome
from peerd.discovery.records import LIFETIME, MAX_SKEW, sign_record
from peerd.errors import StorageError
from peerd.identity import Identity
from tests.patience import HANG

GROUP = hashlib.sha256(b"group").digest()
ALICE, BOB, STRANGER = (Identity(hashlib.sha256(name).digest()) for name in (b"a", b"b", b"s"))
ROSTER = [ALICE.public, BOB.public]


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def raw(who: Identity, sequence: int = 1, port: int = 4001, now: float = Clock.now) -> bytes:
    return sign_record(who, GROUP, (f"/ip4/192.0.2.1/tcp/{port}",), sequence, now).raw


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(tmp_path: Path, clock: Clock) -> AddressBook:
    return AddressBook(tmp_path / "addresses.json", ROSTER, GROUP, clock=clock)


def test_the_newest_record_of_a_member_counts(book: AddressBook) -> None:
    assert book.add(raw(ALICE, 1, 1)) is Outcome.NEW
    assert book.add(raw(ALICE, 3, 3)) is Outcome.NEW
    assert book.add(raw(ALICE, 3, 3)) is Outcome.KNOWN
    assert book.addresses(ALICE.public) == ("/ip4/192.0.2.1/tcp/3",)
    assert book.addresses(BOB.public) == ()
    assert book.unknown() == [BOB.public]


def test_a_rolled_back_record_is_dropped(book: AddressBook) -> None:
    book.add(raw(ALICE, 5, 5))
    assert book.add(raw(ALICE, 4, 4)) is Outcome.OLD
    assert book.add(raw(ALICE, 5, 6)) is Outcome.OLD  # two records with one number
    assert book.addresses(ALICE.public) == ("/ip4/192.0.2.1/tcp/5",)
    assert book.dropped == 2


def test_a_stranger_s_record_is_dropped(book: AddressBook) -> None:
    assert book.add(raw(STRANGER)) is Outcome.FOREIGN
    assert book.fresh_records() == []


def test_a_forged_or_expired_record_is_dropped(book: AddressBook, clock: Clock) -> None:
    assert book.add(bytes(500)) is Outcome.BAD
    assert book.add(bytes(10**6)) is Outcome.BAD
    assert book.add(raw(ALICE, now=clock.now - LIFETIME - MAX_SKEW - 1)) is Outcome.BAD
    assert book.add(raw(ALICE, now=clock.now + MAX_SKEW + 1)) is Outcome.BAD
    assert book.dropped == 4


def test_an_expired_record_is_a_hint_for_us_and_not_passed_on(
    book: AddressBook, clock: Clock
) -> None:
    book.add(raw(ALICE))
    clock.now += LIFETIME + MAX_SKEW + 1
    assert book.addresses(ALICE.public) == ("/ip4/192.0.2.1/tcp/4001",)
    assert book.fresh_records() == []
    assert ALICE.public in book.unknown()


def test_hints_come_after_the_record_and_are_bounded(book: AddressBook) -> None:
    for port in range(1, 10):
        book.add_hint(ALICE.public, f"/ip4/192.0.2.9/tcp/{port}")
    book.add(raw(ALICE))
    assert book.addresses(ALICE.public) == (
        "/ip4/192.0.2.1/tcp/4001",
        *(f"/ip4/192.0.2.9/tcp/{port}" for port in range(6, 10)),
    )
    with pytest.raises(ValueError, match="roster"):
        book.add_hint(STRANGER.public, "/ip4/192.0.2.9/tcp/1")


@pytest.mark.trio
async def test_a_new_address_wakes_who_waits_for_it(book: AddressBook) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(book.wait_for_change, ALICE.public)
        await trio.testing.wait_all_tasks_blocked()
        book.add(raw(BOB))
        await trio.testing.wait_all_tasks_blocked()
        assert nursery.child_tasks
        book.add(raw(ALICE))
        with trio.fail_after(HANG):
            while nursery.child_tasks:
                await trio.lowlevel.checkpoint()


def test_the_book_survives_a_restart(tmp_path: Path, clock: Clock, book: AddressBook) -> None:
    book.add(raw(ALICE, 7))
    assert book.dirty
    book.save()
    assert not book.dirty
    again = AddressBook(tmp_path / "addresses.json", ROSTER, GROUP, clock=clock)
    assert again.addresses(ALICE.public) == book.addresses(ALICE.public)
    assert again.add(raw(ALICE, 6)) is Outcome.OLD  # a rollback across the restart
    assert list(tmp_path.iterdir()) == [tmp_path / "addresses.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"[]",
        b"{}",
        b'{"version": 2, "group": "", "records": []}',
        b"[" * 5_000,
        b"x" * 10**6,
    ],
)
def test_a_damaged_file_is_left_out_and_replaced(
    tmp_path: Path, clock: Clock, content: bytes
) -> None:
    path = tmp_path / "addresses.json"
    path.write_bytes(content)
    book = AddressBook(path, ROSTER, GROUP, clock=clock)
    assert book.fresh_records() == []
    book.add(raw(ALICE))
    book.save()
    assert len(AddressBook(path, ROSTER, GROUP, clock=clock).fresh_records()) == 1


def test_a_tampered_entry_is_dropped_and_the_others_stay(
    tmp_path: Path, clock: Clock, book: AddressBook
) -> None:
    book.add(raw(ALICE))
    book.add(raw(BOB))
    book.save()
    path = tmp_path / "addresses.json"
    content = json.loads(path.read_text())
    content["records"][0] = content["records"][0][:-2] + "00"
    path.write_text(json.dumps(content))
    again = AddressBook(path, ROSTER, GROUP, clock=clock)
    assert [record.public for record in again.fresh_records()] == [BOB.public]


def test_a_directory_that_can_t_be_written_is_a_clear_error(clock: Clock) -> None:
    book = AddressBook(Path("/nonexistent/addresses.json"), ROSTER, GROUP, clock=clock)
    book.add(raw(ALICE))
    with pytest.raises(StorageError, match=r"/nonexistent/addresses\.json"):
        book.save()
