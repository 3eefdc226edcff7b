"""A message is decoded when it comes, and by nobody behind: also where nothing is remembered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.simulation import swarm as swarms
from protocols.ports import Forgetful
from protocols.record import door
from protocols.record.effects import Blame, Step
from protocols.session.session import Session
from protocols.wire.frames import StatementFrame, decode_frame
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement, decode_statement
from tests.simulation.swarm import FOUR, swarm

LIAR = 3
ONCE = (Kind.COMPLAINT, Kind.FIRST_VOTE, Kind.SECOND_VOTE)


@dataclass
class Heard:
    """A statement that came alone, how often it was decoded then, and whom it convicted."""

    statement: Statement
    decoded: int
    convicted: set[int] = field(default_factory=set)


def heard_by(peer: int, monkeypatch: pytest.MonkeyPatch) -> list[Heard]:
    """In a round in which peer 3 complains of a valid share: each message that is one statement."""
    monkeypatch.setattr(swarms, "Remembering", Forgetful)
    decoded, heard, take = Counter[bytes](), list[Heard](), Session.on_message

    def counting(data: bytes, group: bytes) -> Statement:
        decoded[data] += 1
        return decode_statement(data, group)

    def taking(session: Session, sender: int, data: bytes) -> list[Step]:
        decoded.clear()
        steps = take(session, sender, data)
        frame = decode_frame(data)
        if session.me == peer and isinstance(frame, StatementFrame):
            said = decode_statement(frame.statement, session.setting.group)
            blamed = {e.peer for step in steps for e in step if isinstance(e, Blame)}
            heard.append(Heard(said, decoded[frame.statement], blamed))
        return steps

    monkeypatch.setattr(door, "decode_statement", counting)
    monkeypatch.setattr(Session, "on_message", taking)
    lies = {LIAR: ALL["FalseComplainer"]}
    world = swarm(FOUR, 1, seed=2, lies=lies, traced=False, parameters=3)
    world.run()
    assert 0 in world.nodes[peer].completed
    return heard


def test_a_complaint_and_a_vote_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = heard_by(0, monkeypatch)
    kinds = Counter(each.statement.kind for each in heard)
    assert all(kinds[kind] for kind in ONCE)
    for each in heard:
        if each.statement.kind in ONCE:
            assert each.decoded == 1, each.statement.slot
    complaints = [each for each in heard if each.statement.kind is Kind.COMPLAINT]
    assert any(each.convicted == {LIAR} for each in complaints), "one of them is the proof"
