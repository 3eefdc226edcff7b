"""Records that are dropped for a clock name the member and the difference, once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from peerd.discovery.address_book import AddressBook, Outcome
from peerd.discovery.clocks import MAX_WARNINGS, span
from peerd.discovery.records import LIFETIME, MAX_SKEW, sign_record
from peerd.identity import Identity

GROUP = hashlib.sha256(b"group").digest()
ALICE, BOB, MALLORY = (Identity(bytes([number]) * 32) for number in (1, 2, 3))
NOW = 1_800_000_000.0
HOUR = 3600.0


class Books:
    def __init__(self, folder: Path) -> None:
        roster = [ALICE.public, BOB.public]
        self.book = AddressBook(folder / "book", roster, GROUP, clock=lambda: NOW)
        self.sequence = 0

    def add(self, ahead: float, signer: Identity = ALICE, sender: Identity = ALICE) -> Outcome:
        """A record that its signer made just now, by its own clock."""
        self.sequence += 1
        made = sign_record(signer, GROUP, ("/ip4/192.0.2.7/tcp/1",), self.sequence, NOW + ahead)
        return self.book.add(made.raw, sender.public)


@pytest.mark.parametrize(
    ("ahead", "told"),
    [
        (2 * HOUR, "its clock is 2 h ahead of this one"),
        (MAX_SKEW + 660, "its clock is 21 min ahead of this one"),
        (400 * 24 * HOUR, "its clock is 400 days ahead of this one"),
        (-LIFETIME - MAX_SKEW - HOUR, "its clock is 25 h behind this one"),
    ],
)
def test_the_member_and_the_difference(ahead: float, told: str, tmp_path: Path) -> None:
    books = Books(tmp_path)
    with capture_logs() as logs:
        assert books.add(ahead) is Outcome.BAD
        assert books.add(ahead + 60) is Outcome.BAD
    (line,) = logs
    assert (line["log_level"], line["peer"]) == ("warning", ALICE.peer_id)
    assert line["difference"] == told and line["seconds"] == round(ahead)


def test_what_is_merely_old_or_a_strangers_is_no_warning(tmp_path: Path) -> None:
    books = Books(tmp_path)
    with capture_logs() as logs:
        assert books.add(-2 * LIFETIME, ALICE, BOB) is Outcome.BAD  # passed on
        assert books.add(2 * HOUR, MALLORY, MALLORY) is Outcome.BAD
        assert books.add(-HOUR) is Outcome.NEW
    assert logs == []


def test_another_difference_and_a_return_are_news_within_bounds(tmp_path: Path) -> None:
    books = Books(tmp_path)
    with capture_logs() as logs:
        books.add(2 * HOUR)
        books.add(5 * HOUR)
        books.add(0.0)
        books.add(5 * HOUR)
        assert len(logs) == 3
        for hour in range(100):
            books.add((10 + hour) * HOUR)
    assert len(logs) == MAX_WARNINGS


def test_spans() -> None:
    assert [span(s) for s in (61, 601, -7200, 90_000, 200_000)] == [
        "61 s",
        "10 min",
        "2 h",
        "25 h",
        "2 days",
    ]
