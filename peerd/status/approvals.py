"""Who has approved what, as people read it (``approvals`` in the status)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peerd.errors import printable
from peerd.labels import label


def sentence(approvals: Sequence[dict[str, Any]], quorum: object) -> str:
    """``handover to 5b9c51ac44a2f7ef…: St. Mary's (…ewkwhP7S), 1 of 3; …``; "" for none."""
    by_act: dict[str, list[str]] = {}
    for each in approvals:
        act, about = printable(str(each["act"])), printable(str(each["about"]))
        what = f"{act} to {about[:16]}…" if act == "handover" else act
        by_act.setdefault(what, []).append(label(each["name"], each["peer"]))
    return "; ".join(
        f"{what}: {', '.join(who)}, {len(who)} of {quorum}" for what, who in by_act.items()
    )
