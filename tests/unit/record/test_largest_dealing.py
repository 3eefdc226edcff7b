"""How large a group's dealings may be: whatever a liar does with them, the proof of it fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocols.errors import ProtocolError
from protocols.record.setting import MAX_ELECTORATE, largest_dealing
from protocols.wire.schema import MAX_EVIDENCE, MAX_STATEMENT
from tests.simulation.swarm import FOUR, setting_of

CERTIFICATE = 512
"""Bytes of an election's certificate for each peer: a seat with key and nonce, and a vote."""


def test_the_largest_dealing_is_taken_and_the_next_is_not() -> None:
    small = setting_of(FOUR, 1, parameters=7)
    room = largest_dealing(4) - small.dealing_bytes
    fits = 7 + room // 2  # one element of two bytes for each parameter
    assert replace(small, parameters=fits).dealing_bytes in (
        largest_dealing(4),
        largest_dealing(4) - 1,
    )
    with pytest.raises(ProtocolError, match="packs more tightly"):
        replace(small, parameters=fits + 1)


@pytest.mark.parametrize("peers", [4, 60, MAX_ELECTORATE])
def test_two_statements_of_the_largest_fit_one_piece_of_evidence(peers: int) -> None:
    statement = largest_dealing(peers) + 4096 + 256 * peers
    assert statement <= MAX_STATEMENT
    assert 2 * statement + CERTIFICATE * peers + 64 <= MAX_EVIDENCE


def test_a_group_s_largest_statement_is_the_one_that_is_meant_here() -> None:
    setting = setting_of(FOUR, 1, parameters=7)
    assert setting.largest_statement == setting.dealing_bytes + 4096 + 256 * 4
