"""A decided cohort whose sum is lost for good, given up by the group's operators (docs §6).

What is opened next starts from the same model, so that two sums may be compared: people decide it,
in these words, and nothing here ever signs them by itself.
"""

from __future__ import annotations

from collections.abc import Collection

from protocols.record.setting import Setting
from protocols.wire.payloads import Abandon

WORDS = (
    "We give up the sum of the cohort named here. Up to t members, and whom they tell, may know"
    " that sum all the same. What is opened next starts from the same model: the difference of the"
    " two sums may show the update of a single peer. We accept this."
)


def abandons(payload: Abandon, cohort: bytes, previous: bytes, model: bytes) -> bool:
    """Whether this gives up just that cohort, in the group's words."""
    return payload == Abandon(previous, cohort, model, WORDS.encode())


def enough(setting: Setting, seats: Collection[int], signers: Collection[int]) -> bool:
    """A quorum of the roster, and among them one of the committee.

    The second excludes a certificate of the same attempt: that takes a quorum of the committee as
    well, and the two share t + 1 members. One of them is honest, and signs one of the two.
    """
    seated = len(set(seats) & set(signers))
    return len(signers) >= setting.roster_quorum and seated >= setting.plan.quorum
