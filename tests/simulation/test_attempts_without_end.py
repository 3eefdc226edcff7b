"""A round that never has members enough: its attempts run out of numbers, and no daemon ends."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from peerd.laboratory.simulation.oracle import check_safety
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.swarm import first_model, setting_of
from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.record.effects import Abort, Stop
from protocols.session import round as round_module
from protocols.wire import statement
from protocols.wire.schema import Integer

LAST = 4
AWAY, LIARS = frozenset({7}), frozenset({8, 9})


def test_behind_the_last_attempt_the_group_says_that_it_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One is away, which the roster can do without, and two liars are silent: seven of ten elect,
    and eight make a cohort.
    """
    round_, _, *others = statement._HEAD
    monkeypatch.setattr(statement, "_HEAD", (round_, Integer(LAST), *others))
    monkeypatch.setattr(round_module, "MAX_ATTEMPT", LAST)
    setting = setting_of(CommitteePlan(10, 2, 1, 0), 2, parameters=3)
    setting = replace(setting, dropout=Fraction(1, 10))
    assert setting.roster_quorum == 7
    world = World(
        setting,
        swarm_secrets(setting.crypto, setting.peers, 1)[0],
        first_model(1, 3),
        lambda peer, round_, model: model,
        seed=1,
        rounds=1,
        silent=AWAY | LIARS,
        traced=False,
    )
    world.run(until=1_000_000)
    check_safety(world)
    for node in world.nodes[: min(AWAY)]:
        assert [item.reason for item in node.aborted] == [Abort.QUORUM] * (LAST + 1)
        assert [item.reason for item in node.stopped] == [Stop.ATTEMPTS]
        assert node.up
