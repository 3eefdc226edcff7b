"""docs/protocol.md §1: the conditions, and what the planner must find or beat."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.plan import (
    SECURITY_BITS,
    CommitteePlan,
    PlanError,
    attempts,
    broken_conditions,
    dropouts_of,
    election_tail,
    hypergeometric_tail,
    liars_among,
    liars_of,
    minimum_cohort,
    plan_group,
    plan_swarm,
    require_sound,
    roster_quorum,
)
from tests.tiers import later

TENTH = Fraction(1, 10)

ROSTER_SITS = [
    (4, 1, 0, 1),
    (6, 1, 1, 1),
    (7, 2, 0, 1),
    (8, 1, 1, 2),
    (8, 2, 0, 1),
    (9, 2, 1, 1),
    (10, 1, 1, 3),
    (10, 2, 1, 2),
    (10, 3, 0, 1),
]


@pytest.mark.parametrize(("peers", "liars", "absent", "packing"), ROSTER_SITS)
def test_roster_plans_of_section_5(peers: int, liars: int, absent: int, packing: int) -> None:
    plan = plan_swarm(peers, liars, absent)
    assert plan == CommitteePlan(peers, liars, packing, absent)
    assert broken_conditions(plan) == ()
    more = CommitteePlan(peers, liars, packing + 1, absent)
    assert broken_conditions(more)


def test_swarm_takes_an_absent_peer_only_where_the_size_allows() -> None:
    assert plan_swarm(8, 2).absent == 0
    assert plan_swarm(9, 2).absent == 1
    assert plan_swarm(8, 0) == plan_swarm(8, 1)


def test_eight_peers_with_two_liars_and_a_crash_have_no_plan() -> None:
    with pytest.raises(PlanError, match="9 or 10 peers would do, or 1 liars at most among 8"):
        plan_swarm(8, 2, 1)


@pytest.mark.parametrize("peers", [*range(4, 33), 64])
def test_a_group_of_a_swarm_has_the_swarms_plan(peers: int) -> None:
    """The swarm sizes its group with one function, every daemon derives its plan with another."""
    for liars in range(1, peers // 3 + 1):
        for absent in (0, 1, None):
            try:
                plan = plan_swarm(peers, liars, absent)
            except PlanError:
                continue
            dropout = Fraction(plan.absent, peers)
            assert plan == plan_group(peers, Fraction(liars, peers), dropout, absent=plan.absent)


def test_swarm_refusal_when_no_size_would_do() -> None:
    with pytest.raises(PlanError, match="nor does any up to 5000"):
        plan_swarm(8, 4000)


@pytest.mark.parametrize(
    ("peers", "committee", "threshold", "packing"),
    [(10, 10, 1, 4), (100, 100, 10, 35), (1000, 300, 65, 53), (5000, 512, 107, 96)],
)
def test_packed_plans_at_ten_percent(
    peers: int, committee: int, threshold: int, packing: int
) -> None:
    named = plan_group(peers, TENTH, committee=committee)
    assert (named.threshold, named.packing, named.absent) == (threshold, packing, 0)
    best = plan_group(peers, TENTH)
    assert Fraction(best.committee, best.packing) <= Fraction(committee, packing)


def test_tail_without_replacement_and_with_a_pool_that_shrank() -> None:
    plan = CommitteePlan(300, 65, 53, 0)
    assert election_tail(plan, 1000, TENTH, Fraction(0)).log2() == pytest.approx(-47.9, abs=0.05)
    shrunk = election_tail(plan, 1000, TENTH, Fraction(15, 100)).log2()
    assert shrunk == pytest.approx(-35.2, abs=0.05)


def test_adversary_is_floored_exactly() -> None:
    assert liars_of(100, Fraction("0.29")) == 29
    assert liars_of(4, Fraction(0)) == 1
    assert dropouts_of(100, Fraction("0.29")) == 29
    with pytest.raises(TypeError):
        plan_group(100, 0.1)  # type: ignore[arg-type]


def test_minimum_cohort_keeps_two_honest_dealers() -> None:
    assert minimum_cohort(3, 1) == 3
    assert minimum_cohort(7, 2) == 5
    assert minimum_cohort(100, 10) == 67
    for selected in range(1, 60):
        for liars in range(selected + 1):
            cohort = minimum_cohort(selected, liars)
            assert cohort - liars >= 2
            assert 2 * liars < cohort


def test_roster_quorum() -> None:
    assert roster_quorum(8, 2, 0) == 6
    with pytest.raises(PlanError, match="= 9 peers"):
        roster_quorum(8, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, TENTH, Fraction(0)), "4 to 5000 peers"),
        ((5001, TENTH, Fraction(0)), "4 to 5000 peers"),
        ((10, Fraction(1, 3), Fraction(0)), "below 1/3"),
        ((10, TENTH, Fraction(1)), "below 1"),
        ((8, Fraction(1, 4), Fraction(1, 8)), "7, 9 or"),
        ((600, Fraction(3, 10), Fraction(0)), "512 peers would do"),
    ],
)
def test_refusals_say_what_would_do(
    arguments: tuple[int, Fraction, Fraction], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        plan_group(*arguments)


@pytest.mark.parametrize("size", [7, 9, 10])
def test_advised_sizes_do(size: int) -> None:
    with pytest.raises(PlanError, match=rf"\b{size}\b"):
        plan_group(8, Fraction(1, 4), absent=1)
    assert plan_group(size, Fraction(1, 4), absent=1).absent == 1


def test_roster_needs_an_absent_seat_for_each_dropout() -> None:
    with pytest.raises(PlanError, match="in a committee of 10"):
        plan_group(10, TENTH, TENTH, absent=0, committee=10)
    assert plan_group(10, TENTH, TENTH).absent == 1


def test_a_connection_cap_draws_a_committee() -> None:
    plan = plan_group(1000, TENTH, connection_cap=300)
    assert plan.committee <= 300
    assert plan.threshold <= 65
    assert Fraction(plan.committee, plan.packing) <= Fraction(300, 53)


def test_sampled_dealers_are_judged_by_the_tail() -> None:
    assert plan_group(1000, TENTH, selected=400) == plan_group(1000, TENTH)
    with pytest.raises(PlanError, match="too few dealers: of 6 selected"):
        plan_group(1000, TENTH, selected=6)


@pytest.mark.parametrize("field", ["committee", "threshold", "packing", "absent"])
def test_a_plan_is_made_of_counts(field: str) -> None:
    good = {"committee": 4, "threshold": 1, "packing": 1, "absent": 0}
    assert CommitteePlan(**good)
    for bad in (-1, True, 1.0):
        with pytest.raises(PlanError, match=field):
            CommitteePlan(**{**good, field: bad})  # type: ignore[arg-type]


def test_require_sound_names_each_broken_condition() -> None:
    with pytest.raises(PlanError) as caught:
        require_sound(CommitteePlan(4, 2, 2, 1))
    assert all(name in str(caught.value) for name in ("(A)", "(B)", "(C)"))


@settings(max_examples=25)
@given(
    peers=st.integers(4, 200),
    adversary=st.fractions(0, Fraction(1, 3), max_denominator=20),
    dropout=st.fractions(0, Fraction(1, 4), max_denominator=20),
    cap=st.integers(4, 120),
)
def test_a_plan_meets_every_condition(
    peers: int, adversary: Fraction, dropout: Fraction, cap: int
) -> None:
    try:
        plan = plan_group(peers, adversary, dropout, connection_cap=cap)
    except PlanError:
        return
    liars, gone = liars_of(peers, adversary), dropouts_of(peers, dropout)
    assert broken_conditions(plan) == ()
    assert plan.committee <= cap
    # two quorums share an honest member; the certificate can be signed without the silent
    assert 2 * plan.quorum - plan.committee >= plan.threshold + 1
    assert plan.quorum >= plan.threshold + plan.absent + 1
    assert peers - liars - max(gone, 0) >= minimum_cohort(peers, liars)
    if plan.committee == peers:
        assert plan.threshold == liars
        assert plan.absent >= gone
        return
    assert plan.committee <= peers - gone - liars
    for pool in range(peers - gone, peers + 1):
        tail = hypergeometric_tail(pool, liars, plan.committee, plan.threshold)
        assert tail.below(SECURITY_BITS, attempts(peers, adversary, dropout))


@pytest.mark.parametrize("largest", [150, *later([600])])
@settings(max_examples=40)
@given(
    data=st.data(),
    adversary=st.fractions(0, Fraction(8, 25), max_denominator=50),
    absent=st.integers(0, 5),
)
def test_packing_is_as_large_as_the_conditions_allow(
    largest: int, data: st.DataObject, adversary: Fraction, absent: int
) -> None:
    peers = data.draw(st.integers(4, largest))
    try:
        plan = plan_group(peers, adversary, absent=absent)
    except PlanError:
        return
    larger = CommitteePlan(plan.committee, plan.threshold, plan.packing + 1, absent)
    assert broken_conditions(larger)


def test_liars_among_drawn_dealers_are_fewer_than_b_and_exceeded_never_in_2_to_the_40() -> None:
    flips = 1 + 100 + 50
    assert liars_among(100, 100, 10, 11) == 10
    bound = liars_among(300, 950, 100, flips)
    assert bound < 100
    assert hypergeometric_tail(950, 100, 300, bound).below(40, flips)
    assert not hypergeometric_tail(950, 100, 300, bound - 1).below(40, flips)
    assert liars_among(9, 10, 3, 4) == 3, "few dealers may all be liars"
    assert liars_among(2, 2, 3, 4) == 2, "no more lie than there are"


@pytest.mark.parametrize("peers", [24, 40, 100, 400])
@pytest.mark.parametrize("share", [Fraction(1, 20), TENTH, Fraction(1, 5), Fraction(3, 10)])
@pytest.mark.parametrize("gone", [0, 1])
def test_convictions_leave_a_group_that_draws_its_dealers_alive(
    peers: int, share: Fraction, gone: int
) -> None:
    """b_s counts on b liars in a pool that convictions made smaller. Where the convicted are the
    adversary's, enough dealers remain for |D|min all the same, in a group that (D) lets run.
    """
    liars, flips = liars_of(peers, share), 1 + liars_of(peers, share) + gone
    runs = 0
    for selected in range(3, peers - gone - liars + 1, max(1, peers // 12)):
        bound = liars_among(selected, peers - gone, liars, flips)
        if selected - bound - gone < minimum_cohort(selected, bound):
            continue
        runs += 1
        for convicted in {1, liars // 2, liars}:
            pool = peers - gone - convicted
            lying = liars_among(selected, pool, liars - convicted, flips)
            bound = liars_among(selected, pool, liars, flips)
            assert selected - lying - gone >= minimum_cohort(selected, bound)
    assert runs or share == Fraction(3, 10)
