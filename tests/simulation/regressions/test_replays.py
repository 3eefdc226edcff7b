"""Runs that broke a rule once: what ``peerd simulate --replay`` printed for them, kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peerd.laboratory.simulation.groups import Group, group_of
from peerd.laboratory.simulation.operations import parse
from peerd.laboratory.simulation.scenario import Scenario, run
from protocols.plan import CommitteePlan
from protocols.version import EARLIEST, LATEST

FOUR = Group(4, 1, CommitteePlan(4, 1, 1, 0))
FIVE = Group(5, 1, CommitteePlan(5, 1, 1, 0))
SEVEN = Group(7, 2, CommitteePlan(7, 2, 1, 0))


@pytest.mark.parametrize(
    ("seed", "group", "operations"),
    [
        pytest.param(
            127,
            SEVEN,
            "choosy 0 3,4,6; lie 2 OtherHeaderDeliverer",
            id="a report withheld from half keeps them a dealing deadline behind",
        ),
        pytest.param(
            11,
            FOUR,
            "lie 3 RubbishLeader; fickle 3 10; crash 1 78 0 0; disk 2 29 40;"
            " late 1 1182 1782 3000; power 1,2 1082 1",
            id="a lock from a later view than the one that its holder announces",
        ),
        pytest.param(
            4,
            FOUR,
            "lie 0 SilentRevealer; late 2 4306 49306 6000",
            id="fewer keys than a quorum: an attempt that could neither decide nor end",
        ),
        pytest.param(
            4,
            FOUR,
            "rush 0 3900; lie 0 SilentRevealer; late 2 2153 47153 6000",
            id="one that was late to reveal was kept out of a round that could not do without it",
        ),
        pytest.param(
            674,
            None,
            "rush 0 3900; fickle 0 90; disk 3 12 9000; slow 747 45747 300",
            id="a SEEN was signed before what it lists was on the disk",
        ),
        pytest.param(
            2003,
            None,
            "silent 1; power 2,3 2420 60000",
            id="one that went on alone through an outage stayed ahead by some views for good",
        ),
        pytest.param(
            251,
            FOUR,
            "choosy 0 1,2; repeat 2049 47049 30 12000; drop 2 442 45442 100",
            id="a lock of this view that others showed brought no second vote",
        ),
        pytest.param(
            251,
            FOUR,
            "choosy 0 1,2; drop 2 442 45442 100",
            id="too few can ever vote on a cohort, and nobody called for the operators",
        ),
        pytest.param(
            704082,
            None,
            "freeze 3 755 45755; rhythm 5; pause 3 6245 0",
            id="one that froze, and was away once it was back, heard of the last round no more",
        ),
        pytest.param(
            1001785,
            Group(6, 1, CommitteePlan(4, 1, 1, 0), clients=5),
            "late 1 746 9746 45000",
            id="a drawn dealer that had trained too late kept its update",
        ),
        pytest.param(
            1002739,
            Group(6, 1, CommitteePlan(4, 1, 1, 0)),
            "lie 1 ShortPackages; lie 1 ManyReports",
            id="what a member with many reports disclosed was held by some and refused by others",
        ),
        pytest.param(
            794,
            None,
            "lie 1 equivocate; crash 2 12 2 60000; disk 2 26 300",
            id="one that restarted waited as long as the others, and began too late every time",
        ),
        pytest.param(
            20335,
            None,
            "lie 2 GarbageDeliverer; fickle 2 50",
            id="a liar's result made the others' certificate, and never reached two: they ask now",
        ),
        pytest.param(
            1067,
            None,
            "lie 0 MassWithholder; late 1 395 9395 6000",
            id="one that was late to reveal was missed in every cohort after",
        ),
        pytest.param(
            100,
            FIVE,
            "lie 1 OtherBaseDeliverer; disk 3 26 2000",
            id="the same, with a guilty member and one that restarted late",
        ),
        pytest.param(
            1004280,
            FIVE,
            "lie 0 WrongResult; late 1 613 45613 3000",
            id="one guilty and an honest one locked out: too few for any attempt of that round",
        ),
        pytest.param(
            1004849,
            FIVE,
            "lie 2 WrongResult; crash 1 25 0 9000",
            id="the same, locked out because it restarted in a flip",
        ),
        pytest.param(
            1049439,
            None,
            "fickle 5 50; lie 5 equivocate; freeze 3 320 45320",
            id="of two commitments the other was certified: the reveal proves nothing by this one",
        ),
        pytest.param(
            1044526,
            None,
            "power 2 4366 40; freeze 2 656 45656; crash 2 98 2 300",
            id="two rounds in one event, and a crash between them: the disk was ahead of itself",
        ),
        pytest.param(
            4035090,
            None,
            "freeze 1 1757 10757; cut 1 3126 12126 2",
            id="the same, and the others had finished, who say hello to nobody",
        ),
        pytest.param(
            2027726,
            None,
            "cut 6 2729 4729 2",
            id="it completed a round behind a cut, and nobody sent it again what the next had said",
        ),
        pytest.param(
            1015503,
            None,
            "cut 1 3130 12130 2; restore 1 7 300 40; power 1 3472 9000",
            id="one that sat out on a backup, and had forgotten that when it started once more",
        ),
        pytest.param(
            3615,
            None,
            "cut 0 19 619 1; restore 0 36 300 300; outage 0,1,2,3,4,5,6 5 60 40",
            id="a young backup, and then all who could have told it lose power: it is excused",
        ),
        pytest.param(
            219,
            None,
            "choosy 2 3; lie 2 CommitOnly; outage 0,1,3 3 52 300",
            id="two that had seen a flip end did not say so to the third: they had not begun yet",
        ),
        *(
            pytest.param(
                1004849,
                FIVE,
                f"lie 2 WrongResult; crash 1 25 0 9000; power 0,1,3,4 {when} 300",
                id=f"the same, and all restart behind the attempt that was too small, at {when}",
            )
            for when in (10_000, 14_000, 18_000, 22_000)
        ),
    ],
)
@pytest.mark.parametrize("version", [EARLIEST, LATEST])
def test_it_holds_now(seed: int, group: Group | None, operations: str, version: int) -> None:
    """Most were found when a coin was flipped where all sit, as the earliest version does."""
    for rounds in (1, 2):
        where = replace(group or group_of(seed), version=version)
        verdict = run(Scenario(seed, where, rounds, tuple(parse(operations))))
        assert not verdict.rule, verdict.what


@pytest.mark.parametrize(
    ("rounds", "seed", "operations"),
    [
        pytest.param(
            3,
            110051,
            "freeze 0 6104 51104",
            id="two rounds behind: the last one's words were lost, and nobody was asked for them",
        ),
        pytest.param(
            3,
            116489,
            "lie 0 overcount; power 2 3517 60000; pause 2 1115 13115",
            id="its operator had it come back while it was down",
        ),
        pytest.param(
            6,
            2528,
            "fickle 4 10; restore 0 257 300 9000; pause 0 1625 0",
            id="a pause that outlives a restart, and ended the survey before it began",
        ),
        pytest.param(
            6,
            5485,
            "silent 0; disk 3 15 1; rest 13976 2000; rhythm 3",
            id="one that rests, and hears of nothing but readiness",
        ),
        pytest.param(
            2,
            311962,
            "fickle 3 90; repeat 1324 46324 30 50; outage 0,1,2 0 60 9000; rest 1632 2000;"
            " rhythm 5; skew 0 -200",
            id="an operator took for carried out what its daemon died of",
        ),
        pytest.param(
            2,
            214,
            "lie 2 CommitCopier; silent 5; ring 2,5; outage 0,1,3,4,6 6 178 1",
            id="all died ahead of their sums, and did not look at the dealings that they had kept",
        ),
    ],
)
def test_more_rounds_hold_now(rounds: int, seed: int, operations: str) -> None:
    group = group_of(seed, named="dp-sgd" if seed == 214 else None)
    verdict = run(Scenario(seed, group, rounds, tuple(parse(operations))))
    assert not verdict.rule, verdict.what
