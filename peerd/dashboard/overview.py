"""The first page: what goes on, the members, and how good the model is."""

from __future__ import annotations

from collections.abc import Sequence

from peerd.cli.output import decimal, size
from peerd.dashboard import members, now
from peerd.dashboard.markup import Html, details, join, link, safe, table, tag
from peerd.dashboard.sources import Document, Names, Sources

LISTED = 20
CHARTS = (
    ("accuracy", "Accuracy of the group, and its bounds"),
    ("loss", "Loss of the group"),
    ("bytes", "Bytes of a round, here"),
)


def page(sources: Sources) -> Html:
    """Parts that ask for themselves anew, and stay as they are while nobody looks."""
    genesis = sources.genesis
    return join(
        (
            tag("h1", genesis.name),
            tag("section", _live("now", now.part(sources), 1), class_="card"),
            tag(
                "section",
                tag("h2", "Members"),
                _members(sources),
                class_="card",
            ),
            tag("section", tag("h2", "The model"), _charts(), class_="card"),
            tag(
                "section",
                tag("h2", "Last rounds"),
                _live("rounds", rounds_part(sources), 3),
                class_="card",
            ),
        )
    )


def _members(sources: Sources) -> Html:
    """A few beside their table; of many the table is folded up. It stays as its reader leaves it:
    what is asked for anew is inside.
    """
    few = len(sources.views.peers()) <= members.RING
    drawn = _live("members", members.part(sources), 3)
    rows = _live("member-rows", members.rows(sources), 3)
    folded = details("The members as a table", rows, open=few)
    return tag("div", drawn, folded, class_="beside" if few else None)


def rounds_part(sources: Sources) -> Html:
    """The last rounds, the latest first."""
    names = Names(sources.views.peers())
    found = list(reversed(sources.views.rounds(LISTED)))
    if not found:
        return tag("p", "No round is over yet.", data_head=-1)
    header = ("round", "outcome", "accuracy", "loss", "rows", "here", "blamed", "absent")
    shown = table(
        f"The last {len(found)} of {max(sources.views.counted(), len(found))} rounds",
        (*header, "seconds", "bytes"),
        (_row(each, names) for each in found),
    )
    return tag("div", shown, data_head=found[0].get("round"))


def _row(each: Document, names: Names) -> Sequence[object]:
    group = each.get("group") or {}
    within = group.get("within")
    accuracy = _decimal(group.get("accuracy"))
    blamed = each.get("blamed") or []
    number = each.get("round")
    return (
        link(f"/rounds/{number}", number),
        _outcome(each),
        accuracy if within is None else f"{accuracy} ±{within:.3f}",
        _decimal(group.get("loss")),
        group.get("rows"),
        _decimal(each.get("accuracy")),
        tag("span", names.all(blamed), class_="bad") if blamed else None,
        names.all(each.get("absent")) if each.get("absent") else None,
        _decimal(each.get("seconds")),
        size(each.get("bytes") or 0),
    )


def _outcome(each: Document) -> Html:
    reason = each.get("reason")
    said = str(each.get("outcome"))
    return safe(said if not reason else f"{said} ({reason})")


def _charts() -> Html:
    """Drawn by page.js; the table of rounds has the same numbers."""
    note = (
        "The group's accuracy and loss are about the model that a round started from, over the"
        " held-out rows of all sites of its cohort; the bounds are what liars may have made of it."
        " The table of rounds below has these numbers."
    )
    figures = (
        tag(
            "figure",
            tag("figcaption", caption),
            tag("div", id=f"chart-{name}", class_="chart", role="img", aria_label=caption),
        )
        for name, caption in CHARTS
    )
    return join((tag("p", note, class_="note"), tag("div", *figures, class_="charts")))


def _live(name: str, inside: Html, seconds: int) -> Html:
    asks = {"hx_get": f"/part/{name}", "hx_trigger": f"every {seconds}s", "hx_swap": "innerMorph"}
    return tag("div", inside, id=name, **asks)


def _decimal(value: object) -> str | None:
    return decimal(float(value)) if isinstance(value, int | float) else None
