"""The report as text: in short for a terminal, or with every round for a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from peerd.audit import words
from peerd.cli.output import table
from peerd.errors import printable
from peerd.labels import label, short

LISTED = 40  # rounds that a terminal is shown


def report(document: Mapping[str, Any], *, whole: bool) -> str:
    """``whole``: with each round in full, else with a table of the last ones."""
    names = words.Names(document)
    lines = [words.verdict(document), ""]
    lines += [f"{heading}: {said}" for heading, said in words.facts(document)]
    lines += ["", "blamed:"]
    lines += [f"  {said}" for said in words.blames(document, names)] or ["  nobody"]
    for group in document["groups"]:
        lines += ["", *_members(group)]
    rounds = document["history"]
    if rounds:
        shown = rounds if whole else rounds[-LISTED:]
        lines += ["", *table(HEADER, [_row(each) for each in shown]).splitlines()]
        if len(shown) < len(rounds):
            lines.append(f"… the last {LISTED} of {len(rounds)} rounds; --report FILE.txt has all")
        lines += ["", *words.seating(rounds)]
        if any(each["outcome"] == "abandoned" for each in rounds):
            lines.append(words.ABANDONED)
    if whole or len(rounds) == 1:
        for each in rounds:
            lines += ["", f"Round {each['round']}, attempt {each['attempt']}: {each['outcome']}"]
            lines += [f"  {name}: {said}" for name, said in words.round_in_words(each, names)]
    lines += ["", words.NOT_PROVEN]
    return "\n".join(printable_line(line) for line in lines)


HEADER = ("round", "outcome", "shown by", "took part", "away", "seed", "model")


def printable_line(line: str) -> str:
    """A line whose names and paths can't command a terminal; its blanks stay."""
    indent = len(line) - len(line.lstrip(" "))
    return line if line.isprintable() else " " * indent + printable(line)


def _row(each: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        each["round"],
        each["outcome"],
        "transcript" if each["transcript"] else "certificate",
        len(each["took_part"]),
        len(each["away"]),
        "-" if each["seed"] is None else short(each["seed"]),
        short(each["model_hash"]),
    )


def _members(group: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            label(each["name"], each["peer"]),
            each["took_part"],
            each["sat"],
            each["away"],
            each["blamed"],
        )
        for each in group["members"]
    ]
    return table(("member", "took part", "sat", "away", "blamed"), rows).splitlines()
