"""What is kept of a round that is certified, and opened here (docs/protocol.md §7)."""

from __future__ import annotations

from protocols.record.certificate import CertifiedRound
from protocols.record.cohort import Exclusion
from protocols.record.effects import Completed
from protocols.record.outcomes import RoundOver
from protocols.record.transcript import Transcript
from protocols.session.proofs import Proofs
from protocols.session.round import Round


def completed(
    round_: Round, over: RoundOver, certified: CertifiedRound, proofs: Proofs
) -> Completed:
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
        _absent(round_, over, certified, proofs.blamed_in(certified.round)),
        certified.close,
    )


def _absent(
    round_: Round, over: RoundOver, certified: CertifiedRound, blamed: set[int]
) -> tuple[int, ...]:
    """Who was to deal, and neither did nor is proven guilty."""
    if certified.flip is None:
        return ()
    guilty = {peer for peer, why in certified.cohort.excluded if why == Exclusion.GUILTY} | blamed
    guilty |= round_.position.ledger.guilty | {peer for peer, _ in certified.election.guilty}
    undrawn = set(certified.elected.keys) - set(over.selected)
    accounted = set(certified.cohort.peers) | guilty | undrawn
    return tuple(sorted(set(range(round_.peers)) - accounted))
