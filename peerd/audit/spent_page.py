"""The privacy report as one HTML page: no script, nothing fetched, strangers' words escaped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from peerd.audit.page import opening
from peerd.audit.spent_words import facts
from peerd.errors import printable

WIDTH, HEIGHT = 640, 200
POINTS = 400
"""Of the curve, at most: a step that nobody can see is left out."""


def page(found: Mapping[str, Any]) -> str:
    """The whole page."""
    return "\n".join(_page(dict(found))) + "\n"


def _page(found: dict[str, Any]) -> Iterator[str]:
    title = f"Privacy of {found['name']}"
    yield from opening(title)
    kind = "failed" if found["state"] != "open" else "verified"
    spent = f"{found['rounds_opened']} of {found['rounds_max']} rounds are spent"
    yield f'<div class="verdict {kind}"><strong>{_safe(spent)}</strong>'
    for line in found["warnings"]:
        yield f"<p>{_safe(line)}</p>"
    yield "</div><dl>"
    for heading, said in facts(found):
        yield f"<dt>{_safe(heading)}</dt><dd>{_safe(said)}</dd>"
    yield "</dl>"
    if found["rounds"]:
        yield from _curve(found)
        yield from _rounds(found["rounds"])
    yield "<h2>What this assumes</h2><ul>"
    yield from (f"<li>{_safe(line)}</li>" for line in found["assumptions"])
    yield "</ul></main></body></html>"


def _safe(text: object) -> str:
    """Names are strangers' words."""
    return escape(printable(str(text)))


def _curve(found: Mapping[str, Any]) -> Iterator[str]:
    """What is spent behind each round that counts, below the line of the budget."""
    counted = [each for each in found["rounds"] if each["counts"]]
    shown = counted[:: -(-len(counted) // POINTS) or 1]
    across = max(found["rounds_max"], 1)
    top = max(found["epsilon_budget"], found["epsilon_spent"])
    points = " ".join(
        f"{WIDTH * each['rounds_opened'] / across:.1f},"
        f"{HEIGHT * (1 - each['epsilon_spent'] / top):.1f}"
        for each in shown
    )
    line = HEIGHT * (1 - found["epsilon_budget"] / top)
    said = f"epsilon spent behind each of {len(counted)} rounds, of {found['epsilon_budget']:g}"
    yield f"<h2>Spent, round by round</h2><figure><svg viewBox='-2 -6 {WIDTH + 4} {HEIGHT + 12}'"
    yield f" role='img' aria-label='{_safe(said)}' style='width:100%;max-width:{WIDTH}px'>"
    yield f"<line x1='0' x2='{WIDTH}' y1='{line:.1f}' y2='{line:.1f}' stroke='currentColor'"
    yield " stroke-dasharray='6 4'/><polyline fill='none' stroke='currentColor' stroke-width='2'"
    yield f" points='0,{HEIGHT} {points}'/></svg>"
    yield f"<figcaption class='note'>{_safe(said)}: the dashed line</figcaption></figure>"


def _rounds(rounds: list[Mapping[str, Any]]) -> Iterator[str]:
    yield "<details><summary><b>Rounds</b> each with what was spent behind it</summary>"
    yield '<div class="wide"><table><thead><tr><th>round</th><th>outcome</th><th>counted</th>'
    yield "<th>epsilon spent</th></tr></thead><tbody>"
    for each in rounds:
        yield f"<tr><th scope='row'>{each['round']}</th><td>{_safe(each['outcome'])}</td>"
        yield f"<td>{each['rounds_opened']}</td><td>{each['epsilon_spent']:.6f}</td></tr>"
    yield "</tbody></table></div></details>"
