"""The picture of one daemon's group, from what its status socket tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from unicodedata import east_asian_width

from peerd.cli.output import decimal, size
from peerd.labels import label
from peerd.screen.picture import Line, Picture, Row, Weight, sparkline
from peerd.status.waiting import NOT_CONNECTED, sentence, times

Document = Mapping[str, object]

HEADER = ("member", "link", "rtt", "in", "out", "notes")
NAME = 14
"""Of a name in the table, in a terminal's cells: the id's end behind it tells members apart."""
SPARKS = 40
"""Rounds in the line of accuracies."""
PHASES = 2
"""The longest of the last round."""
WARNINGS = 2


def picture(status: Document, peers: Sequence[Document], rounds: Sequence[Document]) -> Picture:
    """Of /v1/status, /v1/peers, and the last rounds."""
    waiting = _entries(status.get("waiting"))
    phase = Line(str(status.get("phase") or status.get("state") or "-"))
    lines = [phase, _awaited(status, waiting), *_trouble(status)]
    lines += [*_accuracy(rounds), *_last_round(rounds)]
    rows = tuple(_row(peer, waiting, rounds) for peer in peers)
    return Picture(_title(status, peers), tuple(lines), HEADER, rows)


def _title(status: Document, peers: Sequence[Document]) -> str:
    parts = ["peerd"]
    if isinstance(number := status.get("round"), int):
        attempt = status.get("attempt")
        parts.append(f"round {number}" + (f", attempt {attempt}" if attempt else ""))
    others = [peer for peer in peers if not peer.get("self")]
    here = sum(bool(peer.get("connected")) for peer in others)
    parts.append(f"{here} of {len(others)} others connected")
    return " · ".join([*parts, f"up {_span(status.get('uptime_seconds'))}"])


def _span(seconds: object) -> str:
    whole = int(seconds) if isinstance(seconds, int | float) else 0
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s"


# -- the lines above the table ---------------------------------------------------------------------


def _awaited(status: Document, waiting: list[Document]) -> Line:
    told = sentence(waiting, status.get("peer"))
    return Line(told, Weight.AWAITED) if told else Line("nobody is awaited")


def _trouble(status: Document) -> list[Line]:
    """Why nothing goes on, and what the daemon warns of."""
    said = [status.get("reason"), status.get("meaning"), status.get("advice")]
    lines = []
    if reason := "; ".join(str(each) for each in said if each):
        bad = status.get("state") == "stopped"
        lines.append(Line(f"{status.get('state')}: {reason}", Weight.BAD if bad else Weight.NOTED))
    warnings = status.get("warnings")
    found = [str(each) for each in warnings] if isinstance(warnings, list) else []
    lines += [Line(f"warning: {each}", Weight.NOTED) for each in found[:WARNINGS]]
    if len(found) > WARNINGS:
        lines.append(Line(f"and {len(found) - WARNINGS} more warnings: peerd status", Weight.NOTED))
    return lines


def _accuracy(rounds: Sequence[Document]) -> list[Line]:
    """The group's own, over the rounds; this site's where the group counts nothing."""
    group = [_of_group(each) for each in rounds]
    here = [_number(each.get("accuracy")) for each in rounds]
    for what, values in (("group accuracy", group), ("accuracy here", here)):
        known = [value for value in values if value is not None]
        if known:
            bars = sparkline(values, SPARKS)
            return [Line(f"{what} {bars} {decimal(known[-1])}, best {decimal(max(known))}")]
    return []


def _of_group(record: Document) -> float | None:
    group = record.get("group")
    return _number(group.get("accuracy")) if isinstance(group, Mapping) else None


def _last_round(rounds: Sequence[Document]) -> list[Line]:
    if not rounds:
        return []
    last = rounds[-1]
    phases = last.get("phases")
    costs = [
        (str(name), seconds)
        for name, cost in (phases.items() if isinstance(phases, Mapping) else ())
        if (seconds := _number(cost.get("wall_seconds"))) is not None
    ]
    longest = sorted(costs, key=lambda each: -each[1])[:PHASES]
    told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in longest)
    took = _number(last.get("seconds")) or 0.0
    head = f"round {last.get('round')} {last.get('outcome')} in {took:.1f} s"
    return [Line(f"{head}: {told}" if told else head)]


# -- a member's row --------------------------------------------------------------------------------


def _row(peer: Document, waiting: list[Document], rounds: Sequence[Document]) -> Row:
    named, rtt = peer.get("peer"), _number(peer.get("rtt"))
    mine = [each for each in waiting if each.get("peer") == named]
    awaited = [each for each in mine if each.get("phase") != NOT_CONNECTED]
    blamed, absent = _blamed(named, rounds), _absent(named, rounds)
    notes = [f"{each.get('phase')} {_short_times(each)}" for each in awaited]
    notes += [f"blamed: {blamed}"] if blamed else []
    notes += [f"absent {absent}×"] if absent else []
    cells = (
        label(_cut(peer.get("name")), named),
        _link(peer, mine),
        "" if rtt is None else f"{1000 * rtt:.0f} ms",
        _bytes(peer.get("bytes_in")),
        _bytes(peer.get("bytes_out")),
        "; ".join(notes),
    )
    if blamed:
        return Row(cells, Weight.BAD)
    if awaited and not peer.get("self"):
        return Row(cells, Weight.AWAITED)
    calm = peer.get("connected") and not absent
    return Row(cells, Weight.CALM if calm else Weight.NOTED)


def _cut(name: object) -> str | None:
    if not name:
        return None
    text, used = "", 0
    for char in str(name):
        used += 2 if east_asian_width(char) in "WF" else 1
        if used > NAME:
            return f"{text}…"
        text += char
    return text


def _link(peer: Document, waiting: list[Document]) -> str:
    if peer.get("self"):
        return "here"
    if peer.get("connected"):
        return "up"
    lost = (times(each) for each in waiting if each.get("phase") == NOT_CONNECTED)
    return next((f"lost {since}" for since in lost), "down")


def _short_times(entry: Document) -> str:
    """``80/240 s``."""
    return times(entry).replace(" s of ", "/") + (" s" if entry.get("deadline") else "")


def _bytes(count: object) -> str:
    """Three digits: 124 MB, 1.2 GB."""
    shown = size(_number(count) or 0)
    number, unit = shown.split(" ")
    return f"{float(number):.0f} {unit}" if len(number) > 4 else shown


def _blamed(peer: object, rounds: Sequence[Document]) -> str:
    """The last reason."""
    found = ""
    for record in rounds:
        for each in _entries(record.get("blamed")):
            if each.get("peer") == peer:
                found = f"{each.get('reason')} (round {record.get('round')})"
    return found


def _absent(peer: object, rounds: Sequence[Document]) -> int:
    """In how many of these rounds."""
    return sum(peer in map(_peer, _list(record.get("absent"))) for record in rounds)


def _peer(named: object) -> object:
    return named.get("peer") if isinstance(named, Mapping) else named


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _entries(value: object) -> list[Document]:
    return [each for each in _list(value) if isinstance(each, Mapping)]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
