"""What the group has agreed on: the genesis, with the schema of its table where it has one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from peerd.cli.terms import TERMS, UNSAID, summary
from peerd.dashboard.markup import Html, details, join, pairs, table, tag
from peerd.decimals import numbers
from peerd.errors import TaskError
from peerd.group import Genesis
from peerd.group.privacy import rounds_of
from peerd.group.rhythm import in_words
from peerd.identity import with_checksum
from peerd.tasks.names import SHIPPED
from peerd.tasks.schema import NumberColumn, Schema
from peerd.tasks.words import described

SCHEMA = "schema"
HEADINGS = {
    "delta_ms": "delta, in ms",
    "bandwidth_bytes_per_second": "bandwidth, bytes per second",
    "training_seconds": "training, in seconds",
    "deadlines": "deadlines, in ms",
}
VALUES = 12
"""Of a category's, in the table; all of them below it."""


def page(genesis: Genesis) -> Html:
    """All of it: whoever is a member has signed every line."""
    found = summary(genesis)
    options = numbers(genesis.task_options)
    rest = {name: option for name, option in options.items() if name != SCHEMA}
    is_table = genesis.task == SHIPPED["table"]
    return join(
        (
            tag("h1", "What the group agreed on"),
            tag(
                "p",
                "Every member has signed this. It can't be changed, only followed by another.",
                class_="note",
            ),
            pairs((("group", tag("code", found["group"])), ("name", genesis.name))),
            tag("h2", "Data"),
            *(_table(options) if is_table else ()),
            _options(rest if is_table else options),
            tag("h2", "Terms"),
            pairs(_terms(genesis, found)),
            tag("h2", "Members"),
            _members(found["members"]),
        )
    )


def _table(options: Mapping[str, Any]) -> Iterator[Html]:
    """What each site's rows must be, and what is learnt of them."""
    for line in described(options):
        yield tag("p", line)
    try:
        schema = Schema.from_options(options.get(SCHEMA))
    except TaskError:
        return
    yield pairs((("label", schema.label), ("classes", ", ".join(schema.classes) or "a number")))
    rows = [_column(each) for each in schema.columns]
    yield table(
        "Columns, in the order of the model's inputs",
        ("column", "kind", "what is known of it"),
        rows,
    )


def _column(column: Any) -> Sequence[object]:
    if isinstance(column, NumberColumn):
        return column.name, "number", f"mean {column.mean:g}, scale {column.scale:g}"
    shown = ", ".join(column.values[:VALUES])
    rest = column.values[VALUES:]
    said = f"{shown}; others in {column.buckets} buckets"
    if not rest:
        return column.name, "category", said
    more = details(f"{len(column.values)} values", tag("p", ", ".join(column.values)))
    return column.name, "category", join((said, more))


def _options(options: Mapping[str, Any]) -> Html:
    if not options:
        return tag("p", "The task has no further options.")
    return pairs(
        (f"task option {name}", tag("code", json.dumps(value, ensure_ascii=False)))
        for name, value in sorted(options.items())
    )


def _terms(genesis: Genesis, found: Mapping[str, object]) -> Iterator[tuple[object, object]]:
    yield "rhythm", in_words(genesis.rhythm, rounds_of(genesis.privacy))
    for name in TERMS:
        value = UNSAID.get(name, "none") if found[name] is None else found[name]
        if isinstance(value, dict):
            value = ", ".join(f"{key} {each}" for key, each in value.items())
        yield HEADINGS.get(name, name.replace("_", " ")), value


def _members(members: object) -> Html:
    listed = members if isinstance(members, list) else []
    rows = (
        (
            each["name"] or "no name",
            tag("code", with_checksum(each["peer"])),
            each["weight"],
            each["held_out_rows"],
        )
        for each in listed
    )
    return table("Members, in roster order", ("member", "peer id", "weight", "held-out rows"), rows)
