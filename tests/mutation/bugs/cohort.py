"""Planted bugs: who is in the cohort: complaints, deliveries, asks, reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from peerd.laboratory.adversaries import ALL
from protocols.errors import WireError
from protocols.record.cohort import Findings, Panel, sort_in
from protocols.record.door import read_statement
from protocols.record.effects import NOTHING
from protocols.record.inbox import Admission
from protocols.wire.payloads import Kind
from protocols.wire.statement import Slot, Statement
from tests.mutation import attacks, expectations, liars
from tests.mutation.attacks import (
    alone,
    leading,
)
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant
BORROWED = alone(liars.BORROWED)
WRONG_KEY = alone(liars.WRONG_KEY, guilty=None)
STARVER = alone(liars.STARVER, guilty=False)
REPEATER = leading(liars.REPEATER)
OMITTING = leading(ALL["AttestationOmitter"])
HIGH_DEGREE = alone("HighDegree")
TWO_REPORTS = alone("TwoReports")
FALSE_COMPLAINT = alone("FalseComplainer")
KEYLESS = alone("KeylessAsker", guilty=False)


COHORT = "protocols.record.cohort:"
plant(
    "a complaint is judged under any dealer's header",
    "protocols.record.evidence:_Case.header",
    lambda sound: lambda self, data, dealer: _any_header(self, data),
    BORROWED,
    "framed abort",
)
plant(
    "a delivery is opened with any key",
    "protocols.record.evidence:_disclosure",
    lambda sound: _any_key(sound),
    WRONG_KEY,
    "framed",
)
plant(
    "a report is listed without the keys of its asks",
    "protocols.committee.asks:Asks.holds",
    always(True),
    KEYLESS,
    "termination",
)
plant(
    "t relays are enough",
    COHORT + "_resolved",
    lambda sound: (
        lambda panel, found, dealer, asker, header: (
            sound(panel, found, dealer, asker, header)
            or len(found.attestations.get((dealer, asker), ())) >= panel.plan.threshold
        )
    ),
    STARVER,
    "termination",
)
plant(
    "one OK fewer is enough",
    "protocols.plan.committee:CommitteePlan.quorum",
    lambda sound: property(lambda self: sound.fget(self) - 1),
    expectations.cohort,
    "cohort",
    seeds=1,
)
plant(
    "the smallest cohort is ignored",
    COHORT + "Panel.smallest_cohort",
    lambda sound: property(lambda self: 1),
    attacks.untrained,
    "cohort-size",
)


def _any_header(case: Any, data: bytes) -> Statement:
    header: Statement = case.signed(read_statement(case.setting, data), Kind.HEADER)
    return header


def _any_key(sound: Any) -> Any:
    def disclosure(case: Any) -> Any:
        from protocols.record.evidence import Finding

        try:
            return sound(case)
        except WireError as error:
            if "another key" not in str(error):
                raise
            delivery = case.evidence.statements[1]
            return Finding(delivery.signer, "planted", delivery.slot.round)

    return disclosure


@bug(
    "a statement that is listed twice voids itself",
    COHORT + "gather",
    REPEATER,
    "abort",
    seeds=1,
)
def _voids_repeats(sound: Any) -> Any:
    def gather(panel: Panel, statements: Iterable[Statement], guilty: Iterable[int]) -> Findings:
        findings = Findings(guilty=set(guilty))
        by_slot: dict[Slot, list[Statement]] = {}
        for statement in statements:
            by_slot.setdefault(statement.slot, []).append(statement)
        for said in by_slot.values():
            if len(said) == 1 or said[0].kind is Kind.SEEN:
                sort_in(panel, findings, said[0])
        findings.settle(panel)
        return findings

    return gather


plant(
    "a proposal may leave out what members hold",
    "protocols.committee.shown:Shown.lacking",
    always(set()),
    OMITTING,
    "left-out",
    seeds=1,
)
plant(
    "two statements in a slot are no conflict",
    "protocols.record.inbox:Inbox.admit",
    lambda sound: lambda self, s: Admission.KNOWN if s.slot in self._slots else sound(self, s),
    TWO_REPORTS,
    "blame",
)
plant(
    "a report's complaint is not followed by its proof",
    "protocols.committee.receiver:Receiver.complain",
    always(NOTHING),
    HIGH_DEGREE,
    "blame",
)
plant(
    "complaints about valid shares pass",
    "protocols.record.evidence:_complaint",
    lambda sound: lambda case: _only(sound(case), "dealt shares"),
    FALSE_COMPLAINT,
    "blame",
)


def _only(finding: Any, reason: str) -> Any:
    if not finding.reason.startswith(reason):
        raise WireError("planted")
    return finding
