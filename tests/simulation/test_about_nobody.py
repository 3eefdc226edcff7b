"""Statements about peers that deal to nobody: refused, whoever shows them, and never remembered."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries import Lie
from peerd.laboratory.adversaries.members import LyingMember
from peerd.laboratory.adversaries.trick import Shown
from peerd.laboratory.simulation.world import World
from protocols.session.phases import Aggregating
from protocols.wire.payloads import Complaint, Delivery, Kind
from protocols.wire.statement import Statement
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import FOUR, NINE, swarm

NOBODY = 200


class Flooder(LyingMember):
    """Says so much that nobody has room for more of it; then a delivery of nobody's dealing."""

    about_nobody: Statement

    def reported(self) -> None:
        at, seats = self.at, self.at.panel.seats
        box = bytes(at.setting.largest_statement - 400)
        for seat in seats:
            own = at.panel.errand(at.me, seat)
            for kind, payload, subject in (
                (Kind.DELIVERY, Delivery(bytes(32), box), own),
                (Kind.COMPLAINT, Complaint(b"", box), seat),
            ):
                self.tell(kind, payload, subject)
        nobody_s = NOBODY * len(seats)
        Flooder.about_nobody = at.forge(Kind.DELIVERY, Delivery(bytes(32), b""), nobody_s)

    def propose(self, shown: Shown) -> Shown | None:
        return None


class Accomplice(LyingMember):
    """Shows that delivery in its proposal."""

    def propose(self, shown: Shown) -> Shown | None:
        return shown[0], (Flooder.about_nobody, *shown[1])


@pytest.mark.parametrize("seed", [1, 2])
def test_a_proposal_with_a_delivery_of_nobody_s_is_refused(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its signer had said too much for it to be looked at, judging it raised an error at
    every later event of this view; at a timer's that ended each honest daemon.
    """
    monkeypatch.setattr("protocols.record.inbox.SMALL_STATEMENTS_BYTES", 0)
    first, second = leaders(seed)
    lies = {first: Lie(Flooder), second: Lie(Accomplice)}
    world = swarm(NINE, 2, seed=seed, lies=lies, traced=False)
    Watch(world)
    world.run(until=300_000)
    check(world, guilty=())
    assert all(0 in node.completed for node in world.nodes if node.honest)


def leaders(seed: int) -> tuple[int, int]:
    """Who lead views 0 and 1 of the cohort: a function of the seed, whoever lies later."""
    world = swarm(NINE, 2, seed=seed, traced=False)
    world.run()
    one, other, *_ = last_phase(world, 0).committee.panel.seats
    return one, other


def last_phase(world: World, peer: int) -> Aggregating:
    """Of the last attempt of the round that is over."""
    session = world.nodes[peer].session
    assert session is not None and session.rounds.previous is not None
    attempt = session.rounds.previous.attempt
    assert attempt is not None and isinstance(attempt.phase, Aggregating)
    return attempt.phase


class Complainer(LyingMember):
    """Two complaints about each of many peers that there are not."""

    def reported(self) -> None:
        for nobody in range(NOBODY, NOBODY + 50):
            for package in (b"", b"other"):
                self.tell(Kind.COMPLAINT, Complaint(b"", package), nobody)


@pytest.mark.parametrize("seed", [1, 2])
def test_complaints_about_nobody_fill_no_pool(seed: int) -> None:
    world = swarm(FOUR, 1, seed=seed, lies={3: Lie(Complainer)}, traced=False)
    Watch(world)
    world.run(until=300_000)
    check(world, guilty=())
    for node in world.nodes[:3]:
        assert len(pool(world, node.index)) == 4  # reports
        assert sum("is not a selected dealer" in drop.reason for drop in node.dropped) >= 100


def pool(world: World, peer: int) -> list[Statement]:
    return list(last_phase(world, peer).member._intake.pool.statements.values())
