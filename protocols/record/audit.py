"""What a third party can check with a round's transcript and the group's setting (docs §7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.errors import WireError
from protocols.record.abandonment import WORDS
from protocols.record.certificate import CertifiedRound, ResolutionCertificate, verify_certificate
from protocols.record.cohort import decide, gather, two_faced
from protocols.record.door import is_signed, read_statement
from protocols.record.elected import committee_electorate, elected, panel_of, verify_election
from protocols.record.evidence import Evidence, Fault, Finding, judge, judge_bytes
from protocols.record.setting import Setting
from protocols.record.transcript import Transcript
from protocols.record.votes import check_quorum, outcome_hash
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import Statement


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

    @property
    def abandoned_by(self) -> tuple[int, ...]:
        """Whose operators gave the cohort up, in the words of protocols.record.abandonment."""
        return self.certified.signers if self.certified.abandoned else ()

    @property
    def words(self) -> str | None:
        """What they signed."""
        return WORDS if self.certified.abandoned else None


def audit_round(setting: Setting, data: bytes) -> Audit:
    """Verify a transcript. WireError says what does not hold; nothing else is believed."""
    transcript = Transcript.decode(data)
    certified = verify_certificate(setting, transcript.certificate)
    _check_void_flips(setting, transcript, certified)
    findings = tuple(judge_bytes(setting, item) for item in transcript.evidence)
    voided = [elected(setting, flip).election.missing for flip in transcript.void]
    voided_by = tuple(peer for missing in voided for peer in missing)
    if isinstance(certified.certificate, ResolutionCertificate):
        if transcript.cohort_votes or transcript.pool:
            raise WireError("a cohort in a round that a resolution ended")
        return Audit(certified, (), voided_by, findings, True)
    if transcript.cohort_votes:
        check_quorum(
            setting,
            committee_electorate(setting, certified.elected),
            Kind.SECOND_VOTE,
            (certified.round, certified.attempt, Topic.COHORT),
            transcript.cohort_votes,
            outcome_hash(Topic.COHORT, certified.certificate.cohort),
        )
    return Audit(
        certified,
        certified.elected.seats,
        voided_by,
        findings,
        _cohort_follows(setting, transcript, certified),
    )


def _check_void_flips(setting: Setting, transcript: Transcript, certified: CertifiedRound) -> None:
    for flip in transcript.void:
        if flip.round != certified.round or not verify_election(setting, flip).election.missing:
            raise WireError("a void flip of another round, or one that was not void")


def _cohort_follows(setting: Setting, transcript: Transcript, certified: CertifiedRound) -> bool:
    statements = [_read(setting, certified, item) for item in transcript.pool]
    proofs = _proofs(transcript, certified, statements)
    guilty = [culprit for proof in proofs for culprit in _culprits(setting, proof)]
    panel = panel_of(setting, certified.elected)
    outcome = decide(panel, gather(panel, statements, guilty))
    return outcome.dealers == certified.cohort.dealers


def _proofs(
    transcript: Transcript, certified: CertifiedRound, statements: list[Statement]
) -> Iterator[Evidence]:
    """What in the pool may convict by itself."""
    election, liars = certified.elected.certificate, two_faced(statements)
    by_hash = {statement.hash: statement for statement in statements}
    for said in statements:
        if said.kind is Kind.COMPLAINT:
            yield Evidence(Fault.COMPLAINT, election, (said,), transcript.base)
        elif said.kind is Kind.DISCLOSURE and said.signer not in liars:
            report = by_hash.get(said.payload.report)
            delivery = by_hash.get(said.payload.delivery)
            if report is not None and delivery is not None:
                told = report, delivery, said
                yield Evidence(Fault.DISCLOSURE, election, told, transcript.base)


def _culprits(setting: Setting, evidence: Evidence) -> list[int]:
    """Nobody, if it proves nothing: a liar's second statement in a slot is in the pool as such."""
    try:
        return [judge(setting, evidence).culprit]
    except WireError:
        return []


def _read(setting: Setting, certified: CertifiedRound, data: bytes) -> Statement:
    statement = read_statement(setting, data)
    slot = statement.slot
    key = certified.elected.keys.get(slot.signer)
    if slot.place != certified.elected.place or key is None:
        raise WireError("a statement of another round in the pool")
    if slot.by_identity or not is_signed(setting, statement, key):
        raise WireError(f"a statement in the pool that peer {slot.signer} did not sign")
    return statement
