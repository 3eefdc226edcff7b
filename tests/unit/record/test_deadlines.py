"""docs/protocol.md §0: every deadline leaves time for what the protocol does in it."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from peerd.laboratory.simulation.swarm import FOUR, SEATED, TEN, group_id, setting_of, swarm
from protocols.aggregation import aggregator
from protocols.errors import ProtocolError
from protocols.plan import CommitteePlan
from protocols.record.deadlines import MAX_PATIENCE, PHASES, Deadlines, Sizes, derive
from protocols.record.setting import Setting
from protocols.sizes import sizes_of
from protocols.wire.frames import (
    DealingFrame,
    Frame,
    ProposalFrame,
    SeenFrame,
    StatementFrame,
    SumFrame,
    decode_frame,
)
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import decode_statement

BALL = aggregator("centered-clipping-l2", {"theta": 12})
HUNDRED = CommitteePlan(committee=100, threshold=10, packing=33, absent=5)
SETTINGS = {
    "4 peers": setting_of(FOUR, 1, parameters=1000),
    "4 peers, 100,000 parameters in a ball": setting_of(FOUR, 1, parameters=10**5, rule=BALL),
    "10 peers, packed": setting_of(TEN, 1, parameters=10**5),
    "24 peers, 10 sit": setting_of(SEATED, 1, peers=24, parameters=3000),
    "24 peers, 10 sit, 9 deal": setting_of(SEATED, 1, peers=24, clients=9, parameters=3000),
    "100 peers": setting_of(HUNDRED, 10, parameters=10_000),
}
DELTAS = (1, 100, 1000, 3000, 60_000)
BANDWIDTHS = (10**4, 10**6, 10**8)
TRAININGS = (1, 18, 3600)


@pytest.mark.parametrize("setting", [None, *SETTINGS.values()], ids=["no bytes", *SETTINGS])
def test_what_a_phase_holds_fits_in_it(setting: Setting | None) -> None:
    sizes = Sizes() if setting is None else sizes_of(setting)
    for delta, bandwidth, training in product(DELTAS, BANDWIDTHS, TRAININGS):
        found = derive(delta, bandwidth, training, sizes)
        _check(found, delta, bandwidth, training, sizes)
        longer = {name: 3 * value for name, value in found.phases.items()}
        _check(found.lengthened(longer), delta, bandwidth, training, sizes)


def _check(found: Deadlines, delta: int, bandwidth: int, training: int, sizes: Sizes) -> None:
    def ms(size: int) -> float:
        return 1000 * size / bandwidth

    assert found.recall >= 2 * delta + ms(sizes.recalled)
    assert found.commit >= found.recall + 2 * delta + ms(sizes.commits)
    assert found.commit >= 4 * delta + ms(2 * sizes.sums + sizes.commits)
    if sizes.fetched:
        assert found.commit >= 6 * delta + ms(2 * sizes.sums + sizes.fetched + sizes.commits)
    assert found.grace <= found.commit
    assert found.agreement >= 4 * delta + ms(sizes.proposals)
    longest, wait = found.view(MAX_PATIENCE), found.leads(MAX_PATIENCE)
    assert wait >= 3 * delta + ms(sizes.locks)
    assert longest >= 2 * delta + wait + 3 * delta + ms(sizes.contested)
    assert found.deal >= 1000 * training + 2 * delta + ms(sizes.dealings)
    assert found.hurry >= delta + ms(sizes.dealings)
    assert found.check >= 4 * delta
    assert found.check >= found.hurry + 2 * delta + ms(sizes.dealings + sizes.evidence)
    assert found.check >= 3 * delta + found.have + ms(sizes.evidence)
    assert 2 * found.check >= 4 * delta + found.hurry + ms(sizes.dealings + sizes.evidence)
    assert found.relay >= 4 * delta + ms(sizes.deliveries)
    assert found.open >= 3 * delta + ms(2 * sizes.sums)
    assert found.result >= 4 * delta + ms(sizes.caught_up)
    assert found.result >= found.behind


def test_the_defaults_are_derived_too() -> None:
    assert derive(1000, 10**6, 18, Sizes()) == Deadlines()


@pytest.mark.parametrize("name", PHASES)
def test_a_deadline_is_lengthened_and_never_shortened(name: str) -> None:
    least = getattr(Deadlines(), name)
    assert getattr(Deadlines().lengthened({name: least + 1}), name) == least + 1
    assert Deadlines().lengthened({name: least}) == Deadlines()
    with pytest.raises(ProtocolError, match=rf"{name} is {least - 1} ms, and at least {least} ms"):
        Deadlines().lengthened({name: least - 1})


@pytest.mark.parametrize("name", ["commit", "have", "behind"])
def test_a_deadline_is_positive(name: str) -> None:
    with pytest.raises(ProtocolError, match=f"{name} must be positive"):
        Deadlines(**{name: 0})


# -- the sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "peers", "liars", "clients"),
    [(FOUR, 4, 1, None), (TEN, 10, 1, None), (SEATED, 24, 1, None), (SEATED, 24, 1, 9)],
    ids=["4", "10", "24, 10 sit", "24, 10 sit, 9 deal"],
)
def test_no_peer_sends_or_receives_more_than_is_counted(
    plan: CommitteePlan, peers: int, liars: int, clients: int | None
) -> None:
    world = swarm(plan, liars, peers=peers, clients=clients, parameters=3000)
    moved: Counter[tuple[str, str, int]] = Counter()

    def count(sender: int, to: int, data: bytes) -> bool:
        step = _step(decode_frame(data))
        moved["sent", step, sender] += len(data)
        moved["received", step, to] += len(data)
        return False

    world.drop = count
    world.run()
    most: dict[str, int] = {}
    for (_, step, _), size in moved.items():
        most[step] = max(size, most.get(step, 0))
    sizes = sizes_of(world.setting)
    assert most["commits"] <= sizes.commits < 4 * most["commits"]
    assert most["dealings"] <= sizes.dealings < 3 * most["dealings"]
    assert most["reports"] <= sizes.evidence
    assert most["sums"] <= sizes.sums < 3 * most["sums"]
    assert max(most["election"], most["cohort"]) <= sizes.proposals <= sizes.contested


def _step(frame: Frame) -> str:
    if isinstance(frame, DealingFrame):
        return "dealings"
    if isinstance(frame, SumFrame):
        return "sums"
    if isinstance(frame, SeenFrame | ProposalFrame):
        subject = decode_statement(frame.statement, group_id()).slot.subject
        return {Topic.COMMITS: "election", Topic.COHORT: "cohort"}.get(Topic(subject), "reveals")
    if isinstance(frame, StatementFrame):
        kind = decode_statement(frame.statement, group_id()).kind
        return {Kind.COMMIT: "commits", Kind.REPORT: "reports"}.get(kind, "")
    return ""
