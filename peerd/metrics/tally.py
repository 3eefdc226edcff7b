"""What is counted of a session's effects since the daemon started."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from peerd.phases import IDLE
from protocols.record.certificate import Close
from protocols.record.effects import (
    Abort,
    Aborted,
    Adopted,
    Blame,
    Completed,
    Dropped,
    Effect,
    Phase,
)

MOST_REASONS = 32
"""Kinds of reasons for which frames are dropped; the rest is counted as OTHER. A reason may quote
what a stranger has sent.
"""
OTHER = "other"
OUTCOMES = (*(close.value for close in Close), "caught up")
_QUOTED = re.compile(r"""b?'[^']*'|b?"[^"]*"|\b0x[0-9a-f]+\b|-?\d+(\.\d+)*""")
_REASON_LENGTH = 80
ALARMS = ("norm", "loss", "storage", "budget")
COSTS = ("wall_seconds", "cpu_seconds", "bytes_in", "bytes_out")
"""What a round's summary says of each phase."""


class Tally:
    """``guilty``: the members of whom there is evidence already. ``summary``: a round's, as the
    status shows it, or None.
    """

    def __init__(
        self,
        guilty: Iterable[int],
        summary: Callable[[int], Mapping[str, Any] | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rounds: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.aborted: Counter[str] = Counter({reason.value: 0 for reason in Abort})
        self.attempts = 0
        self.blames = 0
        self.guilty = set(guilty)
        self.absent: Counter[int] = Counter()
        self.dropped: Counter[str] = Counter()
        self.alarms: Counter[str] = Counter(dict.fromkeys(ALARMS, 0))
        self.costs: dict[str, Counter[str]] = {name: Counter() for name in COSTS}
        """By phase, of the rounds that were completed here."""
        self._summary = summary
        self._clock = clock
        self._last = clock()
        self._place = (-1, -1)

    @property
    def age(self) -> float:
        """Seconds since a round ended here, or since the start where none has."""
        return self._clock() - self._last

    def saw(self, effect: Effect) -> None:
        """One effect, once it is carried out."""
        match effect:
            case Completed():
                self._last = self._clock()
                self.rounds[effect.close.value] += 1
                self.absent.update(effect.absent)
                self._add_costs(self._summary(effect.round) or {})
            case Adopted():
                self._last = self._clock()
                self.rounds["caught up"] += len(effect.rounds)
                for each in effect.rounds:
                    self.absent.update(each.cohort.absent)
            case Aborted():
                self.aborted[effect.reason.value] += 1
            case Blame():
                self.blames += 1
                self.guilty.add(effect.peer)
            case Dropped():
                self._drop(kind_of(effect.reason))
            case Phase(round_, attempt, name) if name not in IDLE:
                if (round_, attempt) != self._place:
                    self._place = (round_, attempt)
                    self.attempts += 1

    def alarm(self, about: str) -> None:
        """One rang."""
        self.alarms[about] += 1

    def _add_costs(self, summary: Mapping[str, Any]) -> None:
        for phase, reading in summary.get("phases", {}).items():
            for name in COSTS:
                self.costs[name][phase] += reading[name]

    def _drop(self, kind: str) -> None:
        known = kind in self.dropped or len(self.dropped) < MOST_REASONS
        self.dropped[kind if known else OTHER] += 1


def kind_of(reason: str) -> str:
    """A reason without its numbers and without what it quotes."""
    return _QUOTED.sub("…", reason)[:_REASON_LENGTH]
