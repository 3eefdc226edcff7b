"""Liars that fill every pool with what they may sign there: thousands of words in a large group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from peerd.laboratory.adversaries import Lie
from peerd.laboratory.adversaries.members import FalseAsker
from peerd.laboratory.simulation.oracle import check
from peerd.laboratory.simulation.swarm import NINE, swarm
from protocols.committee.pool import Pool
from protocols.wire.payloads import Answer, Kind
from protocols.wire.statement import Statement
from tests.simulation.test_about_nobody import last_phase

WORDS = b"a" * 32, b"b" * 32


class Flooder(FalseAsker):
    """Asks for every dealing, answers each of its asks twice, and attests twice all that it may."""

    def reported(self) -> None:
        panel, me = self.at.panel, self.at.me
        for dealer in panel.selected:
            for asker in panel.seats:
                errand = panel.errand(dealer, asker)
                for word in WORDS if me == asker else ():
                    self.tell(Kind.ANSWER, Answer(word), errand)
        askers = [asker for asker in panel.seats if me in panel.relays(asker)]
        for first in (0, 1):
            carried = [(dealer, asker) for dealer in panel.selected for asker in askers[first:]]
            self.tell(Kind.ATTESTATION, panel.attestation(me, carried))


class Watched(dict[bytes, Statement]):
    """``looks``: how often somebody has looked through all of it."""

    looks = 0

    def __iter__(self) -> Iterator[bytes]:
        self.looks += 1
        return super().__iter__()

    def values(self):  # type: ignore[no-untyped-def]
        self.looks += 1
        return super().values()

    def items(self):  # type: ignore[no-untyped-def]
        self.looks += 1
        return super().items()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_pool_is_not_looked_through_at_every_arrival(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Or a member's work grows with the square of what liars say: with 24 peers it took minutes."""
    begin = Pool.__init__

    def watched(pool: Pool, *given: object) -> None:
        begin(pool, *given)  # type: ignore[arg-type]
        pool.statements = Watched()

    monkeypatch.setattr(Pool, "__init__", watched)
    lies = dict.fromkeys((7, 8), Lie(Flooder))
    world = swarm(NINE, 2, lies=lies, seed=seed)
    world.run(until=300_000)
    check(world, guilty=(7, 8))
    for node in world.nodes[:7]:
        pool = last_phase(world, node.index).member._intake.pool.statements
        assert isinstance(pool, Watched)
        held = Counter(statement.kind for statement in pool.values())
        assert held[Kind.ANSWER] > 30 and held[Kind.ATTESTATION] > 6
        assert pool.looks < len(pool)
