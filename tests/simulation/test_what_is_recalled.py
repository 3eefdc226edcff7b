"""Who asks what it has signed is told of all that came, however late it came (docs §6)."""

from __future__ import annotations

import pytest

from protocols.plan import CommitteePlan
from protocols.record.door import open_message
from protocols.record.effects import Step
from protocols.session.session import Session
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement

from .swarm import FOUR, NINE, swarm


def by_its_sender(session: Session, sender: int, data: bytes) -> Statement | None:
    said = open_message(session.setting, sender, data).statement
    return said if said is not None and said.signer == sender else None


@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (NINE, 2)], ids=["4", "9"])
def test_whatever_of_a_peer_came_it_is_told(
    plan: CommitteePlan, liars: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Session.on_message
    told: set[Kind] = set()

    def taking(session: Session, sender: int, data: bytes) -> list[Step]:
        said, before = by_its_sender(session, sender, data), session.place
        effects = take(session, sender, data)
        place = (said.slot.round, said.slot.attempt) if said is not None else (-1, -1)
        if said is not None and place >= max(before, session.place):
            held = {known.hash for known in session.what_was_said_by(sender)}
            assert said.hash in held, f"{said.kind.name} in {session.phase}"
            told.add(said.kind)
        return effects

    monkeypatch.setattr(Session, "on_message", taking)
    for seed in range(4):
        swarm(plan, liars, seed=seed, rounds=2, parameters=3, traced=False).run(until=200_000)
    assert told >= {Kind.FIRST_VOTE, Kind.SECOND_VOTE, Kind.PROPOSAL, Kind.SEEN, Kind.SUM}
