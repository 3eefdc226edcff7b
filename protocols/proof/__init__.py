"""The distributed zero-knowledge proof that a dealing is well formed (docs/protocol.md §3).

``context`` is 32 bytes or more that the round makes: a hash of version, group, round, attempt,
election certificate, plan, field, |v|, aggregator and constants, base model, dealer. The group and
the dealer bind the dealer's public inputs. The challenges come from it, the shape and the root.
"""

from protocols.proof.checking import Verdict, check, check_many, check_proof
from protocols.proof.dealing import Dealing, Split, deal, seal, split
from protocols.proof.relation import (
    BIT,
    FREE,
    Late,
    Linear,
    Link,
    Relation,
    Scaled,
    Segment,
    SlotConstraint,
    Smallness,
    Square,
    SummedConstraint,
    one_segment,
)
from protocols.proof.shape import DealingShape, challenge_count
from protocols.proof.smallness import ProjectionOverflow

__all__ = [
    "BIT",
    "FREE",
    "Dealing",
    "DealingShape",
    "Late",
    "Linear",
    "Link",
    "ProjectionOverflow",
    "Relation",
    "Scaled",
    "Segment",
    "SlotConstraint",
    "Smallness",
    "Split",
    "Square",
    "SummedConstraint",
    "Verdict",
    "challenge_count",
    "check",
    "check_many",
    "check_proof",
    "deal",
    "one_segment",
    "seal",
    "split",
]
