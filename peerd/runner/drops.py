"""What is logged of frames that are dropped: a liar must not fill the disk with its rubbish."""

from __future__ import annotations

from collections import Counter

import structlog

log = structlog.get_logger(__name__)

MAX_DROPS_LOGGED = 64
"""Of one peer in a round, each with its reason; of the rest there is one line."""


class Drops:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def note(self, peer: str, reason: str) -> None:
        self._counts[peer] += 1
        if self._counts[peer] <= MAX_DROPS_LOGGED:
            log.info("frame dropped", peer=peer, reason=reason)

    def next_round(self) -> None:
        for peer, count in self._counts.items():
            if count > MAX_DROPS_LOGGED:
                log.info("more frames dropped", peer=peer, number=count - MAX_DROPS_LOGGED)
        self._counts.clear()
