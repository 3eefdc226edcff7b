"""What a group says of its model beside the task: in its genesis, and in what is exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from peerd.errors import VerificationError
from peerd.group import Genesis
from peerd.group.fields import STATISTICS
from peerd.learning.settings import SEED_BITS


@dataclass(frozen=True, slots=True)
class Origin:
    """``model_seed``: what the first model is drawn from. ``statistics``: what becomes of running
    ones. ``fixed``: the hash of what nobody trains, empty where there is nothing.
    """

    model_seed: int
    statistics: str
    fixed: bytes

    @classmethod
    def of(cls, genesis: Genesis) -> Origin:
        """As the group has signed it."""
        return cls(genesis.model_seed, genesis.statistics, genesis.fixed)

    @classmethod
    def read(cls, description: Mapping[str, object]) -> Origin:
        """As a file says it. VerificationError, which does not name the file."""
        seed, statistics, fixed = (description.get(name) for name in cls.__slots__)
        try:
            if type(seed) is not int or not 0 <= seed < 1 << SEED_BITS:
                raise ValueError
            if statistics not in STATISTICS or not isinstance(fixed, str):
                raise ValueError
            return cls(seed, str(statistics), bytes.fromhex(fixed))
        except ValueError:
            raise VerificationError(
                f"its description has no {', '.join(cls.__slots__)} that can be",
                "have it exported again by this version of peerd",
            ) from None

    def described(self) -> dict[str, object]:
        """What ``read`` reads."""
        return {
            "model_seed": self.model_seed,
            "statistics": self.statistics,
            "fixed": self.fixed.hex(),
        }
