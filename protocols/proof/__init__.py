"""The distributed zero-knowledge proof that a dealing is well formed (docs/protocol.md §3).

``context`` is 32 bytes or more that the round makes: a hash of version, group, round, attempt,
election certificate, plan, field, |v|, aggregator and constants, base model, dealer. The
challenges come from it, the shape and the root.
"""

from protocols.proof.checking import Verdict, check, check_many, check_proof
from protocols.proof.dealing import Dealing, Split, deal, seal, split
from protocols.proof.shape import DealingShape, SlotConstraint, challenge_count

__all__ = [
    "Dealing",
    "DealingShape",
    "SlotConstraint",
    "Split",
    "Verdict",
    "challenge_count",
    "check",
    "check_many",
    "check_proof",
    "deal",
    "seal",
    "split",
]
