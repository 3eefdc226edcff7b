"""A stolen key is revoked by founding the group anew without it (row 52): what it is worth then."""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from peerd.crypto import Sodium
from peerd.discovery.address_book import AddressBook, Outcome
from peerd.discovery.records import sign_record
from peerd.errors import GroupError
from peerd.group import Genesis, new_genesis, sign
from peerd.identity import Identity
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.wire.payloads import Ballot, Kind, Topic
from protocols.wire.statement import Slot, decode_statement
from protocols.wire.statement import sign as sign_statement

KEPT = [Identity(bytes([index]) * 32) for index in range(1, 8)]
STOLEN, REPLACED = Identity(b"s" * 32), Identity(b"r" * 32)
TERMS: dict[str, Any] = {
    "task": "peerd.tasks.digits:Digits",
    "task_options": {},
    "aggregator": "rsa",
    "constants": {},
    "adversary": Fraction(1, 8),
    "dropout": Fraction(0),
    "absent": None,
    "delta_ms": 1000,
    "bandwidth_bytes_per_second": 1_000_000,
    "training_seconds": 18,
    "parameters": 10,
    "first_model": bytes(32),
    "model_seed": 7,
}


def founded(name: str, *members: Identity) -> Genesis:
    made = new_genesis(roster=[member.public for member in members], name=name, **TERMS)
    for member in members:
        made = sign(made, member)
    made.verify()
    return made


BEFORE, AFTER = founded("spring", *KEPT, STOLEN), founded("spring-2", *KEPT, REPLACED)


def test_who_has_the_stolen_key_is_no_member_and_can_sign_nothing_in() -> None:
    assert BEFORE.index(STOLEN.public) >= 0
    with pytest.raises(GroupError):
        AFTER.index(STOLEN.public)
    with pytest.raises(GroupError):
        sign(AFTER, STOLEN)


def test_what_it_signed_for_the_old_group_is_not_read_in_the_new_one() -> None:
    slot = Slot(3, 0, Kind.FIRST_VOTE, int(Topic.COHORT), 0, BEFORE.index(STOLEN.public))
    said = sign_statement(
        Sodium(), STOLEN.secret.reveal(), BEFORE.group_id, slot, Ballot(digest("outcome"))
    )
    assert decode_statement(said.wire, BEFORE.group_id) == said
    with pytest.raises(WireError, match="another group"):
        decode_statement(said.wire, AFTER.group_id)


@pytest.mark.parametrize("group", [BEFORE, AFTER], ids=["before", "after"])
def test_its_address_enters_the_old_book_alone(group: Genesis, tmp_path: Path) -> None:
    book = AddressBook(tmp_path / "book.json", group.roster, group.group_id)
    now = time.time()
    raw = sign_record(STOLEN, group.group_id, ("/ip4/192.0.2.1/tcp/1",), 1, now).raw
    assert book.add(raw) is (Outcome.NEW if group is BEFORE else Outcome.FOREIGN)
