"""What is usual of a number that comes with each round, and how far from that the last one is.

A robust z-score: the distance from the median of the last rounds, in units of their median absolute
deviation. Half of those rounds may be wrong themselves before the usual moves. One direction alone:
what grows is looked at.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from statistics import median

from peerd.storage import Store

LEAST = 8
"""Rounds without which nothing is usual."""
NORMAL = 1.4826
"""Median absolute deviations in the standard deviation of a normal distribution, inverted."""
FLOOR = 0.02
"""Of the median: what is nearly constant is not alarmed by its last digits."""


def score(before: Sequence[float], value: float) -> float | None:
    """Robust standard deviations by which ``value`` lies above ``before``; negative below. None
    where these are too few.
    """
    if len(before) < LEAST:
        return None
    middle = median(before)
    spread = NORMAL * median(abs(each - middle) for each in before)
    return (value - middle) / max(spread, FLOOR * abs(middle), 1e-12)


class Usual:
    """Of one number of one group, kept in the store. Called from worker threads, one at a time."""

    def __init__(self, store: Store, name: str, group: bytes) -> None:
        self._store = store
        self._key = f"usual {name}"
        self._group = group.hex()

    def judge(self, value: float, rounds: int) -> float | None:
        """The score of ``value`` against the last ``rounds`` before it, to which it belongs from
        now on. What is no number is infinitely far.
        """
        before = self._kept()[-rounds:]
        if not math.isfinite(value):
            return math.inf if len(before) >= LEAST else None
        found = score(before, value)
        kept = [*before, value][-rounds:]
        told = {"group": self._group, "values": kept}
        self._store.set_meta(self._key, json.dumps(told).encode())
        return found

    def _kept(self) -> list[float]:
        data = self._store.meta(self._key)
        found = json.loads(data) if data else {}
        return list(found["values"]) if found.get("group") == self._group else []
