"""A picture as one frame of a terminal, drawn by rich. Text is a stranger's: never its markup."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from peerd.errors import printable
from peerd.screen.picture import Line, Picture, Row, Weight, fitting

STYLES = {Weight.CALM: "", Weight.NOTED: "yellow", Weight.AWAITED: "cyan", Weight.BAD: "red"}
ONE_LINE_EACH = 2
"""The title, and the table's header."""
NUMBERS = frozenset({"rtt", "in", "out", "sent", "memory", "round"})
"""Columns that stand at the right."""
TEXTS = frozenset({"phase", "notes", "blames"})
"""Columns that are made narrower where there is no room; the others are of use as a whole."""
MOST_LINES = 2
"""For a sentence above the table."""


def console(stream: TextIO, width: int, height: int, *, colour: bool) -> Console:
    """For frames of that size."""
    return Console(
        file=stream,
        width=width,
        height=height,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )


def frame(picture: Picture, screen: Console, height: int) -> Group:
    """At most ``height`` lines as wide as ``screen``: what is too long ends in an ellipsis, and
    rows that find no room are counted.
    """
    lines = [line for each in picture.lines for line in _wrapped(each, screen)]
    room = max(2, height - ONE_LINE_EACH - len(lines))
    rows, left_out = fitting(picture.rows, room, picture.what)
    parts: list[Text | Table] = [_text(picture.title, "bold"), *lines]
    parts.append(_table(picture.header, rows))
    if left_out:
        parts.append(_text(left_out, "dim"))
    return Group(*parts)


def text(picture: Picture, stream: TextIO, width: int, height: int, *, colour: bool) -> str:
    """The frame as it is written to a terminal."""
    screen = console(stream, width, height, colour=colour)
    with screen.capture() as captured:
        screen.print(frame(picture, screen, height))
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))


def _wrapped(line: Line, screen: Console) -> list[Text]:
    style = STYLES[line.weight]
    told = Text(printable(line.text), style=style).wrap(screen, screen.width)
    if len(told) <= MOST_LINES:
        return list(told)
    rest = " ".join(part.plain.strip() for part in told[MOST_LINES - 1 :])
    return [*told[: MOST_LINES - 1], _text(rest, style)]


def _text(said: str, style: str) -> Text:
    return Text(printable(said), style=style, no_wrap=True, overflow="ellipsis")


def _table(header: tuple[str, ...], rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for name in header:
        table.add_column(
            name.upper(),
            no_wrap=name not in TEXTS,
            overflow="ellipsis",
            justify="right" if name in NUMBERS else "left",
        )
    for row in rows:
        table.add_row(*(_text(cell, STYLES[row.weight]) for cell in row.cells))
    return table
