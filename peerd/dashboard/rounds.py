"""One round: the committee and what chose it, what was opened, phases, bytes, blame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from peerd.audit import words
from peerd.cli.output import size
from peerd.cli.rounds import over_all
from peerd.dashboard.certificates import Told
from peerd.dashboard.markup import (
    NOTHING,
    Html,
    details,
    join,
    link,
    listed,
    pairs,
    safe,
    table,
    tag,
)
from peerd.dashboard.now import phase_order
from peerd.dashboard.overview import LISTED, rounds_part
from peerd.dashboard.sources import Document, Names, Sources

BAR = 100
"""Units of the longest phase."""


def all_rounds(sources: Sources) -> Html:
    """The last rounds; each leads to its page."""
    note = f"The last {LISTED}; `peerd rounds --all` lists all that are remembered."
    return join((tag("h1", "Rounds"), rounds_part(sources), tag("p", note, class_="note")))


def page(sources: Sources, number: int, found: Document | None, certified: Told | None) -> Html:
    """``found``: the round as this daemon saw it; ``certified``: as its certificate proves it."""
    names = Names(sources.views.peers())
    return join(
        (
            tag("h1", f"Round {number}"),
            _neighbours(number, sources),
            _facts(found, names) if found else tag("p", "This daemon has no record of it."),
            _committee(certified),
            _opened(certified),
            *_trouble(found or {}, names),
            _phases(found or {}),
        )
    )


def _neighbours(number: int, sources: Sources) -> Html:
    last = sources.views.rounds(1)
    newest = int(str(last[-1]["round"])) if last else number
    before = link(f"/rounds/{number - 1}", f"← round {number - 1}") if number else NOTHING
    after = link(f"/rounds/{number + 1}", f"round {number + 1} →") if number < newest else NOTHING
    return tag("p", before, " ", after, class_="turn")


def _facts(found: Document, names: Names) -> Html:
    reason = found.get("reason")
    outcome = str(found.get("outcome"))
    told: list[tuple[object, object]] = [
        ("outcome", outcome if not reason else f"{outcome} ({reason})"),
        ("took", f"{found.get('seconds')} s"),
        ("received, sent", _bytes(found)),
        ("accuracy of the group", over_all(found.get("group")) or "not counted"),
        ("accuracy here", _here(found)),
        ("updates of", names.all(found.get("dealers"))),
        ("absent", names.all(found.get("absent"))),
        ("model", tag("code", found.get("model_hash"))),
    ]
    return pairs(told)


def _here(found: Document) -> str | None:
    value = found.get("accuracy")
    return f"{value:.3f}" if isinstance(value, int | float) else None


def _bytes(found: Document) -> str:
    return f"{size(found.get('bytes_in') or 0)}, {size(found.get('bytes_out') or 0)}"


# -- what the certificate proves -------------------------------------------------------------------


def _committee(certified: Told | None) -> Html:
    heading = tag("h2", "The committee, and what chose it")
    if certified is None:
        return join((heading, tag("p", "The certificate of this round is not kept here.")))
    told = certified.told
    if told is None or certified.document is None:
        said = f"The certificate does not hold: {certified.fault}"
        return join((heading, tag("p", said, class_="verdict failed")))
    names = words.Names(certified.document)
    if told["seed"] is None:
        ended = f"The round ended before a committee was elected: {told['outcome']}."
        return join((heading, tag("p", ended), pairs(words.round_in_words(told, names))))
    steps = tag("ol", *(tag("li", tag("b", what), *said) for what, said in _steps(told, names)))
    seats = tag("ol", *(tag("li", names.of(peer)) for peer in told["committee"]), class_="seats")
    why = details("Why nobody could choose it", tag("p", *words.seating([told])))
    return join((heading, steps, seats, why))


def _steps(told: Document, names: words.Names) -> Iterator[tuple[str, tuple[Html | str, ...]]]:
    seed = tag("code", told["seed"])
    if words.drew(told):
        revealed = told["revealed"]
        yield "Revealed", (f" by {len(revealed)} members: {names.all(revealed)}",)
        yield "Seed", (", the hash of what they revealed: ", seed)
        yield "Order", (", which the seed alone decides. The first ones have the seats:",)
    else:
        yield "All sit", (", and nobody is drawn.",)
        yield "Seed", (", the hash of the group, the round and the attempt: ", seed)
        yield "Order", (", which the seed alone decides:",)


def _opened(certified: Told | None) -> Html:
    if certified is None or certified.document is None or certified.told is None:
        return NOTHING
    told, names = certified.told, words.Names(certified.document)
    if told["seed"] is None:
        return NOTHING
    shown = [
        (name, said)
        for name, said in words.round_in_words(told, names)
        if name not in ("seats in order", "because", "model")
    ]
    return join((tag("h2", "What the certificate proves"), pairs(shown)))


# -- what this daemon saw --------------------------------------------------------------------------


def _trouble(found: Document, names: Names) -> Iterator[Html]:
    blamed = found.get("blamed") or []
    if blamed:
        lines = (f"{names.of(each)}: {each.get('reason')}" for each in blamed)
        yield join(
            (tag("h2", "Blamed"), listed(lines, class_="bad"), link("/blame", "The evidence"))
        )
    aborted = found.get("aborted") or []
    if aborted:
        lines = (_attempt(each) for each in aborted)
        yield join((tag("h2", "Attempts without a result"), listed(lines)))
    warnings = found.get("warnings") or []
    if warnings:
        yield join((tag("h2", "Warnings"), listed(warnings)))


def _attempt(each: Mapping[str, Any]) -> str:
    said = "; ".join(str(each[key]) for key in ("meaning", "advice") if each.get(key))
    return f"attempt {each.get('attempt')} ({each.get('reason')}): {said}"


def _phases(found: Document) -> Html:
    """Of this daemon's round: where its time and its bytes went."""
    phases = found.get("phases") or {}
    if not phases:
        return NOTHING
    longest = max(float(each.get("wall_seconds") or 0) for each in phases.values()) or 1.0
    rows = (
        (
            name,
            _bar(float(cost.get("wall_seconds") or 0), longest),
            f"{cost.get('cpu_seconds')}",
            size(cost.get("bytes_in") or 0),
            size(cost.get("bytes_out") or 0),
        )
        for name, cost in sorted(phases.items(), key=lambda each: phase_order(each[0]))
    )
    header = ("phase", "seconds", "of CPU", "received", "sent")
    return join((tag("h2", "Phases"), table("Where the time and the bytes went", header, rows)))


def _bar(seconds: float, longest: float) -> Html:
    width = f"{max(1.0, BAR * seconds / longest):.0f}"
    drawn = tag("rect", x=0, y=0, width=width, height=8)
    bar = tag("svg", drawn, viewBox=f"0 0 {BAR} 8", class_="bar", aria_hidden="true")
    return join((safe(f"{seconds:.2f}"), " ", bar))
