"""Which of a trail's records rounds bind, by commitments alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from peerd.audit.heads import Bound, compare, keys_of
from peerd.group.succession import LEAVES, Follows
from peerd.trail.record import Head
from protocols.record.setting import NO_HEAD

CHAIN = [Head(number, f"{number + 1:064x}") for number in range(10)]
OTHER = Head(3, "ab" * 32)


def bound(*heads: Head) -> list[Bound]:
    """Round after round; a commitment is the head backwards."""
    return [
        Bound(round_, bytes.fromhex(head.hash)[::-1], lambda head: head[::-1])
        for round_, head in enumerate(heads)
    ]


def test_a_head_may_stay_and_go_forward() -> None:
    found = compare(bound(CHAIN[2], CHAIN[2], CHAIN[7]), CHAIN, late=False)
    assert (found.held, found.newest, found.loose, found.wrong) == (3, (2, 7), 2, None)


@pytest.mark.parametrize(
    ("heads", "round_", "record", "held"),
    [
        ((CHAIN[2], CHAIN[7], CHAIN[6]), 2, 7, 2),
        ((CHAIN[2], OTHER, CHAIN[7]), 1, 3, 1),
        ((CHAIN[9], OTHER), 1, 10, 1),
        ((OTHER, CHAIN[2]), 0, 0, 0),
        ((CHAIN[1], Head(-1, NO_HEAD.hex())), 1, 0, 1),
    ],
    ids=["back", "another between", "behind the end", "another first", "no trail"],
)
def test_the_first_that_is_wrong_is_named(
    heads: tuple[Head, ...], round_: int, record: int, held: int
) -> None:
    found = compare(bound(*heads), CHAIN, late=False)
    assert found.wrong is not None and found.held == held
    assert (found.wrong.round, found.wrong.record) == (round_, record)


def test_nothing_is_held_by_a_trail_without_records() -> None:
    assert compare(bound(CHAIN[0]), [], late=False).wrong is not None
    assert compare([], [], late=False).wrong is None


def test_what_was_in_an_earlier_file_is_no_lie_until_one_is_here() -> None:
    late = CHAIN[5:]
    found = compare(bound(CHAIN[1], CHAIN[5], CHAIN[6]), late, late=True)
    assert (found.before, found.held, found.wrong) == (1, 2, None)
    found = compare(bound(CHAIN[1], CHAIN[6], CHAIN[1]), late, late=True)
    assert found.before == 1 and found.wrong is not None and found.wrong.round == 2


def test_a_member_is_known_by_all_the_keys_that_it_had() -> None:
    def epoch(*keys: tuple[bytes, bytes]) -> Any:
        follows = Follows(bytes(32), 0, 9, keys) if keys else None
        return SimpleNamespace(genesis=SimpleNamespace(follows=follows))

    epochs = [
        epoch(),
        epoch((b"a", b"b"), (b"x", b"x"), (b"y", LEAVES)),
        epoch((b"b", b"c"), (b"x", b"z")),
    ]
    for key in (b"a", b"b", b"c"):
        assert keys_of(epochs, key) == {b"a", b"b", b"c"}
    assert keys_of(epochs, b"z") == {b"x", b"z"}
    assert keys_of(epochs, b"y") == {b"y"}
