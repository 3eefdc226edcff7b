"""What a third party can check with a round's transcript and the group's setting (docs §7)."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.errors import WireError
from protocols.record.certificate import (
    CertifiedRound,
    ElectionCertificate,
    committee_electorate,
    panel_of,
    seats_of,
    verify_certificate,
)
from protocols.record.cohort import decide, gather, two_faced
from protocols.record.evidence import Evidence, Fault, Finding, Judge
from protocols.record.setting import Setting
from protocols.record.transcript import Transcript
from protocols.record.votes import check_quorum, outcome_hash
from protocols.wire.statement import Kind, Statement, Topic, decode_statement


@dataclass(frozen=True, slots=True)
class Audit:
    """All verified: the certified round, its committee, and who is proven guilty of what."""

    certified: CertifiedRound
    seats: tuple[int, ...]
    voided_by: tuple[int, ...]
    findings: tuple[Finding, ...]
    cohort_follows: bool
    """Whether the pool as this transcript holds it gives the decided cohort. A member's pool may
    hold evidence that came after the decision, so False is no proof of anything."""


def audit_round(setting: Setting, data: bytes) -> Audit:
    """Verify a transcript. WireError says what does not hold; nothing else is believed."""
    transcript = Transcript.decode(data)
    certified = verify_certificate(setting, transcript.certificate)
    election = certified.certificate.election
    _check_void_flips(setting, transcript, certified)
    if transcript.cohort_votes:
        check_quorum(
            setting.crypto,
            setting.group,
            committee_electorate(setting, certified.election),
            Kind.SECOND_VOTE,
            (certified.round, certified.attempt, Topic.COHORT),
            transcript.cohort_votes,
            outcome_hash(Topic.COHORT, certified.certificate.cohort),
        )
    judge = Judge(setting)
    findings = tuple(judge.judge(item) for item in transcript.evidence)
    return Audit(
        certified,
        seats_of(setting, certified.election),
        tuple(p for flip in transcript.void for p in flip.election.missing),
        findings,
        _cohort_follows(setting, transcript, certified, election, judge),
    )


def _check_void_flips(setting: Setting, transcript: Transcript, certified: CertifiedRound) -> None:
    for flip in transcript.void:
        if flip.round != certified.round or not flip.verify(setting).missing:
            raise WireError("a void flip of another round, or one that was not void")


def _cohort_follows(
    setting: Setting,
    transcript: Transcript,
    certified: CertifiedRound,
    election: ElectionCertificate,
    judge: Judge,
) -> bool:
    statements = [_read(setting, certified, item) for item in transcript.pool]
    guilty: list[int] = []
    liars = two_faced(statements)
    by_hash = {statement.hash: statement for statement in statements}
    for statement in statements:
        if statement.kind is Kind.COMPLAINT:
            items = statement.wire, *transcript.base
            guilty += _culprits(judge, Evidence(Fault.COMPLAINT, election, items))
        elif statement.kind is Kind.DISCLOSURE and statement.signer not in liars:
            said = statement.payload
            if said.report in by_hash and said.delivery in by_hash:
                told = by_hash[said.report].wire, by_hash[said.delivery].wire, statement.wire
                items = *told, *transcript.base
                guilty += _culprits(judge, Evidence(Fault.DISCLOSURE, election, items))
    panel = panel_of(setting, certified.election)
    outcome = decide(panel, gather(panel, statements, guilty))
    return outcome.dealers == certified.cohort.dealers


def _culprits(judge: Judge, evidence: Evidence) -> list[int]:
    """Nobody, if it proves nothing: a liar's second statement in a slot is in the pool as such."""
    try:
        return [judge.judge(evidence.encode()).culprit]
    except WireError:
        return []


def _read(setting: Setting, certified: CertifiedRound, data: bytes) -> Statement:
    statement = decode_statement(data, setting.group)
    slot = statement.slot
    key = certified.election.keys.get(slot.signer)
    if (slot.round, slot.attempt) != (certified.round, certified.attempt) or key is None:
        raise WireError("a statement of another round in the pool")
    if slot.by_identity or not statement.signed_by(setting.crypto, key):
        raise WireError(f"a statement in the pool that peer {slot.signer} did not sign")
    return statement
