"""What of the past is kept: the operator's policy, and what there is under it.

For good: certificates, evidence, and the transcripts of rounds with blame, since nobody else may
have the proof. Of the last rounds: transcripts as the policy says, models, opened sums. The last
RECENT rounds are kept whole, whatever the budget: the group goes on from them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MODELS_KEPT = 16
TRANSCRIPTS_KEPT = 128
SUMS_KEPT = 32
"""Blobs that no model and no transcript names. The library names the last 16 rounds' sums; what a
crash left without a row is among them until it is the oldest."""
SUMS_BYTES_KEPT = 1 << 31
RECENT = 2


@dataclass(frozen=True, slots=True)
class Keeping:
    """``transcripts``: of so many last rounds; None: of all. ``budget``: bytes that the data
    directory may take, as far as what is kept for good leaves it that choice; None: any.
    """

    transcripts: int | None = TRANSCRIPTS_KEPT
    budget: int | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many records went, and how many bytes."""

    transcripts: int = 0
    models: int = 0
    sums: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """``oldest``: the first round whose transcript is here and has no blame, or -1; ``transcripts``
    counts all, ``blamed`` those of rounds with blame. ``bytes``: of the whole data directory;
    ``expendable``: those of them that a budget may take.
    """

    oldest: int
    transcripts: int
    blamed: int
    bytes: int
    expendable: int
    keeping: Keeping

    @property
    def over(self) -> int:
        """Bytes beyond the budget that no pruning can save; 0 where there are none."""
        budget = self.keeping.budget
        return 0 if budget is None else max(0, self.bytes - self.expendable - budget)


def bytes_beside(directory: Path, aside: Path) -> int:
    """Of all files below ``directory`` but those below ``aside``; what is gone as it is looked at
    has none."""
    total = 0
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if Path(folder, name) != aside]
        for name in names:
            with suppress(FileNotFoundError):
                total += os.lstat(Path(folder, name)).st_size
    return total
