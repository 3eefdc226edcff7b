"""What is pruned is said, and so is what can't be: the log, the status, the doctor."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import structlog

from peerd.status.board import StatusBoard
from peerd.storage import Store
from peerd.storage.keeping import Usage

log = structlog.get_logger(__name__)

ABOUT = "disk budget"


TOLD_EVERY = 86400.0
"""Seconds: in most rounds of a group that has run for a while something goes."""


class Pruning:
    """By the operator's policy. The log says so at the first time, and then once a day with all
    that has gone since it last did. ``clock`` gives seconds.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._gone: Counter[str] = Counter()
        self._told: float | None = None

    def after(self, round_: int) -> None:
        """``round_`` is certified."""
        pruned = asdict(self._store.prune())
        if not self._store.vault.settled and self._store.renew():
            log.info("the data directory is encrypted with the newest key", round=round_)
        self._gone.update(pruned)
        if any(pruned.values()):
            log.debug("pruned in this round", round=round_, **pruned)
        due = self._told is None or self._clock() >= self._told + TOLD_EVERY
        if due and any(self._gone.values()):
            log.info("pruned", round=round_, **self._gone)
            self._gone.clear()
            self._told = self._clock()


class Disk:
    """Shows what is kept; the log is told when a budget begins to be exceeded."""

    def __init__(self, store: Store, board: StatusBoard) -> None:
        self._store = store
        self._board = board
        self._told = False

    def show(self) -> None:
        """As it is now."""
        shown = document(self._store.usage())
        line = too_much(shown)
        self._board.update(storage=shown)
        self._board.warn(ABOUT, [] if line is None else [line])
        if line is not None and not self._told:
            log.warning("the disk budget is exceeded", reason=line)
        self._told = line is not None


def document(usage: Usage) -> dict[str, object]:
    """As the status shows it."""
    keeping = usage.keeping
    return {
        "keep": "all" if keeping.transcripts is None else keeping.transcripts,
        "oldest_transcript": None if usage.oldest < 0 else usage.oldest,
        "transcripts": usage.transcripts,
        "transcripts_with_blame": usage.blamed,
        "bytes": usage.bytes,
        "expendable": usage.expendable,
        "budget": keeping.budget,
        "over": usage.over,
    }


def too_much(shown: dict[str, Any]) -> str | None:
    """One line for people where what must be kept is more than the budget. ``shown``: a
    ``document``.
    """
    if not shown["over"]:
        return None
    return (
        f"{shown['bytes'] - shown['expendable']} bytes of the data directory are kept whatever"
        f" comes, {shown['over']} more than disk_budget allows: certificates, evidence, the last"
        " rounds, this peer's own state; allow more in [storage]"
    )
