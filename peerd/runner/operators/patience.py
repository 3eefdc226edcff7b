"""A group that stops once it does not become better: its members agreed on how long they wait.

Each daemon sees the same opened counts, and approves a pause of the group by itself, as its
operator would; the pause is then decided as any other (docs/protocol.md §6). So nobody stops alone,
and who missed rounds need not know their counts.
"""

from __future__ import annotations

import json
from typing import Any

import structlog

from peerd.storage import Store
from protocols.record.certificate import Close
from protocols.session.events import Approval
from protocols.wire.payloads import Act

log = structlog.get_logger(__name__)

_KEY = "progress"


class Patience:
    """``rounds`` in a row that open no higher accuracy than was seen before end it; None: never."""

    def __init__(self, store: Store, rounds: int | None) -> None:
        self._store = store
        self._rounds = rounds

    def look(self, round_: int, close: Close, group: dict[str, Any] | None) -> Approval | None:
        """What this peer approves behind a round in which ``group`` was counted (None: nothing)."""
        if self._rounds is None:
            return None
        stored = self._store.meta(_KEY)
        last = {"round": round_, "accuracy": -1.0} if stored is None else json.loads(stored)
        accuracy = None if group is None else group["accuracy"]
        if close is Close.PAUSED:  # its operators let it go on: the patience begins anew
            last |= {"round": round_, "approved": False}
        elif accuracy is not None and accuracy > last["accuracy"]:
            last = {"round": round_, "accuracy": accuracy}
        over, said = round_ - last["round"] >= self._rounds, last.get("approved", False)
        self._store.set_meta(_KEY, json.dumps(last | {"approved": over}).encode())
        if said or not over:
            return None
        log.warning("the group does not become better", rounds=round_ - last["round"])
        return Approval(Act.PAUSE)
