"""What stands around each page: its head, where one can go from there, and who refuses what."""

from __future__ import annotations

from http import HTTPStatus

from peerd.dashboard.guard import Refused
from peerd.dashboard.markup import Html, join, link, single, tag
from peerd.dashboard.sources import Sources
from peerd.labels import label

PLACES = (
    ("/", "Overview"),
    ("/rounds", "Rounds"),
    ("/blame", "Blame"),
    ("/chain", "Chain"),
    ("/schema", "Agreement"),
)
HTMX = '{"includeIndicatorCSS":false,"history":false,"noSwap":[204,304,"4xx","5xx"]}'
"""No style and no address of its own; what is refused is not put in a part's place."""


def page(sources: Sources, title: str, path: str, main: Html) -> Html:
    """A whole page. ``path``: which of PLACES it is."""
    genesis = sources.genesis
    status = sources.board.snapshot()
    head = tag(
        "header",
        link("#main", "Skip to the content", class_="skip"),
        tag("p", tag("b", "peerd"), " ", genesis.name, class_="brand"),
        tag("p", "this node: ", label(status.get("name"), status.get("peer")), class_="note"),
        tag("nav", _places(path), aria_label="Pages"),
    )
    silent = "The daemon does not answer. What stands here is what it said last."
    alarm = tag("p", silent, id="silent", class_="trouble", role="alert", hidden=True)
    body = tag("main", alarm, main, id="main", tabindex=-1)
    return _document(f"{title} · {genesis.name} · peerd", join((head, body, _foot())), live=True)


def denied(why: Refused) -> Html:
    """Why nothing is shown, and what to do."""
    title = HTTPStatus(why.status).phrase
    how = tag(
        "p", "Run ", tag("code", "peerd dashboard"), " on this machine, and open the address."
    )
    said = (tag("h1", title), tag("p", why.why), how)
    return _document(f"{title} · peerd", tag("main", *said, id="main"), live=False)


def _places(path: str) -> Html:
    entries = (
        tag("li", link(to, name, aria_current="page" if to == path else None))
        for to, name in PLACES
    )
    return tag("ul", *entries)


def _foot() -> Html:
    return tag("footer", tag("p", "Read-only. Served on this machine alone.", class_="note"))


def _document(title: str, body: Html, *, live: bool) -> Html:
    """``live``: with the scripts."""
    names = ("htmx.js", "uplot.js", "page.js") if live else ()
    styles = ("uplot.css", "page.css") if live else ("page.css",)
    head = tag(
        "head",
        single("meta", charset="utf-8"),
        single("meta", name="viewport", content="width=device-width, initial-scale=1"),
        single("meta", name="color-scheme", content="light dark"),
        single("meta", name="htmx-config", content=HTMX) if live else "",
        tag("title", title),
        single("link", rel="icon", type="image/svg+xml", href="/static/icon.svg"),
        *(single("link", rel="stylesheet", href=f"/static/{name}") for name in styles),
        *(tag("script", src=f"/static/{name}", defer=True) for name in names),
    )
    return join((single("!doctype html"), tag("html", head, tag("body", body), lang="en")), "\n")
