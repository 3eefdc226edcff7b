"""What liars and absences can choose: rows 49, 75, 81, 82 and 85 of docs/attacks.md."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product

import pytest

from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.swarm import first_model, setting_of
from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan, minimum_cohort, plan_group
from protocols.record.certificate import Certificate, verify_certificate
from protocols.record.effects import Effect, Send
from protocols.wire.canonical import pack, unpack
from protocols.wire.frames import FRAME_VERSION, StatementFrame, decode_frame
from protocols.wire.payloads import Check, Kind
from protocols.wire.statement import Statement, decode_statement
from tests.simulation.adversaries import DEALERS, ELECTORS
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, FOUR, NINE, TEN, swarm

END = 900_000


def statement_in(world: World, data: bytes) -> Statement | None:
    frame = decode_frame(data)
    if not isinstance(frame, StatementFrame):
        return None
    return decode_statement(frame.statement, world.setting.group)


# -- row 75: gone between commitment and reveal ------------------------------------------------


def large(
    peers: int, liars: int, gone: int, *, lies: dict[int, Lie], rounds: int, seed: int
) -> World:
    """A group whose plan lets ``gone`` honest peers vanish, and draws its committee."""
    share = Fraction(gone, peers)
    plan: CommitteePlan = plan_group(peers, Fraction(liars, peers), share, absent=0)
    assert plan.committee < peers
    setting = replace(setting_of(plan, liars, peers=peers, seed=seed), dropout=share)
    secrets, _ = swarm_secrets(setting.crypto, peers, seed)
    return World(
        setting,
        secrets,
        first_model(seed, 7),
        lambda peer, round_, model: model + peer + 1 if (peer + round_) % 2 else model - 1,
        seed=seed,
        rounds=rounds,
        liars=lies,
    )


def dies_before_its_reveal(world: World, victims: set[int]) -> None:
    """For good, in the first round: they have committed, and the coin waits for them."""

    def before(node: Node, effect: Effect) -> None:
        if node.index in victims and isinstance(effect, Send):
            said = statement_in(world, effect.frame)
            if said is not None and said.kind is Kind.REVEAL:
                world.crash(node)

    world.before = before


@pytest.mark.parametrize("liars", ["honest", "SilentRevealer"])
@pytest.mark.parametrize(("peers", "bad", "gone"), [(12, 1, 2), (16, 2, 2), (20, 2, 2)])
def test_a_share_q_is_gone_between_commitment_and_reveal(
    peers: int, bad: int, gone: int, liars: str
) -> None:
    """Flips run again without them, and every round completes at everybody else; with as many
    liars beside them as the plan bears, which keep their reveals back, too.
    """
    lies = {} if liars == "honest" else dict.fromkeys(range(bad), ELECTORS[liars])
    world = large(peers, bad, gone, lies=lies, rounds=2, seed=peers)
    victims = set(range(peers - gone, peers))
    dies_before_its_reveal(world, victims)
    Watch(world)
    world.run(until=END)
    assert all(not world.nodes[victim].up for victim in victims)
    check(world, guilty=(), away=victims)
    for node in world.nodes:
        if node.honest and node.up:
            assert victims <= set(node.completed[0].absent)
            assert len(node.completed[0].dealers) == peers - gone - len(lies)


# -- row 81: picking among cohorts -------------------------------------------------------------


def test_every_cohort_that_a_plan_lets_through_has_an_honest_majority() -> None:
    """Of s selected with at most b liars, at every size: liars are fewer than half of |D|min."""
    for selected in range(4, 200):
        for liars in range(1, (selected - 1) // 3 + 1):
            assert 2 * liars < minimum_cohort(selected, liars) <= selected


@pytest.mark.parametrize(
    "choice", list(product(("deals", "Mute", "StubbornWithholder", "MassWithholder"), repeat=2))
)
def test_which_liars_stay_in_the_cohort_is_all_that_they_can_choose(
    choice: tuple[str, str],
) -> None:
    """Two liars of nine, each in or out in another way: no honest dealer leaves with them."""
    lies = {
        peer: DEALERS[name] if name != "deals" else Lie()
        for peer, name in zip((2, 6), choice, strict=True)
    }
    world = swarm(NINE, 2, seed=5, lies=lies)
    Watch(world)
    world.run(until=END)
    check(world, guilty=())
    honest = set(range(9)) - {2, 6}
    for node in world.nodes:
        if node.honest:
            cohort = set(node.completed[0].dealers)
            assert honest <= cohort
            stayed = {peer for peer, name in zip((2, 6), choice, strict=True) if name == "deals"}
            assert cohort - honest == stayed
            assert Fraction(len(stayed), len(cohort)) <= Fraction(2, 9)


# -- row 82: reports held back -----------------------------------------------------------------


@pytest.mark.parametrize("dealer", ["Withholder", "StubbornWithholder"])
@pytest.mark.parametrize("held", [1000, 3900, 7900, None])
@pytest.mark.parametrize(("plan", "liars"), [(EIGHT, 2), (NINE, 2)])
def test_a_starved_member_asks_though_liars_hold_their_reports_back(
    plan: CommitteePlan, liars: int, held: int | None, dealer: str
) -> None:
    """One liar deals to all but its neighbour; the other's report comes late, or never (None)."""
    starver, silent, victim = 2, 6, 3
    world = swarm(plan, liars, seed=4, lies={starver: DEALERS[dealer], silent: Lie()})
    asked: set[int] = set()

    def is_report(sender: int, data: bytes) -> bool:
        said = statement_in(world, data)
        if said is not None and said.kind is Kind.REPORT and said.signer == victim:
            asked.update(peer for peer, word, _ in said.payload.words if word == Check.ASK)
        return sender == silent and said is not None and said.kind is Kind.REPORT

    if held is None:
        world.drop = lambda sender, to, data: is_report(sender, data)
    else:
        world.delay = lambda sender, to, data: held if is_report(sender, data) else None
    Watch(world)
    world.run(until=END)
    check(world, guilty=())
    assert starver in asked
    answered = dealer == "Withholder"
    for node in world.nodes:
        if node.honest:
            assert (starver in node.completed[0].dealers) is answered


# -- row 85: one certificate under different sets of signatures --------------------------------


@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (EIGHT, 2), (TEN, 1)])
def test_peers_that_hold_different_signatures_of_one_certificate_go_on_alike(
    plan: CommitteePlan, liars: int
) -> None:
    rounds = 4
    world = swarm(plan, liars, seed=4, rounds=rounds)
    Watch(world)
    world.run(until=END)
    check(world, guilty=())
    results = elections = 0
    for round_ in range(rounds):
        records = [node.completed[round_].certificate for node in world.nodes]
        held = [Certificate.decode(record) for record in records]
        results += len({frozenset(each.results) for each in held}) > 1
        elections += len({frozenset(each.election.votes) for each in held}) > 1
        named = [verify_certificate(world.setting, record) for record in records]
        assert len({(each.hash, each.elected.hash) for each in named}) == 1
    assert results >= 2, "two peers held different sets of a result's signatures"
    assert elections >= 2, "and of an election's votes"


# -- row 49: another version beside this one ---------------------------------------------------


@pytest.mark.parametrize("version", [0, FRAME_VERSION + 1, 2**40, "1"])
def test_a_peer_of_another_version_is_absent_and_the_refusal_names_both(
    version: int | str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = 3
    world = swarm(FOUR, 1, seed=2, rounds=2)
    world.nodes[other].honest = False  # it can't follow the group; nobody may blame it
    deliver = world._deliver

    def speaks(sender: Node, to: Node, frame: bytes) -> None:
        if other in (sender.index, to.index):
            frame = pack([version, *unpack(frame)[1:]])
        deliver(sender, to, frame)

    monkeypatch.setattr(world, "_deliver", speaks)
    world.run(until=END)
    for node in world.nodes[:other]:
        assert sorted(node.completed) == [0, 1]
        assert not node.blamed
        assert other in node.completed[0].absent
        said = {item.reason for item in node.dropped if item.peer == other}
        assert said == {f"frame of version {version!r}; this daemon speaks version {FRAME_VERSION}"}
    assert not world.nodes[other].completed
