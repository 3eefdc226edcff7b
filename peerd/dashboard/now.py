"""The round that goes on: its phases as they pass, and who is awaited."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from peerd.dashboard.markup import NOTHING, Html, join, listed, pairs, safe, tag
from peerd.dashboard.sources import Document, Names, Sources
from peerd.group.rhythm import at_in
from peerd.status.approvals import sentence as approved
from peerd.status.waiting import NOT_CONNECTED, times
from protocols.committee.states import Openness, Seat
from protocols.election.states import FlipState
from protocols.session.states import Stage

STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "election",
        (
            FlipState.WAITING.value,
            FlipState.COMMITTING.value,
            FlipState.AGREEING_COMMITS.value,
            FlipState.REVEALING.value,
            FlipState.AGREEING_REVEALS.value,
        ),
    ),
    ("dealing", (Stage.AGGREGATING.value, Seat.DEALING.value)),
    (
        "checking",
        (
            Seat.REPORTING.value,
            Seat.COMPARING.value,
            Seat.LISTING.value,
            Seat.RELAYING.value,
            Seat.ECHOING.value,
        ),
    ),
    ("cohort", (Seat.AGREEING.value,)),
    ("opening", (Openness.SUMMING.value, Openness.OPENED.value, Openness.CERTIFIED.value)),
)
"""A round for people, and the session's phases that each step is made of."""
LONG = 3.0
"""Seconds after which a wait is read out, as it is told in the log."""
SHOWN = 12
"""Phases that passed, of one attempt."""


def part(sources: Sources) -> Html:
    """What changes every second."""
    status = sources.board.snapshot()
    names = Names(sources.views.peers())
    here = status.get("round"), status.get("attempt")
    events = [each for each in sources.board.recent("phase") if _place(each) == here]
    return join(
        (
            tag("h2", _heading(status)),
            _trouble(status),
            _steps(events, status),
            tag(
                "div",
                tag("div", _awaited(status, names)),
                tag("div", _passed(events)),
                class_="halves",
            ),
        )
    )


def _heading(status: Document) -> str:
    if status.get("round") is None:
        return f"Now: {status.get('state')}"
    attempt = f", attempt {status['attempt']}" if status.get("attempt") else ""
    return f"Round {status['round']}{attempt}: {status.get('phase') or status.get('state')}"


def _place(event: Document) -> tuple[object, object]:
    return event["round"], event["attempt"]


def _trouble(status: Document) -> Html:
    """Why nothing goes on, what is warned of, what operators have approved."""
    said = [str(each) for name in ("reason", "meaning", "advice") if (each := status.get(name))]
    warnings = status.get("warnings")
    lines = [f"{status.get('state')}: {'; '.join(said)}"] if said else []
    lines += [f"warning: {each}" for each in (warnings if isinstance(warnings, list) else ())]
    lines += ["draining: it ends this attempt, and stops"] if status.get("draining") else []
    if told := approved(_documents(status.get("approvals")), status.get("quorum")):
        lines.append(f"approved by operators: {told}")
    if (begins := status.get("next_round_at")) is not None:
        lines.append(f"the next round begins {at_in(begins, time.time())}")
    return listed(lines, class_="trouble") if lines else NOTHING


# -- the steps -------------------------------------------------------------------------------------


def phase_order(name: str) -> int:
    """By which phases of a round are shown in the order in which they come."""
    known = ["start", *(phase for _, phases in STEPS for phase in phases)]
    return known.index(name) if name in known else len(known)


def step_of(phase: object) -> int | None:
    """Which of STEPS a phase belongs to; None for one that is outside of an attempt."""
    return next((number for number, (_, phases) in enumerate(STEPS) if phase in phases), None)


def _steps(events: Sequence[Document], status: Document) -> Html:
    """Each step: over, with its seconds; going on; still to come."""
    seconds = _seconds(events)
    now = step_of(status.get("phase"))
    items = []
    for number, (name, _) in enumerate(STEPS):
        spent = seconds.get(number)
        if number == now:
            state, said = "now", f"now, {spent or 0.0:.0f} s"
        elif now is not None and number < now:
            state, said = "over", "over" if spent is None else f"{spent:.1f} s"
        else:
            state, said = "ahead", "to come"
        current = "step" if number == now else None
        items.append(
            tag("li", tag("b", name), tag("span", said), class_=state, aria_current=current)
        )
    return tag("ol", *items, class_="steps", aria_label="Steps of the round")


def _seconds(events: Sequence[Document]) -> dict[int, float]:
    """By step. The last phase goes on."""
    spent: dict[int, float] = {}
    for each, until in _spans(events):
        number = step_of(each["phase"])
        if number is not None:
            spent[number] = spent.get(number, 0.0) + until - each["time"]
    return spent


def _spans(events: Sequence[Document]) -> list[tuple[Document, float]]:
    """Each phase, and when the next one began."""
    ends = [each["time"] for each in events[1:]]
    return list(zip(events, [*ends, time.time()], strict=False))


def _passed(events: Sequence[Document]) -> Html:
    """The phases of this attempt with their times, the last one first."""
    if not events:
        return NOTHING
    lines = [
        join(
            (
                tag("time", time.strftime("%H:%M:%S", time.localtime(each["time"]))),
                " ",
                each["phase"],
                tag("span", f" {max(0.0, until - each['time']):.1f} s", class_="note"),
            )
        )
        for each, until in _spans(events)
    ]
    return join((tag("h3", "Phases so far"), listed(lines[::-1][:SHOWN], class_="passed")))


# -- who is awaited --------------------------------------------------------------------------------


def _awaited(status: Document, names: Names) -> Html:
    """A line that is read out when it changes, so without the seconds; these are below it."""
    entries = _documents(status.get("waiting"))
    awaited = [each for each in entries if each.get("phase") != NOT_CONNECTED]
    long = [each for each in awaited if float(each.get("seconds") or 0) >= LONG]
    line = tag("p", _who(long, names, status.get("peer")), role="status", id="awaited")
    lost = [str(names.of(each)) for each in entries if each.get("phase") == NOT_CONNECTED]
    away = tag("p", f"not connected: {', '.join(lost)}", class_="note") if lost else NOTHING
    return join((tag("h3", "Awaited"), line, _waits(awaited, names, status.get("peer")), away))


def _who(entries: Sequence[Document], names: Names, me: object) -> str:
    """``Waiting for St. Mary's (…ewkwhP7S): dealing``."""
    if not entries:
        return "Nobody is awaited for long."
    by_phase: dict[str, list[str]] = {}
    for each in entries:
        whom = "the group" if each.get("peer") is None else names.of(each)
        whom = "this node" if each.get("peer") == me else whom
        by_phase.setdefault(str(each.get("phase")), []).append(whom)
    return f"Waiting for {'; '.join(f'{_some(who)}: {what}' for what, who in by_phase.items())}"


def _some(who: Sequence[str], most: int = 5) -> str:
    rest = len(who) - most
    return ", ".join(who) if rest <= 1 else f"{', '.join(who[:most])} and {rest} others"


def _waits(entries: Sequence[Document], names: Names, me: object) -> Html:
    """Each with how long, and until when."""
    if not entries:
        return NOTHING
    return pairs(
        (_called(each, names, me), _bar(each, _called(each, names, me))) for each in entries[:SHOWN]
    )


def _called(entry: Document, names: Names, me: object) -> str:
    return "this node" if entry.get("peer") in (None, me) else names.of(entry)


def _bar(entry: Document, called: str) -> Html:
    end, spent = entry.get("deadline"), float(entry.get("seconds") or 0)
    said = f"{entry.get('phase')}, {times(entry)}"
    if not isinstance(end, int | float) or not end:
        return safe(said)
    what = f"time that {called} has"
    bar = tag("progress", max=f"{end:.1f}", value=f"{min(spent, end):.1f}", aria_label=what)
    return join((said, " ", bar))


def _documents(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
