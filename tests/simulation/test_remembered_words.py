"""What peers remember of another's words, for the day on which it asks (fault 47)."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.oracle import check
from peerd.laboratory.simulation.swarm import NINE, swarm
from peerd.laboratory.simulation.watch import Watch
from peerd.laboratory.simulation.world import World
from protocols.record.effects import Aborted, Effect, Persist
from tests.simulation.adversaries import ELECTORS

LIAR, VICTIM, WITNESS = 8, 2, 0


def shown(world: World) -> set[tuple[int, int]]:
    """The round and attempt of all that the witness can show the victim of its own words."""
    session = world.nodes[WITNESS].session
    assert session is not None
    return {(s.slot.round, s.slot.attempt) for s in session.what_was_said_by(VICTIM)}


@pytest.mark.parametrize("sits_out", [False, True])
def test_an_attempt_that_was_thrown_again_is_remembered_for_a_round_more(sits_out: bool) -> None:
    """The victim goes down with that attempt. Whoever is two rounds behind is suspect anyhow.

    ``sits_out``: the witness itself sits the rest of that round out.
    """
    world = swarm(NINE, 2, lies={LIAR: ELECTORS["SilentRevealer"]}, rounds=3, parameters=3)
    Watch(world)
    witness = world.nodes[WITNESS]
    remembered = dict[int, set[tuple[int, int]]]()

    def look(node: Node, effect: Effect) -> None:
        before(node, effect)
        if node is witness and witness.session is not None:
            known = remembered.setdefault(witness.session.position.round, set())
            known.update(shown(world))
        begins_anew = isinstance(effect, Persist) and effect.key.startswith("slot/1/")
        if node.index == VICTIM and begins_anew and effect.round == 0:
            world.crash(node)
        if sits_out and node is witness and isinstance(effect, Aborted) and effect.round == 0:
            world.happen(world.now, sit_out)

    def sit_out() -> None:
        assert witness.session is not None
        witness.session.permit.sit_out_until(0)
        witness.session._part._sit_out()

    before, world.before = world.before, look
    world.run(until=300_000)
    check(world, guilty=(), away=frozenset({VICTIM, WITNESS} if sits_out else {VICTIM}))
    assert (0, 0) in remembered[1]
    assert (0, 0) not in remembered[2]
