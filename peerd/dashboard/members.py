"""The members of the group as this node sees them: a picture, and the same as a table.

A few stand in a ring with their links; many are tiles. A node knows its own links alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from unicodedata import east_asian_width

from peerd.dashboard.markup import Html, join, listed, table, tag
from peerd.dashboard.sources import Document, Sources
from peerd.errors import printable
from peerd.labels import label
from peerd.screen.of_daemon import picture
from peerd.screen.picture import Row, Weight

ROUNDS = 60
"""The last ones, of which absence and blame are told; as in ``peerd top``."""
RING = 9
"""Members that a ring shows without names over each other."""
WIDTH, HEIGHT = 360, 260
ACROSS, DOWN = 78, 95
"""Of the ring, from its middle: names stand to its left and right."""
MIDDLE = (WIDTH / 2, HEIGHT / 2)
NAME = 13
"""Of a name in the ring, in letters of the usual width; the table has it whole."""
UNKNOWN = "unknown"
MARKS = {
    "here": ("◆", "this node"),
    "up": ("●", "connected"),
    "awaited": ("◐", "connected, and awaited"),
    "down": ("○", "not connected"),
    "away": ("◌", "away, as it has announced"),
    "bad": ("✕", "blamed, with evidence"),
}
"""Of each kind of member its mark and what that says: no colour stands alone."""


@dataclass(frozen=True, slots=True)
class Member:
    """``row``: as ``peerd top`` shows it. ``kind``: of MARKS."""

    name: str | None
    peer: str
    kind: str
    row: Row
    version: str

    @property
    def called(self) -> str:
        return label(self.name, self.peer)

    @property
    def named(self) -> str:
        """Its name alone; the end of its id where it has none."""
        return printable(self.name) if self.name else self.peer[-8:]

    @property
    def linked(self) -> bool:
        return self.row.cells[1] == "up"


def part(sources: Sources) -> Html:
    """What changes every few seconds."""
    members = _members(sources)
    others = [each for each in members if each.kind != "here"]
    links = f"{sum(each.linked for each in others)} of {len(others)} others connected"
    count = Counter(each.kind for each in members)
    drawn = _ring(members) if len(members) <= RING else _tiles(members)
    legend = listed(
        (
            tag("span", mark, " ", said, f" ({count[kind]})", class_=kind)
            for kind, (mark, said) in MARKS.items()
            if count[kind]
        ),
        class_="legend",
    )
    return join((tag("p", f"{len(members)} members, {links}", class_="note"), drawn, legend))


def rows(sources: Sources) -> Html:
    """The same as a table."""
    header = ("member", "link", "latency", "notes", "version", "received", "sent")
    lines = (
        (
            join(
                (
                    tag("span", MARKS[each.kind][0], class_=each.kind, aria_hidden="true"),
                    " ",
                    _whole(each.called),
                )
            ),
            *(each.row.cells[1:3]),
            each.row.cells[5] or None,
            each.version,
            *(each.row.cells[3:5]),
        )
        for each in _members(sources)
    )
    return table("Members, as this node is linked to them", header, lines)


def _whole(called: str) -> Html:
    """A label whose last word, the id, is on one line: browsers break it behind its ellipsis."""
    name, blank, last = called.rpartition(" ")
    return join((name, blank, tag("span", last, class_="whole")))


def _members(sources: Sources) -> list[Member]:
    peers = sources.views.peers()
    status = sources.board.snapshot()
    drawn = picture(status, peers, sources.views.rounds(ROUNDS)).rows
    return [_member(peer, row, sources) for peer, row in zip(peers, drawn, strict=True)]


def _member(peer: Document, row: Row, sources: Sources) -> Member:
    name = peer.get("name")
    version = str(peer.get("version") or UNKNOWN)
    return Member(name and str(name), str(peer["peer"]), _kind(peer, row), row, version)


def _kind(peer: Document, row: Row) -> str:
    if peer.get("self"):
        return "here"
    if row.weight is Weight.BAD:
        return "bad"
    if peer.get("away"):
        return "away"
    if not peer.get("connected"):
        return "down"
    return "awaited" if row.weight is Weight.AWAITED else "up"


# -- the pictures ----------------------------------------------------------------------------------


def _tiles(members: Sequence[Member]) -> Html:
    """One a member, in the roster's order."""
    tiles = (
        tag(
            "li",
            tag("span", MARKS[each.kind][0], aria_hidden="true", class_="mark"),
            tag("b", each.named),
            tag("span", _latency(each) or MARKS[each.kind][1], class_="note"),
            class_=each.kind,
        )
        for each in members
    )
    return tag("ul", *tiles, class_="tiles", aria_label="Members")


def _ring(members: Sequence[Member]) -> Html:
    """This node in the middle, the others around it, each with its link."""
    here = next((each for each in members if each.kind == "here"), None)
    others = [each for each in members if each is not here]
    places = [_place(number, len(others)) for number in range(len(others))]
    drawn = [_link(each, place) for each, place in zip(others, places, strict=True)]
    drawn += [_node(each, place) for each, place in zip(others, places, strict=True)]
    if here is not None:
        drawn.append(_node(here, MIDDLE))
    said = "Map of the members around this node. The table below says the same."
    box = f"0 0 {WIDTH} {HEIGHT}"
    return tag("svg", *drawn, viewBox=box, role="img", aria_label=said, class_="ring")


def _place(number: int, count: int) -> tuple[float, float]:
    """Half a step from the top, so that names stand to the left and right."""
    angle = 2 * math.pi * (number + 0.5) / max(count, 1) - math.pi / 2
    return MIDDLE[0] + ACROSS * math.cos(angle), MIDDLE[1] + DOWN * math.sin(angle)


def _link(member: Member, place: tuple[float, float]) -> Html:
    (x, y), (x0, y0) = place, MIDDLE
    kind = "awaited" if member.kind == "awaited" else "up" if member.linked else "down"
    ends = {"x1": f"{x0:.0f}", "y1": f"{y0:.0f}", "x2": f"{x:.0f}", "y2": f"{y:.0f}"}
    at = {"x": f"{x0 + 0.62 * (x - x0):.0f}", "y": f"{y0 + 0.62 * (y - y0) + 4:.0f}"}
    time = tag("text", _latency(member), **at, text_anchor="middle", class_="time")
    return join((tag("line", **ends, class_=kind), time))


def _latency(member: Member) -> str:
    return member.row.cells[2] if member.linked else ""


def _cut(name: str) -> str:
    """To NAME letters' width."""
    wide = [2 if east_asian_width(char) in "WF" else 1 for char in name]
    if sum(wide) <= NAME:
        return name
    shown = takewhile(lambda each: each[1] < NAME, zip(name, accumulate(wide), strict=True))
    return "".join(char for char, _ in shown) + "…"


def _node(member: Member, place: tuple[float, float]) -> Html:
    x, y = place
    side = 0 if abs(x - MIDDLE[0]) < 20 else (1 if x > MIDDLE[0] else -1)
    name = {
        "x": f"{x + side * 16:.0f}",
        "y": f"{y + (4 if side else 26):.0f}",
        "text_anchor": ("end", "middle", "start")[side + 1],
        "class_": "name",
    }
    at = {"x": f"{x:.0f}", "y": f"{y + 4:.0f}", "text_anchor": "middle", "class_": "mark"}
    return tag(
        "g",
        tag("title", member.called),
        tag("circle", cx=f"{x:.0f}", cy=f"{y:.0f}", r=11),
        tag("text", MARKS[member.kind][0], **at),
        tag("text", _cut(member.named), **name) if place != MIDDLE else "",
        class_=member.kind,
    )
