"""An old store whose first question meets peers that are rounds further: it signs nothing anew.

A daemon first asks where the group stands, and a liar that never answers makes that take long: what
the others said is old by then, and so is the round in which the daemon would begin.
"""

import pytest

from peerd.laboratory.simulation.node import Backup, Node
from peerd.laboratory.simulation.oracle import check
from peerd.laboratory.simulation.watch import Watch
from protocols.record.effects import Completed, Effect, Persist
from protocols.wire.payloads import Kind
from tests.tiers import later

from .swarm import FOUR, NINE, swarm

VICTIM = 2
COMMIT = f"slot/0/{int(Kind.COMMIT)}/"
SECRET = "secret/0"


@pytest.mark.parametrize("seed", [1, *later([2, 3])])
@pytest.mark.parametrize("further", [1, 2, 4])
@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (NINE, 2)], ids=["4", "9"])
def test_a_backup_that_begins_rounds_behind(plan, liars, further: int, seed: int) -> None:
    world = swarm(plan, liars, seed=seed, rounds=7, slowest=10, parameters=3, traced=False)
    victim, backups, crashed = world.nodes[VICTIM], list[Backup](), list[int]()
    others = [node for node in world.nodes if node is not victim]

    def dies(node: Node, effect: Effect) -> None:
        if node is not victim or not isinstance(effect, Persist) or effect.round != 1:
            return
        if not backups and effect.key.startswith(COMMIT):
            backups.append(Backup.of(node))
        elif backups and not crashed and effect.key.startswith("slot/"):
            crashed.append(world.now)  # its COMMIT is out
            world.crash(node)

    def returns(node: Node, record: Completed) -> None:
        if len(crashed) == 1 and all(further in other.completed for other in others):
            crashed.append(world.now)
            backups[0].put_back(victim)
            del victim.journal[1][SECRET]
            world.boot(victim)

    world.before, world.after = dies, returns
    Watch(world)
    world.run(until=300_000)
    assert len(crashed) == 2 and victim.lives == 2
    check(world, guilty=(), away=(VICTIM,))
    dealt = [round_ for round_, record in others[0].completed.items() if VICTIM in record.dealers]
    assert any(round_ > further for round_ in dealt), "it takes part where the group stands"
