"""HTML made of text: whatever is no ``Html`` is escaped where it enters.

Names, reasons and paths are strangers' words. What may be a tag has the type ``Html``, and only
this module makes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape


class Html(str):
    """Markup. ``str`` and all that is not of this type is text."""

    __slots__ = ()


NOTHING = Html("")


def safe(value: object) -> Html:
    """Text as markup: escaped, on one line, without control characters. None is a dash."""
    if isinstance(value, Html):
        return value
    return Html(escape(_plain("–" if value is None else str(value))))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Parts behind each other."""
    return Html(between.join(safe(part) for part in parts))


def tag(name: str, /, *inside: object, **attributes: object) -> Html:
    """``<name attributes>inside</name>``. An attribute's ``_`` is a hyphen, and one at its end is
    dropped; None and False leave it out, True has no value.
    """
    return Html(f"<{name}{_attributes(attributes)}>{join(inside)}</{name}>")


def single(name: str, /, **attributes: object) -> Html:
    """``<name attributes>``, of an element that has no end."""
    return Html(f"<{name}{_attributes(attributes)}>")


def link(address: str, *inside: object, **attributes: object) -> Html:
    """To another place of this page."""
    assert address.startswith(("/", "#")), "nothing leads elsewhere"
    return tag("a", *inside, href=address, **attributes)


def pairs(found: Iterable[tuple[object, object]]) -> Html:
    """Headings, each with what is said of it."""
    lines = (join((tag("dt", heading), tag("dd", said))) for heading, said in found)
    return tag("dl", *lines)


def listed(items: Iterable[object], **attributes: object) -> Html:
    return tag("ul", *(tag("li", item) for item in items), **attributes)


def table(
    caption: object,
    header: Sequence[object],
    rows: Iterable[Sequence[object]],
    **attributes: object,
) -> Html:
    """The first cell of each row names it. Wider than the page, it scrolls by itself."""
    head = tag("tr", *(tag("th", each, scope="col") for each in header))
    body = (
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]))
        for row in rows
    )
    inner = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    said = {"role": "region", "aria_label": caption, "tabindex": 0}
    return tag("div", inner, class_="wide", **said, **attributes)


def details(summary: object, *inside: object, **attributes: object) -> Html:
    return tag("details", tag("summary", summary), *inside, **attributes)


def _plain(text: str) -> str:
    """On one line, without control characters; blanks stay, as text may be part of a sentence."""
    return "".join(char if char.isprintable() else " " if char.isspace() else "�" for char in text)


def _attributes(given: Mapping[str, object]) -> str:
    written = ""
    for name, value in given.items():
        if value is None or value is False:
            continue
        written += f" {name.rstrip('_').replace('_', '-')}"
        if value is not True:
            written += f'="{escape(_plain(str(value)))}"'
    return written
