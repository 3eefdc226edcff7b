"""Groups that count their held-out rows beside their updates (docs/protocol.md §4)."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries.lies import LIES, OVERCOUNT
from peerd.laboratory.simulation.oracle import check
from peerd.laboratory.simulation.world import World
from protocols.aggregation import aggregator
from protocols.aggregation.evaluation import Counts, Evaluation
from protocols.opening import decode_polynomials, values_of
from tests.simulation.swarm import FOUR, NINE, SEATED, TEN, swarm
from tests.tiers import later

PLANS = {"4": (FOUR, 1, 4), "9": (NINE, 2, 9), "10": (TEN, 1, 10), "24": (SEATED, 1, 24)}


def evaluation(peers: int) -> Evaluation:
    """The last site has 40 rows: it evaluates nothing."""
    return Evaluation((*range(50, 49 + peers), 0), classes=3, loss_bits=6)


def opened(world: World, round_: int = 0) -> Counts:
    record = next(n.completed[round_] for n in world.nodes if round_ in n.completed)
    shape = world.setting.shape
    values = values_of(shape, decode_polynomials(shape, record.polynomials))
    found = world.setting.counted(values)
    assert found is not None
    return found


def plain(world: World, round_: int = 0) -> Counts:
    """The same, added up in the clear."""
    record = next(n.completed[round_] for n in world.nodes if round_ in n.completed)
    said = [world.counts(dealer, round_) for dealer in record.dealers]
    known = [each for each in said if each is not None]
    classes = zip(*(each.class_rows for each in known), strict=True)
    rights = zip(*(each.class_right for each in known), strict=True)
    return Counts(
        len(known),
        sum(each.rows for each in known),
        sum(each.right for each in known),
        tuple(map(sum, classes)),
        tuple(map(sum, rights)),
        sum(each.loss for each in known),
    )


@pytest.mark.parametrize(("plan", "liars", "peers"), PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("rule", ["rsa", *later(["weighted-mean", "fltrust"])])
def test_what_is_opened_is_the_plain_sum(plan, liars: int, peers: int, rule: str) -> None:  # type: ignore[no-untyped-def]
    weights = tuple(range(1, peers + 1)) if rule == "weighted-mean" else ()
    world = swarm(
        plan,
        liars,
        peers=peers,
        rounds=2,
        rule=aggregator(rule, {}),
        weights=weights,
        evaluation=evaluation(peers),
    )
    world.run()
    check(world)
    for round_ in range(2):
        assert opened(world, round_) == plain(world, round_)
    assert world.counts(peers - 1, 0) is None


@pytest.mark.parametrize(("plan", "liars", "peers"), PLANS.values(), ids=PLANS)
def test_who_counts_another_number_of_rows_is_convicted(plan, liars: int, peers: int) -> None:  # type: ignore[no-untyped-def]
    lies = {1: LIES[OVERCOUNT]}
    world = swarm(plan, liars, peers=peers, lies=lies, evaluation=evaluation(peers))
    world.run()
    check(world)
    honest = [node for node in world.nodes if node.honest]
    assert all({blame.peer for blame in node.blamed} == {1} for node in honest)
    assert 1 not in honest[0].completed[0].dealers


def test_the_counts_of_a_liar_reach_no_further_than_its_rows() -> None:
    """It says that all of its rows are right, in the others' names it can say nothing."""
    world = swarm(FOUR, 1, evaluation=evaluation(4))
    honest = world.counts

    def boast(peer: int, round_: int) -> Counts | None:
        if peer != 2:
            return honest(peer, round_)
        return Counts(1, 52, 52, (0, 0, 0), (0, 0, 0), 0)

    world.counts = boast
    world.run()
    check(world)
    assert opened(world) == plain(world)


def test_a_group_that_counts_nothing_deals_as_before() -> None:
    world = swarm(FOUR, 1)
    assert world.setting.public_inputs(0) == ()
    assert world.setting.counted(world.setting.aggregator.encode(world.model, world.model)) is None
    assert world.setting.opened_update == world.setting.relation.opened_length
