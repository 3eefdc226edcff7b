"""The shortest list of operations that still breaks the same rule (Zeller's delta debugging)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
MAX_RUNS = 150
"""Runs that one shrinking may take."""


def shrink(
    items: Sequence[Item], fails: Callable[[list[Item]], bool], *, runs: int = MAX_RUNS
) -> list[Item]:
    """A list that ``fails`` and of which, unless the runs give out, no item can be left out.

    ``items`` itself must fail. Chunks of halving size are left out, and single items in the end.
    """
    kept = list(items)
    size = max(1, len(kept) // 2)
    while kept and runs > 0:
        smaller = None
        for start in range(0, len(kept), size):
            candidate = kept[:start] + kept[start + size :]
            runs -= 1
            if runs >= 0 and fails(candidate):
                smaller = candidate
                break
        if smaller is not None:
            kept = smaller
            size = max(1, min(size, len(kept)))
        elif size == 1:
            break
        else:
            size = max(1, size // 2)
    return kept
