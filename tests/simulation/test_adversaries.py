"""Every adversary against several plans, alone and in company; one oracle judges all."""

from __future__ import annotations

import random

import pytest

from peerd.laboratory.adversaries.lies import LIES, OVERCOUNT
from protocols.aggregation.evaluation import Evaluation
from protocols.plan import CommitteePlan
from protocols.version import EARLIEST, LATEST
from tests.simulation.adversaries import ALL, DEALERS, ELECTORS, LATE, MEMBERS, OPENERS, Lie
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, FOUR, NINE, SEATED, TEN, swarm
from tests.tiers import later

BLAMED = {
    "GarbageDeliverer",
    "UnopenableDeliverer",
    "TwoFacedDeliverer",
    "OtherHeaderDeliverer",
    "OtherBaseDeliverer",
    "TwoHeaders",
    "HighDegree",
    "BadProofPolynomials",
    "ShortProof",
    "ShortPackages",
    "FalseComplainer",
    "ComplainerOfAll",
    "SelfAccuser",
    "FalseDiscloser",
    "TwoReports",
    "ManyReports",
    "DoubleVoter",
    "WrongRevealer",
    "CommitCopier",
    "TwoSums",
    "WrongResult",
    "LateSummer",
    "LateResult",
    "ComplaintOmitter",
    "OpeningOmitter",
}
"""Whoever does this is proven guilty, and named by every honest peer."""
BLAMED_IF_MET = {"TwoLister"}
"""Proven guilty as soon as somebody sees both of its words: a leader need not show every list."""
ABSENT = {
    "StubbornWithholder",
    "MassWithholder",
    "WrongBase",
    "Mute",
    "SilentRevealer",
    "CommitOnly",
    "AskOmitter",
}
"""Whoever does this is left out of the cohort, and not blamed."""
CAUGHT_DEALING = {*DEALERS, "ComplaintOmitter", "OpeningOmitter"} & BLAMED - {"TwoHeaders"}
"""What is proven of these is known in the round: their dealing is not even in its sum."""
REVEALERS = {"SilentRevealer", "PickyRevealer", "WrongRevealer", "HalfRevealer", "CommitCopier"}
"""They lie in a coin flip: all sit in these groups, so that the earliest version alone has one."""
INPUT_UNKNOWN = {"TwoHeaders", "OtherHeaderDeliverer", "OtherBaseDeliverer"}
END = 600_000
"""Virtual milliseconds within which every run here ends."""


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("plan", "liars", "who"),
    [(FOUR, 1, (3,)), (EIGHT, 2, (2, 6)), (TEN, 1, (4,))],
    ids=["4", "8", "10"],
)
def test_an_adversary_up_to_the_bound(
    plan: CommitteePlan, liars: int, who: tuple[int, ...], name: str
) -> None:
    # Late words are compared too: another round gives them the time to arrive. Of two votes that go
    # to different halves it takes more: one of them must be shown to the other half.
    last = {**OPENERS, **LATE}
    rounds = 4 if name == "DoubleVoter" else 3 if name in last else 2 if name in BLAMED else 1
    version = EARLIEST if name in REVEALERS else LATEST
    lies = dict.fromkeys(who, ALL[name])
    world = swarm(plan, liars, rounds=rounds, seed=7, lies=lies, version=version)
    Watch(world)
    world.run(until=END)
    check(world, unknown_inputs=who if name in INPUT_UNKNOWN else ())
    for node in world.nodes:
        if not node.honest:
            continue
        named = {blame.peer for blame in node.blamed}
        if name in BLAMED:
            assert named == set(who), named
            assert not set(who) & set(node.completed[rounds - 1].dealers), "it deals no more"
        else:
            assert named <= (set(who) if name in BLAMED_IF_MET else set())
        if name in CAUGHT_DEALING:
            assert not set(who) & set(node.completed[0].dealers)
        if name in ABSENT:
            assert not set(who) & set(node.completed[0].dealers)
            assert set(who) <= set(node.completed[0].absent)


@pytest.mark.parametrize("name", sorted(REVEALERS))
def test_where_nothing_is_drawn_there_is_nothing_to_reveal(name: str) -> None:
    """It says what an honest peer says, but for the copier: with another's key it can't deal."""
    world = swarm(EIGHT, 2, rounds=2, seed=7, lies={2: ALL[name]})
    Watch(world)
    world.run(until=END)
    check(world, guilty=())
    copies = name == "CommitCopier"
    assert world.nodes[0].aborted == []
    for record in world.nodes[0].completed.values():
        assert (2 in record.dealers) != copies


def test_a_lie_without_tricks_changes_nothing() -> None:
    worlds = [swarm(FOUR, 1, rounds=2, seed=7, lies=lies) for lies in ({}, {3: Lie()})]
    for world in worlds:
        world.nodes[3].honest = True  # a run goes on until every honest peer is done
        world.run(until=END)
    assert worlds[0].history.digest == worlds[1].history.digest


@pytest.mark.parametrize("name", LIES)
def test_lies_that_a_real_daemon_can_tell(name: str) -> None:
    counting = Evaluation((50,) * 8) if name == OVERCOUNT else None
    lies = {1: LIES[name], 5: LIES[name]}
    world = swarm(EIGHT, 2, rounds=2, lies=lies, evaluation=counting)
    Watch(world)
    world.run(until=END)
    check(world, guilty=(1, 5))
    for node in world.nodes:
        if node.honest:
            assert not {1, 5} & set(node.completed[1].dealers), "the guilty deal no more"


@pytest.mark.parametrize("seed", range(3))
def test_liars_that_say_nothing_at_all(seed: int) -> None:
    world = swarm(EIGHT, 2, rounds=2, seed=seed, silent=frozenset({0, 3}))
    Watch(world)
    world.run(until=END)
    check(world, guilty=())
    for node in world.nodes:
        if node.honest:
            assert {0, 3} <= set(node.completed[1].absent)


def company(rng: random.Random) -> Lie:
    """A liar in every role at once."""
    dealer, member = rng.choice(list(DEALERS.values())), rng.choice(list(MEMBERS.values()))
    elector, opener = rng.choice(list(ELECTORS.values())), rng.choice(list(OPENERS.values()))
    chosen = [dealer, member, opener]
    if rng.random() < 0.3:
        chosen.append(elector)
    told = Lie()
    for lie in chosen:
        told = told | lie if rng.random() < 0.8 else told
    return told


@pytest.mark.parametrize("seed", [*range(12), *later(range(12, 24))])
def test_liars_in_several_roles(seed: int) -> None:
    rng = random.Random(seed)
    plan, liars = rng.choice([(EIGHT, 2), (NINE, 2), (FOUR, 1)])
    who = rng.sample(range(plan.committee), liars)
    world = swarm(plan, liars, seed=seed, rounds=2, lies={peer: company(rng) for peer in who})
    Watch(world)
    world.run(until=END)
    check(world, unknown_inputs=who)


@pytest.mark.parametrize("relay", ["IdleRelay", "DenyingRelay"])
@pytest.mark.parametrize("dealer", ["Withholder", "GarbageDeliverer", "StubbornWithholder"])
def test_a_withholder_with_a_lying_relay(dealer: str, relay: str) -> None:
    world = swarm(EIGHT, 2, rounds=1, seed=2, lies={2: DEALERS[dealer], 4: MEMBERS[relay]})
    Watch(world)
    world.run(until=END)
    check(world, guilty=(2,) if dealer == "GarbageDeliverer" else ())


def test_a_liar_among_members_of_a_small_committee() -> None:
    world = swarm(SEATED, 1, peers=24, seed=4, lies={7: DEALERS["HighDegree"]})
    Watch(world)
    world.run(until=END)
    check(world, guilty=(7,))


@pytest.mark.parametrize("seed", [*range(1, 5), *later(range(5, 9))])
@pytest.mark.parametrize("name", ["wrong-opening", "bad-share"])
def test_more_liars_than_the_plan_covers_break_no_safety(name: str, seed: int) -> None:
    """t + 1 wrong openings: who hears all of them stops, who hears t of them first decodes the
    right sum, and stops too where too few others do. Nobody takes a wrong model.
    """
    lies = dict.fromkeys((0, 1, 4), LIES[name])
    world = swarm(EIGHT, 2, seed=seed, rounds=1, lies=lies)
    Watch(world)
    world.run(until=300_000)
    check(world, completes=False)
    if name == "wrong-opening":
        assert all(n.completed or n.stopped for n in world.nodes if n.honest)
