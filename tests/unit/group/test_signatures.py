"""Signatures on a genesis that come from strangers: what verifies is taken, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peerd.errors import GroupError
from peerd.group import Genesis, sign
from peerd.group.signatures import MAX_SIGNATURES_BYTES, packed, verifies
from peerd.group.signing import added
from protocols.plan import LARGEST_GROUP
from protocols.wire.canonical import pack
from tests.unit.group.successions import MEMBERS, NEW, group, resigned, signed

UNSIGNED = resigned(group())


def test_signatures_travel_and_complete_a_genesis() -> None:
    mine = sign(UNSIGNED, MEMBERS[0])
    others = signed(UNSIGNED, MEMBERS[1:])
    complete = added(mine, packed(others.signatures))
    assert not complete.unsigned()
    complete.verify()
    assert complete == signed(UNSIGNED)


def test_nothing_new_changes_nothing() -> None:
    mine = sign(UNSIGNED, MEMBERS[0])
    assert added(mine, packed(mine.signatures)) is mine


def forged() -> list[bytes]:
    one, two = MEMBERS[0].public, MEMBERS[1].public
    right = sign(UNSIGNED, MEMBERS[0]).signatures[one]
    other_group = sign(resigned(group(name="another")), MEMBERS[0]).signatures[one]
    stranger = sign(replace(UNSIGNED, roster=(NEW.public, *UNSIGNED.roster[1:])), NEW)
    return [
        b"",
        b"\xc1",
        b"x" * 1000,
        pack({}),
        pack([[one]]),
        pack([[one, right], [one, right]]),
        pack([[one, right[:-1]]]),
        pack([[one, right + b"x"]]),
        pack([[one, bytes(64)]]),
        pack([[two, right]]),
        pack([[one, other_group]]),
        pack([[b"short", right]]),
        packed(stranger.signatures),
    ]


@pytest.mark.parametrize("told", forged(), ids=[str(number) for number in range(len(forged()))])
def test_what_does_not_verify_is_not_taken(told: bytes) -> None:
    assert added(UNSIGNED, told) is UNSIGNED


def test_a_right_one_among_wrong_ones_is_taken() -> None:
    one, two = MEMBERS[0].public, MEMBERS[1].public
    right = sign(UNSIGNED, MEMBERS[0]).signatures[one]
    assert added(UNSIGNED, pack([[two, bytes(64)], [one, right]])).signatures == {one: right}


def test_a_right_one_is_not_replaced() -> None:
    mine = sign(UNSIGNED, MEMBERS[0])
    one = MEMBERS[0].public
    assert added(mine, pack([[one, bytes(64)]])) is mine
    assert verifies(mine.group_id, one, mine.signatures[one])


def test_those_of_the_largest_group_fit() -> None:
    everybody = {number.to_bytes(32, "big"): bytes(64) for number in range(2 * LARGEST_GROUP)}
    assert len(packed(everybody)) <= MAX_SIGNATURES_BYTES


def broken(genesis: Genesis) -> Genesis:
    one = MEMBERS[0].public
    return replace(genesis, signatures={**genesis.signatures, one: bytes(64)})


def test_a_wrong_one_in_an_incomplete_file_is_named() -> None:
    UNSIGNED.verify_signatures()
    with pytest.raises(GroupError, match="not the signature of"):
        broken(UNSIGNED).verify_signatures()
