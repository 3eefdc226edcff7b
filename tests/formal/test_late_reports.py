"""Which reports count, explored: one liar among four members, every choice that it has (§5).

A state is what each honest member held when it listed. The liar's report comes to each of them
before that, after it, or never; its own list names what it likes; its proposal shows any Q lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, permutations, product

import pytest

from peerd.laboratory.simulation.crypto import Pretend
from protocols.plan import CommitteePlan
from protocols.record.cohort import Findings, Panel, gather
from protocols.wire.payloads import Check, Kind, Report, Seen, Topic
from protocols.wire.statement import Slot, Statement, sign

PLAN = CommitteePlan(committee=4, threshold=1, packing=1, absent=0)
PANEL = Panel(PLAN, (0, 1, 2, 3), (0, 1, 2, 3), 1)
HONEST, LIAR = (0, 1, 2), 3


def say(signer: int, kind: Kind, payload: Report | Seen, subject: int = 0) -> Statement:
    slot = Slot(0, 0, kind, subject, 0, signer)
    return sign(Pretend(), bytes([signer]) * 32, b"g" * 32, slot, payload)


REPORTS = [
    say(member, Kind.REPORT, Report(tuple((d, int(Check.OK), b"h" * 32) for d in range(4))))
    for member in HONEST
]
LATE = say(LIAR, Kind.REPORT, Report(tuple((d, int(Check.ASK), b"k" * 32) for d in range(4))))


def listed(member: int, reports: tuple[Statement, ...]) -> Statement:
    named = tuple(sorted(report.hash for report in reports))
    return say(member, Kind.SEEN, Seen(named, ()), Topic.COHORT)


def subsets(items: list[Statement]) -> Iterator[tuple[Statement, ...]]:
    return chain.from_iterable(combinations(items, size) for size in range(len(items) + 1))


def proposals(held: tuple[bool, ...]) -> Iterator[tuple[tuple[Statement, ...], Findings]]:
    """All that a leader may show: lists of a quorum, and whatever reports it likes."""
    honest = [
        listed(member, (*REPORTS, LATE) if has else (*REPORTS,))
        for member, has in zip(HONEST, held, strict=True)
    ]
    for own in subsets([*REPORTS, LATE]):
        lists = [*honest, listed(LIAR, own)]
        for size in range(PLAN.quorum, len(lists) + 1):
            for shown in combinations(lists, size):
                yield shown, gather(PANEL, (*REPORTS, LATE, *shown), ())


@pytest.mark.parametrize("held", [*product((False, True), repeat=3)])
def test_a_report_counts_only_where_an_honest_member_has_listed_it(held: tuple[bool, ...]) -> None:
    """So it was sent to all ahead of that list, and its asks have their time. Honest members'
    reports count in every proposal.
    """
    looked = counted = 0
    for _, findings in proposals(held):
        looked += 1
        counted += LIAR in findings.counted
        assert LIAR not in findings.counted or any(held)
        assert set(HONEST) <= findings.counted.keys()
    assert looked == 16 * 5
    assert bool(counted) is any(held)


def test_with_one_list_less_a_liar_alone_would_do() -> None:
    """The control: a rule of t lists lets a report count that nobody has seen."""
    found = proposals((False, False, False))
    assert any(LATE.hash in findings.named(0) for _, findings in found)


# -- when stages begin, with a message's delay between honest members at most one ----------------


def times(listing: tuple[int, ...], delays: tuple[int, ...], liar: int) -> tuple[int, ...]:
    """When each honest member's relay stage begins: of those that list at ``listing`` unless t + 1
    lists are here before; ``delays`` of their lists; ``liar``: to how many the liar's list comes at
    once, the first of them.
    """
    lists = {3: [0 if member < liar else None for member in HONEST]}
    at = dict(zip(HONEST, listing, strict=True))
    arrives = dict(zip(permutations(HONEST, 2), delays, strict=True))
    for _ in HONEST:  # until nothing moves any more
        for member in HONEST:
            here = sorted(heard(member, at, arrives, lists))
            if len(here) > PLAN.threshold:
                at[member] = min(at[member], here[PLAN.threshold])
    begin = []
    for member in HONEST:
        here = sorted([*heard(member, at, arrives, lists), at[member]])
        everybody = here[-1] if len(here) == 4 else None
        settled = here[PLAN.quorum - 1] + 2
        begin.append(settled if everybody is None else min(settled, everybody))
    return (*begin, *(at[member] for member in HONEST))


def heard(
    member: int,
    at: dict[int, int],
    arrives: dict[tuple[int, int], int],
    lists: dict[int, list[int | None]],
) -> list[int]:
    honest = [at[other] + arrives[other, member] for other in HONEST if other != member]
    liars = lists[3][member]
    return honest if liars is None else [*honest, liars]


def test_every_honest_member_has_listed_when_a_relay_stage_begins() -> None:
    """And relay stages begin at most three delays apart (§0, 5), whatever the liar does."""
    apart = 0
    for listing in product(range(6), repeat=3):
        for delays in product((0, 1), repeat=6):
            for liar in range(4):
                begin = times(listing, delays, liar)
                assert max(begin[3:]) <= min(begin[:3])
                apart = max(apart, max(begin[:3]) - min(begin[:3]))
    assert 0 < apart <= 3
