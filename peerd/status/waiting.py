"""Whom a daemon waits for, as people read it: one table of words, and the sentence made of them.

An entry of ``waiting`` is ``{peer, name, phase, seconds, deadline}``: peer and name null where
nobody in particular is awaited; seconds waited so far, and after how many in all the waiting ends
by itself, null where it does not. ``phase`` is a word of this table, or any other short one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from peerd.errors import printable
from peerd.labels import label
from protocols.record.waits import Awaiting

MAX_NAMED = 5
"""Members in one sentence; of the others their number."""


class Here(Enum):
    """What the daemon waits for beside its session."""

    CONNECTING = "a quorum, and before the first round everybody"
    NOT_CONNECTED = "nobody: it is no party to what goes on"
    COMPUTING = "this machine, which is checking or opening"
    SIGNATURE = "members that have not signed the genesis, as far as this peer knows"


NOT_CONNECTED = "not connected"
WORDS: dict[Awaiting | Here, str] = {
    Here.CONNECTING: "connecting",
    Here.NOT_CONNECTED: NOT_CONNECTED,
    Here.COMPUTING: "computing",
    Here.SIGNATURE: "signature",
    Awaiting.HEAD: "state of the group",
    Awaiting.RECALLED: "recall",
    Awaiting.CERTIFICATES: "catching up",
    Awaiting.ROUND_END: "sitting out",
    Awaiting.ATTEMPT: "next attempt",
    Awaiting.OPERATORS: "operators",
    Awaiting.COMMITMENT: "commitment",
    Awaiting.REVEAL: "reveal",
    Awaiting.COMMITS_VOTE: "agreement on the commitments",
    Awaiting.REVEALS_VOTE: "agreement on the reveals",
    Awaiting.COMMITTEE: "committee",
    Awaiting.UPDATE: "training",
    Awaiting.DEALING: "dealing",
    Awaiting.REPORT: "report",
    Awaiting.COMPARISON: "comparison",
    Awaiting.LIST: "list of reports",
    Awaiting.RELAY: "relay",
    Awaiting.COHORT_VOTE: "agreement on the cohort",
    Awaiting.COIN: "coin",
    Awaiting.SUM: "sum",
    Awaiting.RESULT: "result",
    Awaiting.OPENED_SUM: "opened sum",
}
"""An operator's word for each."""

NOBODY = {
    WORDS[Awaiting.ROUND_END]: "sitting the round out until the others end it",
    WORDS[Awaiting.COMMITTEE]: "waiting for the committee, in which this peer has no seat",
    WORDS[Awaiting.OPERATORS]: "waiting for the operators: nothing more is tried",
}
"""Where nobody in particular is awaited."""

Entry = Mapping[str, object]


def sentence(entries: Iterable[Entry], me: object) -> str:
    """``waiting for St. Mary's (…ewkwhP7S, dealing), 80 s of 240; training here, 5 s of 80``;
    empty where nothing is awaited. ``me``: this peer's id. Who is not connected is named where
    something is awaited.
    """
    told = list(entries)
    lost = {str(each["peer"]): each for each in told if each.get("phase") == NOT_CONNECTED}
    groups: dict[tuple[bool, str], list[Entry]] = {}
    for each in told:
        if each.get("phase") != NOT_CONNECTED:
            groups.setdefault((_own(each, me), str(each.get("phase"))), []).append(each)
    if not groups:
        return ""
    parts = [_part(phase, found, lost, own=own) for (own, phase), found in groups.items()]
    awaited = {str(each.get("peer")) for found in groups.values() for each in found}
    missing = [each for peer, each in lost.items() if peer not in awaited]
    return "; ".join([*parts, *filter(None, [away(missing)])])


def away(entries: Iterable[Entry]) -> str:
    """``not connected: St. Mary's (…ewkwhP7S)``; empty where everybody is connected."""
    missing = [each for each in entries if each.get("phase") == NOT_CONNECTED]
    return f"{NOT_CONNECTED}: {_names(map(_called, missing))}" if missing else ""


def _own(entry: Entry, me: object) -> bool:
    return entry.get("peer") in (None, me)


def _part(phase: str, found: list[Entry], lost: Mapping[str, Entry], *, own: bool) -> str:
    longest = max(found, key=lambda each: _number(each.get("seconds")) or 0.0)
    spent = times(longest)
    if own:
        alone = NOBODY.get(phase, f"waiting: {printable(phase)}")
        what = alone if longest.get("peer") is None else f"{printable(phase)} here"
        return f"{what}, {spent}"
    names = [_within(each, phase, str(each.get("peer")) in lost) for each in found]
    return f"waiting for {_names(names)}, {spent}"


def _within(entry: Entry, phase: str, lost: bool) -> str:
    """The name, and in its brackets what is awaited."""
    what = printable(phase) + (f", {NOT_CONNECTED}" if lost else "")
    name = _called(entry)
    return f"{name[:-1]}, {what})" if name.endswith(")") else f"{name} ({what})"


def times(entry: Entry) -> str:
    """``80 s of 240``, ``2 s of 0.4``, or ``80 s``."""
    spent, end = _number(entry.get("seconds")) or 0.0, _number(entry.get("deadline"))
    if not end:
        return f"{spent:.0f} s"
    return f"{spent:.0f} s of {end:.0f}" if end >= 1 else f"{spent:.0f} s of {end:.1f}"


def _called(entry: Entry) -> str:
    name = entry.get("name")
    return label(None if name is None else str(name), str(entry.get("peer")))


def _names(names: Iterable[str]) -> str:
    told = list(names)
    others = len(told) - MAX_NAMED
    shown = told if others <= 1 else [*told[:MAX_NAMED], f"{others} others"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
