"""What a group says of its model beside the task: in its genesis, and in what is exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.errors import VerificationError
from peerd.group import Genesis
from peerd.group.fields import STATISTICS
from peerd.learning.settings import SEED_BITS

if TYPE_CHECKING:
    from peerd.learning.start_file import Start

DESCRIBED = ("model_seed", "statistics", "fixed")


@dataclass(frozen=True, slots=True)
class Origin:
    """``model_seed``: what the first model is drawn from. ``statistics``: what becomes of running
    ones. ``fixed``: the hash of what nobody trains, empty where there is nothing. ``start``: the
    file that the group starts from, if it does and the file is here.
    """

    model_seed: int
    statistics: str
    fixed: bytes
    start: Start | None = None

    @classmethod
    def of(cls, genesis: Genesis, start_from: Path | None = None) -> Origin:
        """As the group has signed it. ``start_from``: this machine's file of the first model."""
        start = None
        if start_from is not None:
            from peerd.learning.start_file import Start  # it imports torch

            start = Start(start_from, genesis.task, genesis.task_options)
        return cls(genesis.model_seed, genesis.statistics, genesis.fixed, start)

    @classmethod
    def read(cls, description: Mapping[str, object]) -> Origin:
        """As a file says it. VerificationError, which does not name the file."""
        seed, statistics, fixed = (description.get(name) for name in DESCRIBED)
        try:
            if type(seed) is not int or not 0 <= seed < 1 << SEED_BITS:
                raise ValueError
            if statistics not in STATISTICS or not isinstance(fixed, str):
                raise ValueError
            return cls(seed, str(statistics), bytes.fromhex(fixed))
        except ValueError:
            raise VerificationError(
                f"its description has no {', '.join(DESCRIBED)} that can be",
                "have it exported again by this version of peerd",
            ) from None

    def described(self) -> dict[str, object]:
        """What ``read`` reads."""
        return {
            "model_seed": self.model_seed,
            "statistics": self.statistics,
            "fixed": self.fixed.hex(),
        }
