"""What the charts are drawn from: the last rounds, a list a series."""

from __future__ import annotations

import json
from collections.abc import Sequence

from peerd.dashboard.sources import Document, Sources

CHARTED = 500
"""Rounds."""


def data(sources: Sources) -> bytes:
    """One JSON document: ``round``, and beside it what each measured or cost; null for nothing."""
    rounds = sources.views.rounds(CHARTED)
    return json.dumps(series(rounds), allow_nan=False).encode()


def series(rounds: Sequence[Document]) -> dict[str, list[float | None]]:
    """``accuracy`` and ``loss`` are the group's, of the model that a round started from, over
    ``rows`` held-out rows; ``low`` and ``high`` what liars may have made of the accuracy; ``here``
    is this site's own.
    """
    groups = [each.get("group") or {} for each in rounds]
    accuracy = [_number(each.get("accuracy")) for each in groups]
    within = [_number(each.get("within")) or 0.0 for each in groups]
    known = list(zip(accuracy, within, strict=True))
    return {
        "round": [_number(each.get("round")) for each in rounds],
        "accuracy": accuracy,
        "low": [None if value is None else max(0.0, value - by) for value, by in known],
        "high": [None if value is None else min(1.0, value + by) for value, by in known],
        "loss": [_number(each.get("loss")) for each in groups],
        "rows": [_number(each.get("rows")) for each in groups],
        "here": [_number(each.get("accuracy")) for each in rounds],
        "received": [_number(each.get("bytes_in")) for each in rounds],
        "sent": [_number(each.get("bytes_out")) for each in rounds],
        "seconds": [_number(each.get("seconds")) for each in rounds],
    }


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
