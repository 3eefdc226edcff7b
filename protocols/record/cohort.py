"""The cohort D: which dealings are opened together (docs/protocol.md §3, §5).

``decide`` is a pure function of the evidence that a proposal carries. It is what every voter runs
to judge a proposal, and what an auditor runs afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from protocols.errors import WireError
from protocols.plan import CommitteePlan, minimum_cohort
from protocols.wire.bits import bits_in, with_bits
from protocols.wire.canonical import pack, unpack
from protocols.wire.payloads import Attestation, Check, Kind
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
from protocols.wire.statement import Statement


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


POOL_KINDS = frozenset(
    {
        Kind.HEADER,
        Kind.SEEN,
        Kind.REPORT,
        Kind.COMPLAINT,
        Kind.DELIVERY,
        Kind.ATTESTATION,
        Kind.ANSWER,
        Kind.DISCLOSURE,
    }
)
"""What may say something about a cohort."""

GIVEN_UP = Cohort((), ())
"""The outcome that follows from no evidence: somebody was selected, and nobody is excluded (§6)."""


Errand = tuple[int, int]
"""(dealer, asker): one ask for one dealing."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Who deals and who judges in this attempt. ``liars`` bounds those among the selected, of whom
    ``honest`` at least must be in a cohort: their noise is counted on.
    """

    plan: CommitteePlan
    seats: tuple[int, ...]
    selected: tuple[int, ...]
    liars: int
    honest: int = 0

    @property
    def smallest_cohort(self) -> int:
        """|D|min (§5): a cohort with one honest client would open that client's update."""
        liars = min(self.liars, len(self.selected))
        return max(minimum_cohort(len(self.selected), liars), self.noise_dealers)

    @property
    def noise_dealers(self) -> int:
        """How many dealers add noise, so that ``honest`` of them are; 0 where there is none."""
        return self.honest and self.honest + min(self.liars, len(self.selected))

    @property
    def most_askers(self) -> int:
        return self.plan.threshold + self.plan.absent

    def relays(self, asker: int) -> tuple[int, ...]:
        """The 2t + e + 1 seats after the asker's, cyclically (§3), as peers."""
        seat, size = self.seats.index(asker), len(self.seats)
        return tuple(self.seats[(seat + step) % size] for step in range(1, self._relays + 1))

    @property
    def _relays(self) -> int:
        return min(2 * self.plan.threshold + self.plan.absent + 1, len(self.seats) - 1)

    def errand(self, dealer: int, asker: int) -> int:
        """The subject of what is said about one asker and one dealer."""
        return dealer * len(self.seats) + self.seats.index(asker)

    def errand_of(self, subject: int) -> Errand:
        """(dealer, asker) of a subject; WireError if there are no such peers."""
        dealer, seat = divmod(subject, len(self.seats))
        if dealer not in self.selected:
            raise WireError(f"peer {dealer} is not a selected dealer")
        return dealer, self.seats[seat]

    def attestation(self, relay: int, carried: Iterable[Errand]) -> Attestation:
        """What a relay says that it has carried: a bit for each errand that it may be sent."""
        askers = {asker: place for place, asker in enumerate(self._asking(relay))}
        dealers = {dealer: place for place, dealer in enumerate(self.selected)}
        bits = (askers[asker] * len(dealers) + dealers[dealer] for dealer, asker in carried)
        return Attestation(with_bits(bits, len(askers) * len(dealers)))

    def attested(self, statement: Statement) -> Iterator[Errand]:
        """The errands in it. WireError for one that is about nobody."""
        askers, size = self._asking(statement.signer), len(self.selected)
        for bit in bits_in(statement.payload.carried, len(askers) * size):
            yield self.selected[bit % size], askers[bit // size]

    def _asking(self, relay: int) -> tuple[int, ...]:
        """For whom a peer is a relay: the seats before its own, the nearest first."""
        seat, size = self.seats.index(relay), len(self.seats)
        return tuple(self.seats[(seat - step) % size] for step in range(1, self._relays + 1))

    def attests(self, statement: Statement) -> bool:
        """Whether it says anything. WireError where it is about nobody."""
        return bool(list(self.attested(statement)))


@dataclass(slots=True)
class Findings:
    """What is known of the dealings: statements by their place, and who is proven guilty. A word
    of theirs counts for nothing.

    ``seen``: the hashes of the reports that each member has listed. ``counted``: the reports that
    count, once ``settle`` has been called.
    """

    reports: dict[int, Statement] = field(default_factory=dict)
    seen: dict[int, frozenset[bytes]] = field(default_factory=dict)
    attestations: dict[Errand, set[int]] = field(default_factory=dict)
    answers: dict[Errand, bytes] = field(default_factory=dict)
    guilty: set[int] = field(default_factory=set)
    counted: dict[int, Statement] = field(default_factory=dict)
    _words: dict[int, dict[int, tuple[int, bytes]]] = field(default_factory=dict)

    def named(self, threshold: int) -> set[bytes]:
        """The reports that more than ``threshold`` members have listed: an honest one has."""
        times = Counter(key for hashes in self.seen.values() for key in hashes)
        return {key for key, count in times.items() if count > threshold}

    def settle(self, panel: Panel) -> None:
        """Which reports count. What the others ask had no time to be answered (fault 89)."""
        named = self.named(panel.plan.threshold)
        for signer, report in self.reports.items():
            if report.hash in named:
                self._count(signer, report)

    def _count(self, signer: int, report: Statement) -> None:
        self.counted[signer] = report
        for about, word, data in report.payload.words:
            self._words.setdefault(about, {})[signer] = (word, data)

    def words(self, dealer: int) -> Mapping[int, tuple[int, bytes]]:
        """Member → (word, hash or key) about this dealer, in the reports that count."""
        return self._words.get(dealer, {})

    def usual(self, panel: Panel) -> list[tuple[int, bytes]]:
        """Of each dealer to which somebody says OK the header that most do."""
        named = ((dealer, usual_header(self, dealer)[0]) for dealer in panel.selected)
        return [(dealer, header) for dealer, header in named if header is not None]

    def askers(self, dealer: int) -> list[int]:
        return [member for member, (word, _) in self.words(dealer).items() if word == Check.ASK]


def gather(panel: Panel, statements: Iterable[Statement], guilty: Iterable[int]) -> Findings:
    """Sort verified statements. Whoever has two of them in a slot lies."""
    findings = Findings(guilty=set(guilty))
    by_slot: dict[object, Statement] = {}
    for statement in statements:
        known = by_slot.setdefault(statement.slot, statement)
        if known.body != statement.body:
            findings.guilty.add(statement.signer)
    for statement in by_slot.values():
        sort_in(panel, findings, statement)
    findings.settle(panel)
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
    signer, said = statement.signer, statement.payload
    if signer not in panel.seats or signer in findings.guilty:
        return
    match statement.kind:
        case Kind.REPORT:
            findings.reports[signer] = statement
        case Kind.SEEN if not statement.slot.by_identity:
            findings.seen[signer] = frozenset(said.statements)
        case Kind.ATTESTATION:
            for errand in panel.attested(statement):
                findings.attestations.setdefault(errand, set()).add(signer)
        case Kind.ANSWER:
            errand = panel.errand_of(statement.slot.subject)
            if errand[1] == signer:
                findings.answers[errand] = said.header


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
    askers = findings.askers(dealer)
    if len(askers) > panel.most_askers:
        return None
    header, count = usual_header(findings, dealer)
    count += sum(findings.answers.get((dealer, asker)) == header for asker in askers)
    if header is None or count < panel.plan.quorum:
        return None
    if all(_resolved(panel, findings, dealer, asker, header) for asker in askers):
        return header
    return None


def _resolved(panel: Panel, findings: Findings, dealer: int, asker: int, header: bytes) -> bool:
    if findings.answers.get((dealer, asker)) == header:
        return True
    return len(findings.attestations.get((dealer, asker), ())) > panel.plan.threshold


def errands(panel: Panel, findings: Findings, dealers: Iterable[int]) -> Iterator[Errand]:
    """(dealer, asker) of the ASKs of which something depends: of neither a guilty dealer nor one
    that is absent whatever is said.
    """
    for dealer in dealers:
        askers = findings.askers(dealer)
        if dealer not in findings.guilty and len(askers) <= panel.most_askers:
            yield from ((dealer, asker) for asker in askers)


def awaited_errands(panel: Panel, findings: Findings, dealers: Iterable[int]) -> list[Errand]:
    """Those of these dealers whose asker may still have something to say, since it has not said
    that it holds what the others do. A delivery that is attested is not opened yet, and its asker
    may hold proof against the dealer.
    """
    awaited = []
    for dealer in dealers:
        header, _ = usual_header(findings, dealer)
        for errand in errands(panel, findings, (dealer,)):
            if header is None or findings.answers.get(errand) != header:
                awaited.append(errand)
    return awaited


def usual_header(findings: Findings, dealer: int) -> tuple[bytes | None, int]:
    """The header to which most members say OK in their reports, and how many. An answer counts if
    it names this one: askers are too few to choose another.
    """
    oks = Counter(data for word, data in findings.words(dealer).values() if word == Check.OK)
    return max(oks.items(), key=lambda item: (item[1], item[0]), default=(None, 0))
