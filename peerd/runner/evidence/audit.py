"""``peerd audit``: a transcript or an exported proof, the genesis document, and nothing else."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from peerd.errors import VerificationError
from peerd.group import Genesis, load
from peerd.group.members import told
from peerd.identity import peer_id_of
from peerd.runner.evidence.evidence_file import Proven, is_evidence_file, verify_evidence_file
from peerd.runner.resume import setting_of
from protocols.errors import ProtocolError
from protocols.record.audit import Audit, audit_round

MAX_TRANSCRIPT_BYTES = 1 << 30


def audit(transcript: Path, genesis: Path) -> dict[str, Any]:
    """What was verified. Raises VerificationError, which says what does not hold."""
    group = load(genesis)
    group.verify()
    setting = setting_of(group)
    try:
        if transcript.stat().st_size > MAX_TRANSCRIPT_BYTES:
            raise VerificationError(f"{transcript}: more than {MAX_TRANSCRIPT_BYTES} bytes")
        data = transcript.read_bytes()
    except OSError as error:
        raise VerificationError(f"can't read {transcript}: {error.strerror}") from None
    if is_evidence_file(data):
        return proof_described(group, verify_evidence_file(setting, data, partial(told, group)))
    try:
        found = audit_round(setting, data)
    except ProtocolError as error:
        raise VerificationError(
            f"{transcript}: {told(group, error)}",
            f"this transcript does not prove what it claims to the group of {genesis}",
        ) from None
    return described(group, found)


def described(group: Genesis, found: Audit) -> dict[str, Any]:
    """What a verified transcript shows, for JSON."""
    names = [peer_id_of(public) for public in group.roster]
    certified = found.certified
    return {
        "group": group.group_id.hex(),
        "round": certified.round,
        "attempt": certified.attempt,
        "committee": [names[peer] for peer in found.seats],
        "cohort": [names[peer] for peer in certified.cohort.peers],
        "absent": [names[peer] for peer in certified.cohort.absent],
        "abandoned_by": [names[peer] for peer in found.abandoned_by],
        "words": found.words,
        "flips_voided_by": [names[peer] for peer in found.voided_by],
        "previous": certified.end.previous.hex(),
        "certificate": certified.hash.hex(),
        "model_hash": certified.end.model.hex(),
        "cohort_follows_from_evidence": found.cohort_follows,
        "blamed": [
            {
                "peer": names[item.culprit],
                "name": group.name_of(item.culprit),
                "round": item.round,
                "reason": item.reason,
            }
            for item in found.findings
        ],
    }


def proof_described(group: Genesis, proven: Proven) -> dict[str, Any]:
    """Of a file of ``peerd blame export``."""
    peer = peer_id_of(group.roster[proven.peer])
    return {
        "group": group.group_id.hex(),
        "round": proven.round,
        "evidence": proven.evidence.hex(),
        "transcript": proven.transcript,
        "blamed": [
            {
                "peer": peer,
                "name": group.name_of(proven.peer),
                "round": proven.round,
                "reason": proven.reason,
            }
        ],
    }
