"""What a new group counts of its members' held-out rows (docs/protocol.md §4)."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from peerd.cli.members import members
from peerd.errors import ConfigError, GroupError

if TYPE_CHECKING:
    from peerd.group import Genesis
    from peerd.learning.trained import Found
    from protocols.aggregation.evaluation import Evaluation

Say = Callable[[str], None]
OPTION = "--held-out-rows"
OFF = "the group has no evaluation of its own"


def add_evaluation_arguments(parser: argparse.ArgumentParser) -> None:
    """``--held-out-rows`` and ``--no-evaluation``."""
    parser.add_argument(
        OPTION,
        nargs="+",
        metavar="ROWS|PEER=ROWS|FILE",
        help="how many held-out rows each member has, which the group's own evaluation counts: one "
        "number for all, or one a member, or files as for --members (default: what this machine "
        "finds, where all members hold out the same rows)",
    )
    add_off_argument(parser)


def add_off_argument(parser: argparse.ArgumentParser) -> None:
    """``--no-evaluation``."""
    parser.add_argument(
        "--no-evaluation",
        action="store_true",
        help="open no counts of held-out rows: each member knows its own accuracy alone",
    )


def stated_rows(words: list[str] | None, roster: list[bytes]) -> dict[bytes, int] | None:
    """What each member states, by public key; None where nothing is stated. ConfigError."""
    if words is None:
        return None
    if len(words) == 1 and words[0].isascii() and words[0].isdigit():
        return dict.fromkeys(roster, _number(words[0]))
    found = members(words, OPTION, least=0)
    for public, rows in found.items():
        if rows is None:
            raise ConfigError(f"{OPTION}: a member is named without its rows", "say PEER=ROWS")
        if public not in roster:
            raise ConfigError(f"{OPTION}: names somebody who is not among --members")
    if missing := len(roster) - len(found):
        raise ConfigError(
            f"{OPTION}: says nothing of {missing} of {len(roster)} members",
            "state a number for each: 0 for one that is to count nothing",
        )
    return {public: rows for public, rows in found.items() if rows is not None}


def _number(word: str) -> int:
    from protocols.aggregation.evaluation import MAX_ROWS

    rows = int(word[:20])
    if rows > MAX_ROWS:
        raise ConfigError(f"{OPTION} {word}: at most {MAX_ROWS}")
    return rows


def evaluation_for(
    genesis: Genesis, found: Found | None, stated: Mapping[bytes, int] | None, say: Say
) -> Evaluation | None:
    """What fits this group. ``found``: what the held-out rows of this machine come to. ``stated``:
    each member's rows; None: all hold out those of this machine. ``say`` is told what is left out.
    """
    from protocols.aggregation.evaluation import LEAST_ROWS

    if found is None or not found.rows:
        say(f"{OFF}: the task's held-out rows can't be counted here")
        return None
    if stated is None:
        stated = dict.fromkeys(genesis.roster, found.rows)
    rows = tuple(stated[public] for public in genesis.roster)
    enough = tuple(each if each >= LEAST_ROWS else 0 for each in rows)
    if few := sum(1 for each in rows if 0 < each < LEAST_ROWS):
        say(f"{few} members hold out fewer than {LEAST_ROWS} rows: they evaluate nothing")
    if not any(enough):
        say(f"{OFF}: nobody holds out {LEAST_ROWS} rows")
        return None
    return _fitting(genesis, found, enough, say)


def _fitting(genesis: Genesis, found: Found, rows: tuple[int, ...], say: Say) -> Evaluation | None:
    """The most that leaves the field as small as the updates alone need it: a wider one costs
    every value of every update twice the bytes.
    """
    from peerd.runner.resume import setting_of

    alone = setting_of(replace(genesis, evaluation=None)).field.p
    for evaluation in _smaller(rows, found):
        try:
            fits = setting_of(replace(genesis, evaluation=evaluation)).field.p == alone
        except GroupError:
            fits = False
        if fits:
            if (most := max(evaluation.rows)) < max(rows):
                say(f"of a member at most {most} held-out rows are counted: more need wider sums")
            return evaluation
    say(f"{OFF}: its sums don't fit beside this rule's")
    return None


def _smaller(rows: tuple[int, ...], found: Found) -> Iterator[Evaluation]:
    """All rows, then fewer of each member; then the same without classes."""
    from protocols.aggregation.contract import AggregationError
    from protocols.aggregation.evaluation import LEAST_ROWS, MAX_LOSS_BITS, Evaluation

    for classes in dict.fromkeys((found.classes, 0)):
        most = max(rows)
        while most >= LEAST_ROWS:
            capped = tuple(min(each, most) for each in rows)
            for bits in range(MAX_LOSS_BITS, 3, -2):
                try:
                    yield Evaluation(capped, found.hits, classes, bits)
                except AggregationError:
                    break
            most = (1 << (most.bit_length() - 1)) - 1
