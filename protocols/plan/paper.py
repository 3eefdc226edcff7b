"""The paper's rules for a committee's size (appendix B.1.1), by name, with both readings.

The paper draws with replacement (a binomial) and packs nothing. Its numbers for RSA and centered
clipping are those of Pr[X > m(1/2 - q/2)] < 2^-40, while its text asks for a *smaller* proportion
than 1/2 - q/2, which fails at Pr[X >= m(1/2 - q/2)]. The first reading is looser: at m = 46 the
text's condition fails with 2^-36.8. It is here so that the paper can be checked, and is not a
secure choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from protocols.plan.committee import PlanError
from protocols.plan.search import SECURITY_BITS
from protocols.plan.tails import Tail, binomial_below, binomial_tail

LARGEST_COMMITTEE = 2000
"""Where the search of the paper's rules ends."""


@dataclass(frozen=True, slots=True)
class PaperRule:
    """Tolerate a share ``alone - slope * q`` of liars; strictly less of them, if ``strict``."""

    alone: Fraction
    slope: Fraction
    strict: bool

    def share(self, dropout: Fraction) -> Fraction:
        return self.alone - self.slope * dropout


@dataclass(frozen=True, slots=True)
class PaperCommittee:
    """``committee`` m, ``threshold`` = liars tolerated, ``failure`` of the *text's* condition."""

    committee: int
    threshold: int
    failure: Tail


_HALF = (Fraction(1, 2), Fraction(1, 2))
_THIRD = (Fraction(1, 3), Fraction(2, 3))

PAPER_RULES: Mapping[str, PaperRule] = MappingProxyType(
    {
        "paper-half": PaperRule(*_HALF, strict=False),
        "paper-half-strict": PaperRule(*_HALF, strict=True),
        "paper-third": PaperRule(*_THIRD, strict=False),
        "paper-third-strict": PaperRule(*_THIRD, strict=True),
    }
)


def paper_committee(rule: PaperRule, adversary: Fraction, dropout: Fraction) -> PaperCommittee:
    """The smallest committee that meets the rule with 2^-40. PlanError if there is none."""
    share = rule.share(dropout)
    if not 0 <= adversary < share:
        raise PlanError(
            f"the rule tolerates a share of liars below {share} at dropout {dropout}; "
            f"adversary {adversary} is not"
        )
    for m in range(1, LARGEST_COMMITTEE + 1):
        fails_at = _fails_at(m, share, rule.strict)
        if binomial_below(m, adversary, fails_at, SECURITY_BITS):
            text = binomial_tail(m, adversary, _fails_at(m, share, strict=True))
            return PaperCommittee(m, fails_at - 1, text)
    raise PlanError(
        f"no committee up to {LARGEST_COMMITTEE} meets the rule at adversary {adversary} and "
        f"dropout {dropout}; lower one of them"
    )


def _fails_at(committee: int, share: Fraction, strict: bool) -> int:
    """The fewest liars that break the rule."""
    bound = committee * share
    return -int(-bound // 1) if strict else int(bound) + 1
