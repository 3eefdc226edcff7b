"""The report as one HTML page: no script, nothing fetched, all that is from outside escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any

from peerd.audit import words
from peerd.errors import printable
from peerd.labels import short

GRID = 400  # rounds in the picture of who took part: the last ones
MARKS = {
    "dealt": ("●", "its update is in the sum"),
    "sat": ("◉", "its update is in the sum, and it sat in the committee"),
    "away": ("○", "away: not heard in time"),
    "guilty": ("✕", "left out as guilty"),
    "undrawn": ("·", "not drawn to deal"),
    "unsummed": ("–", "nothing was summed: a pause, a handover, or given up"),
}


def opening(title: str) -> Iterator[str]:
    """Of a page that fetches nothing, down to its heading."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    yield f"<title>{_safe(title)}</title><style>{style}</style></head><body><main>"
    yield f"<h1>{_safe(title)}</h1>"


def page(document: Mapping[str, Any]) -> str:
    """The whole page."""
    return "\n".join(_page(document)) + "\n"


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    names = words.Names(document)
    groups = document["groups"]
    title = f"Audit of {groups[0]['name']}" if groups else "Audit"
    yield from opening(title)
    yield from _verdict(document)
    yield from _pairs(words.facts(document))
    yield from _blamed(document, names)
    for group in groups:
        yield from _members(group, document["history"])
    if document["history"]:
        yield "<h2>Rounds</h2>"
        for why in words.seating(document["history"]):
            yield f'<p class="note">{_safe(why)}</p>'
        if any(each["outcome"] == "abandoned" for each in document["history"]):
            yield f'<p class="note">{_safe(words.ABANDONED)}</p>'
        for each in document["history"]:
            yield from _round(each, names)
    yield f'<p class="note">{_safe(words.NOT_PROVEN)}</p>'
    yield "</main></body></html>"


def _safe(text: object) -> str:
    """Names, paths and reasons are strangers' words."""
    return escape(printable(str(text)))


def _verdict(document: Mapping[str, Any]) -> Iterator[str]:
    kind = document["verdict"]
    yield f'<div class="verdict {kind}"><strong>{_safe(words.verdict(document))}</strong>'
    if document["first_failure"] is not None:
        yield f"<p>{_safe(words.failure(document['first_failure']))}</p>"
    yield "</div>"


def _pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield "<dl>"
    for heading, said in pairs:
        yield f"<dt>{_safe(heading)}</dt><dd>{_safe(said)}</dd>"
    yield "</dl>"


def _blamed(document: Mapping[str, Any], names: words.Names) -> Iterator[str]:
    yield "<h2>Blamed</h2>"
    said = words.blames(document, names)
    if not said:
        yield "<p>Nobody: there is no evidence against anybody here.</p>"
        return
    yield f"<ul>{''.join(f'<li>{_safe(each)}</li>' for each in said)}</ul>"


def _members(group: Mapping[str, Any], history: list[Mapping[str, Any]]) -> Iterator[str]:
    """Counts of each member, and a picture of the rounds: a row a member, a column a round."""
    rounds = [each for each in history if each["group"] == group["group"]][-GRID:]
    yield f"<h2>Members of {_safe(group['name'])}</h2>"
    yield '<div class="wide"><table><thead><tr><th>member</th><th>took part</th><th>sat</th>'
    yield "<th>away</th><th>blamed</th></tr></thead><tbody>"
    for member in group["members"]:
        peer = f"<code>{_safe(member['peer'])}</code>"
        name = f"{_safe(member['name'])}<br>" if member["name"] else ""
        blamed = '<td class="guilty">yes</td>' if member["blamed"] else "<td>no</td>"
        yield f'<tr><th scope="row">{name}{peer}</th>'
        yield f"<td>{member['took_part']}</td><td>{member['sat']}</td><td>{member['away']}</td>"
        yield f"{blamed}</tr>"
    yield "</tbody></table></div>"
    if rounds:
        yield from _grid(group, rounds)
        made = sum(each["group"] == group["group"] for each in history)
        if made > len(rounds):
            cut = f"The last {len(rounds)} of {made} rounds; each of them all is told below."
            yield f'<p class="note">{cut}</p>'


def _grid(group: Mapping[str, Any], rounds: list[Mapping[str, Any]]) -> Iterator[str]:
    sets = [{key: frozenset(each[key]) for key in KEYS} for each in rounds]
    yield '<h3>Who took part, round by round</h3><div class="wide"><table class="grid"><thead><tr>'
    yield f"<th>round</th>{''.join(_number(each['round']) for each in rounds)}</tr></thead><tbody>"
    for member in group["members"]:
        peer = member["peer"]
        shown = _safe(member["name"] or short(peer))
        cells = "".join(_cell(peer, each) for each in sets)
        yield f'<tr><th scope="row" title="{_safe(peer)}">{shown}</th>{cells}</tr>'
    yield "</tbody></table></div>"
    yield '<ul class="legend">'
    for kind, (mark, said) in MARKS.items():
        yield f'<li><span class="{kind}">{mark}</span> {_safe(said)}</li>'
    yield "</ul>"


KEYS = ("took_part", "committee", "away", "guilty", "undrawn")


def _number(round_: int) -> str:
    return f"<th>{round_ if round_ % 5 == 0 else ''}</th>"


def _cell(peer: str, each: Mapping[str, frozenset[str]]) -> str:
    if peer in each["guilty"]:
        kind = "guilty"
    elif peer in each["away"]:
        kind = "away"
    elif peer in each["took_part"]:
        kind = "sat" if peer in each["committee"] else "dealt"
    else:
        kind = "undrawn" if peer in each["undrawn"] else "unsummed"
    return f'<td class="{kind}">{MARKS[kind][0]}</td>'


def _round(each: Mapping[str, Any], names: words.Names) -> Iterator[str]:
    how = "transcript" if each["transcript"] else "certificate alone"
    took, away = len(each["took_part"]), len(each["away"])
    summary = f"{each['outcome']}, {took} took part, {away} away, verified by {how}"
    yield f"<details><summary><b>Round {each['round']}</b> {_safe(summary)}</summary>"
    yield from _pairs(words.round_in_words(each, names))
    yield "</details>"
