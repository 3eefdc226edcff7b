"""Beyond the plan every honest peer ends with the same named reason, the model and the ledger as
they were (faults 15, 16, 35, 66).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import LIARS
from peerd.laboratory.simulation.oracle import check, check_reasons, honest
from peerd.laboratory.simulation.swarm import EIGHT, FOUR, first_model, swarm
from peerd.laboratory.simulation.violation import Violation
from peerd.laboratory.simulation.watch import Watch
from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.record.effects import Abort, Effect, Persist, Phase, Stop
from tests.tiers import later

END = 200_000


def group(plan: CommitteePlan, liars: int, who: tuple[int, ...], name: str, seed: int) -> World:
    return swarm(
        plan, liars, seed=seed, lies=dict.fromkeys(who, LIARS[name]), parameters=3, traced=False
    )


def run(world: World, **expected: object) -> Watch:
    watch = Watch(world)
    world.run(until=END)
    check(world, completes=False, **expected)  # type: ignore[arg-type]
    return watch


def untouched(world: World) -> None:
    """Nothing was published: the model before the round, and nobody excluded or locked out."""
    model = first_model(world.seed, 3)
    for node in honest(world):
        assert not node.completed
        if node.session is None:
            continue
        position = node.session.position
        assert position.round == 0 and np.array_equal(position.model, model)
        assert position.ledger.eligible(world.setting.peers, 0) == frozenset(
            range(world.setting.peers)
        )


def reasons_of(node: Node) -> set[Abort | Stop]:
    return {item.reason for item in node.aborted} | {item.reason for item in node.stopped}


@pytest.mark.parametrize("seed", [0, *later([1, 2])])
def test_more_than_t_wrong_words(seed: int) -> None:
    """15: t + 1 of a committee of eight send wrong sums, and are heard first: nobody opens."""
    who = (0, 1, 4)
    world = group(EIGHT, 2, who, "wrong-opening", seed)
    world.delay = lambda sender, to, data: 1 if sender in who else None
    run(world)
    assert {frozenset(reasons_of(node)) for node in honest(world)} == {
        frozenset({Stop.UNDECODABLE})
    }
    untouched(world)


@pytest.mark.parametrize("seed", [0, *later([1, 2])])
def test_more_silent_in_the_opening_than_the_plan_allows(seed: int) -> None:
    """16: the cohort is decided; two lie low and two die, so that four sums of eight come, where
    five open: all that are left stop.
    """
    world, dying = group(EIGHT, 2, (1, 3), "SilentOpener", seed), {4, 6}
    before = world.before

    def at_the_sum(node: Node, effect: Effect) -> None:
        before(node, effect)
        if node.index in dying and isinstance(effect, Persist) and effect.key.startswith("sum/"):
            world.crash(node)

    world.before = at_the_sum
    run(world, guilty=())
    left = [node for node in honest(world) if node.up]
    assert len(left) == 4
    assert {frozenset(reasons_of(node)) for node in left} == {frozenset({Stop.QUORUM})}
    untouched(world)


@pytest.mark.parametrize("seed", [0, *later([1, 2])])
def test_silent_in_the_opening_within_the_plan(seed: int) -> None:
    """16, within: t of them, and the round completes with the same result as without."""
    models = []
    for who in ((), (1, 3)):
        world = group(EIGHT, 2, who, "SilentOpener", seed)
        watch = Watch(world)
        world.run(until=END)
        check(world, guilty=())
        check_reasons(world, watch)
        models.append(next(node.completed[0].model_hash for node in honest(world)))
    assert models[0] == models[1]


def silence_after_the_check(world: World, length: int) -> None:
    """Once somebody agrees on the cohort nothing arrives before so many ms are over."""
    entered: list[int] = []
    before = world.before

    def listening(node: Node, effect: Effect) -> None:
        before(node, effect)
        if isinstance(effect, Phase) and effect.name == "agreeing on the cohort":
            entered.append(world.now)

    def delay(sender: int, to: int, data: bytes) -> int | None:
        over = entered[0] + length if entered else 0
        return over - world.now if world.now < over else None

    world.before, world.delay = listening, delay


@pytest.mark.parametrize("seed", [0, *later([1, 2])])
def test_many_beyond_the_deadlines(seed: int) -> None:
    """35: all are late once the dealings are checked. Every honest peer gives up, for one reason,
    opens nothing, and the next attempt completes the round.
    """
    world = swarm(FOUR, 1, seed=seed, parameters=3, traced=False)
    silence_after_the_check(world, 60_000)
    watch = Watch(world)
    world.run(until=END)
    check(world, guilty=())
    assert watch.ended == {(0, 0): Abort.TIMEOUT}
    for node in honest(world):
        assert [(item.attempt, item.reason) for item in node.aborted] == [(0, Abort.TIMEOUT)]
    assert {attempt for attempt, _ in watch.opened.values()} == {1}


@pytest.mark.parametrize("seed", [0, *later([1, 2])])
def test_a_cohort_of_one_honest_client(seed: int) -> None:
    """66: of four selected two never deal, and one of the others lies: nothing is opened."""
    world = group(FOUR, 1, (seed % 4,), "HighDegree", seed)
    mute = {(seed + 1) % 4, (seed + 2) % 4}
    train = world._train

    def some(node: Node, round_: int, model: object) -> None:
        if node.index not in mute:
            train(node, round_, model)  # type: ignore[arg-type]

    world._train = some  # type: ignore[method-assign]
    watch = run(world, away=range(4))
    assert not watch.opened, "nobody sent a sum"
    assert set(watch.ended.values()) == {Abort.COHORT}
    for node in honest(world):
        assert reasons_of(node) == {Abort.COHORT}
        assert not node.completed and {blame.peer for blame in node.blamed} <= {seed % 4}


def control(break_: Callable[[World, Watch], None]) -> str:
    world = swarm(FOUR, 1, parameters=3, traced=False)
    watch = Watch(world)
    world.run()
    break_(world, watch)
    try:
        check_reasons(world, watch)
    except Violation as violation:
        return violation.rule
    return ""


def test_the_oracle_knows_which_reasons_the_plan_excludes() -> None:
    """The control: what never happens where the plan covers a run is told."""
    assert control(lambda world, watch: watch.ended.update({(0, 0): Abort.FLIP})) == ""
    for reason in (Abort.QUORUM, Abort.COHORT, Abort.TIMEOUT):
        assert control(lambda _, watch, why=reason: watch.ended.update({(0, 0): why})) == "abort"
