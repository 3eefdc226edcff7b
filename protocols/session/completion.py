"""What is kept of a round that is certified, and opened here (docs/protocol.md §7)."""

from __future__ import annotations

from protocols.record.certificate import CertifiedRound
from protocols.record.effects import Completed
from protocols.record.outcomes import RoundOver
from protocols.record.transcript import Transcript
from protocols.session.proofs import Proofs
from protocols.session.round import Round


def completed(
    round_: Round, over: RoundOver, certified: CertifiedRound, proofs: Proofs
) -> Completed:
    guilty = proofs.blamed_in(certified.round) | round_.position.ledger.guilty
    transcript = Transcript(
        round_.void_flips,
        over.votes,
        over.pool,
        proofs.pieces(),
        over.certified.certificate,
        round_.base_items,
    )
    return Completed(
        certified.round,
        transcript.certificate,
        transcript.encode(),
        over.polynomials,
        over.model,
        certified.end.model,
        certified.dealers,
        certified.undealt(over.selected, round_.peers, guilty),
        certified.close,
    )
