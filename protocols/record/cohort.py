"""The cohort D: which dealings are opened together (docs/protocol.md §3, §5).

``decide`` is a pure function of the evidence that a proposal carries. It is what every voter runs
to judge a proposal, and what an auditor runs afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from protocols.errors import WireError
from protocols.plan import CommitteePlan, minimum_cohort
from protocols.wire.canonical import pack, unpack
from protocols.wire.schema import (
    HASH,
    MAX_PEERS,
    PEER,
    Integer,
    ListOf,
    Tuple,
    from_value,
    strictly_rising,
    to_value,
    wire,
)
from protocols.wire.statement import Check, Kind, Statement


class Exclusion(IntEnum):
    ABSENT = 1
    GUILTY = 2


@dataclass(frozen=True)
class Cohort:
    """(dealer, header hash) of every dealing in D, and why the other selected dealers are not.

    No dealers: this attempt opens nothing, because too few dealings stood, or (``GIVEN_UP``)
    because the members' patience was over before they agreed on a cohort.
    """

    dealers: tuple[tuple[int, bytes], ...] = wire(ListOf(Tuple((PEER, HASH)), MAX_PEERS))
    excluded: tuple[tuple[int, int], ...] = wire(ListOf(Tuple((PEER, Integer(2, 1))), MAX_PEERS))

    def encode(self) -> bytes:
        return pack(to_value(self))

    @classmethod
    def decode(cls, data: bytes) -> Cohort:
        cohort = from_value(cls, unpack(data))
        strictly_rising((peer for peer, _ in cohort.dealers), "dealers")
        strictly_rising((peer for peer, _ in cohort.excluded), "excluded")
        if {p for p, _ in cohort.dealers} & {p for p, _ in cohort.excluded}:
            raise WireError("a dealer is both in the cohort and excluded")
        return cohort

    @property
    def peers(self) -> tuple[int, ...]:
        return tuple(peer for peer, _ in self.dealers)

    @property
    def absent(self) -> tuple[int, ...]:
        return tuple(peer for peer, why in self.excluded if why == Exclusion.ABSENT)


GIVEN_UP = Cohort((), ())
"""The outcome that follows from no evidence: somebody was selected, and nobody is excluded (§6)."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Who deals and who judges in this attempt. ``liars`` bounds those among the selected."""

    plan: CommitteePlan
    seats: tuple[int, ...]
    selected: tuple[int, ...]
    liars: int

    @property
    def smallest_cohort(self) -> int:
        """|D|min (§5): a cohort with one honest client would open that client's update."""
        return minimum_cohort(len(self.selected), min(self.liars, len(self.selected)))

    @property
    def most_askers(self) -> int:
        return self.plan.threshold + self.plan.absent

    def relays(self, asker: int) -> tuple[int, ...]:
        """The 2t + e + 1 seats after the asker's, cyclically (§3), as peers."""
        seat, size = self.seats.index(asker), len(self.seats)
        count = min(2 * self.plan.threshold + self.plan.absent + 1, size - 1)
        return tuple(self.seats[(seat + step) % size] for step in range(1, count + 1))

    def errand(self, dealer: int, asker: int) -> int:
        """The subject of what is said about one asker and one dealer."""
        return dealer * len(self.seats) + self.seats.index(asker)

    def errand_of(self, subject: int) -> tuple[int, int]:
        """(dealer, asker) of a subject; WireError if there are no such peers."""
        dealer, seat = divmod(subject, len(self.seats))
        if dealer not in self.selected:
            raise WireError(f"peer {dealer} is not a selected dealer")
        return dealer, self.seats[seat]


@dataclass(slots=True)
class Findings:
    """What is known of the dealings: statements by their place, and who is proven guilty."""

    reports: dict[int, Statement] = field(default_factory=dict)
    attestations: dict[tuple[int, int], dict[int, bytes]] = field(default_factory=dict)
    answers: dict[tuple[int, int], bytes] = field(default_factory=dict)
    guilty: set[int] = field(default_factory=set)
    _words: dict[int, dict[int, tuple[int, bytes]]] = field(default_factory=dict)

    def take_report(self, report: Statement) -> None:
        self.reports[report.signer] = report
        for about, word, data in report.payload.words:
            self._words.setdefault(about, {})[report.signer] = (word, data)

    def words(self, dealer: int) -> Mapping[int, tuple[int, bytes]]:
        """Member → (word, hash or key) about this dealer."""
        return self._words.get(dealer, {})


def gather(panel: Panel, statements: Iterable[Statement], guilty: Iterable[int]) -> Findings:
    """Sort verified statements; a second statement in a slot voids the first (its signer lies)."""
    findings = Findings(guilty=set(guilty))
    by_slot: dict[object, Statement] = {}
    conflicting = set()
    for statement in statements:
        known = by_slot.setdefault(statement.slot, statement)
        if known.body != statement.body:
            conflicting.add(statement.slot)
            findings.guilty.add(statement.signer)
    for slot, statement in by_slot.items():
        if slot not in conflicting:
            sort_in(panel, findings, statement)
    return findings


def two_faced(statements: Iterable[Statement]) -> set[int]:
    """Members with two reports. What they disclose is left out of the decision, whatever it proves:
    it is judged against one of their reports, and nobody keeps all that such a liar may sign.
    """
    first: dict[int, bytes] = {}
    return {
        statement.signer
        for statement in statements
        if statement.kind is Kind.REPORT
        and first.setdefault(statement.signer, statement.body) != statement.body
    }


def sort_in(panel: Panel, findings: Findings, statement: Statement) -> None:
    """One statement, whose slot no other one voids."""
    signer = statement.signer
    if signer not in panel.seats:
        return
    if statement.kind is Kind.REPORT:
        findings.take_report(statement)
    elif statement.kind is Kind.ATTESTATION:
        errand = panel.errand_of(statement.slot.subject)
        if signer in panel.relays(errand[1]):
            findings.attestations.setdefault(errand, {})[signer] = statement.payload.delivery
    elif statement.kind is Kind.ANSWER:
        errand = panel.errand_of(statement.slot.subject)
        if errand[1] == signer:
            findings.answers[errand] = statement.payload.header


def decide(panel: Panel, findings: Findings) -> Cohort:
    """f(evidence): the outcome that these findings call for."""
    dealers: list[tuple[int, bytes]] = []
    excluded: list[tuple[int, int]] = []
    for dealer in panel.selected:
        header = None if dealer in findings.guilty else standing_header(panel, findings, dealer)
        if dealer in findings.guilty:
            excluded.append((dealer, int(Exclusion.GUILTY)))
        elif header is None:
            excluded.append((dealer, int(Exclusion.ABSENT)))
        else:
            dealers.append((dealer, header))
    if len(dealers) < panel.smallest_cohort:
        return Cohort((), tuple(excluded))
    return Cohort(tuple(dealers), tuple(excluded))


def standing_header(panel: Panel, findings: Findings, dealer: int) -> bytes | None:
    """The header under which a dealing stands (§3), or None: its dealer counts as absent.

    It stands with m − t − e OKs for one header, at most t + e ASKs, and each ASK answered or its
    delivery attested by t + 1 relays.
    """
    words = findings.words(dealer)
    askers = [member for member, (word, _) in words.items() if word == Check.ASK]
    if len(askers) > panel.most_askers:
        return None
    header, count = _most_named(findings, dealer, words, askers)
    if header is None or count < panel.plan.quorum:
        return None
    if all(_resolved(panel, findings, dealer, asker, header) for asker in askers):
        return header
    return None


def _resolved(panel: Panel, findings: Findings, dealer: int, asker: int, header: bytes) -> bool:
    if findings.answers.get((dealer, asker)) == header:
        return True
    attested = Counter(findings.attestations.get((dealer, asker), {}).values())
    return any(count > panel.plan.threshold for count in attested.values())


def open_errands(panel: Panel, findings: Findings) -> list[tuple[int, int]]:
    """(dealer, asker) of the ASKs that are not resolved yet, and still could be."""
    return [errand for errand, delivered in _unanswered(panel, findings) if not delivered]


def awaited_errands(
    panel: Panel, findings: Findings, dealers: Iterable[int] | None = None
) -> list[tuple[int, int]]:
    """(dealer, asker) of the ASKs whose asker may still have something to say: a delivery that is
    attested is not opened yet, and its asker may hold proof against the dealer. ``dealers``: of
    these only; by default of all.
    """
    return [
        errand
        for errand, _ in _unanswered(panel, findings, dealers)
        if errand[1] not in findings.guilty
    ]


def _unanswered(
    panel: Panel, findings: Findings, dealers: Iterable[int] | None = None
) -> Iterable[tuple[tuple[int, int], bool]]:
    """Errands without an answer that names the header under which the dealing would stand, each
    with whether its delivery is attested."""
    for dealer in panel.selected if dealers is None else dealers:
        words = findings.words(dealer)
        askers = [member for member, (word, _) in words.items() if word == Check.ASK]
        if dealer in findings.guilty or not 0 < len(askers) <= panel.most_askers:
            continue
        header, _ = _most_named(findings, dealer, words, askers)
        for asker in askers:
            if header is None or findings.answers.get((dealer, asker)) != header:
                attested = Counter(findings.attestations.get((dealer, asker), {}).values())
                yield (dealer, asker), any(n > panel.plan.threshold for n in attested.values())


def _most_named(
    findings: Findings, dealer: int, words: Mapping[int, tuple[int, bytes]], askers: Iterable[int]
) -> tuple[bytes | None, int]:
    """The header that most members say OK to, in their reports or in answers, and how many."""
    oks = Counter(data for word, data in words.values() if word == Check.OK)
    for asker in askers:
        answer = findings.answers.get((dealer, asker))
        if answer is not None:
            oks[answer] += 1
    return max(oks.items(), key=lambda item: (item[1], item[0]), default=(None, 0))
