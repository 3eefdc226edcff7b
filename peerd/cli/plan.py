"""``peerd plan``: committee sizes by the packed rule, and by the paper's."""

from __future__ import annotations

import argparse
import json
import sys
from fractions import Fraction
from math import log2

from peerd.errors import ConfigError
from protocols.plan import RULES, SECURITY_BITS, PlanError, PlanRow, plan_rows, rational

LONGEST_LIST = 100
"""Values in one --peers, --adversary or --dropout list."""
MAX_DIGITS = 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Committee sizes, and what they cost and risk (docs/protocol.md §1)."
    parser.add_argument("--rule", choices=RULES, default="packed", help="default: packed")
    parser.add_argument(
        "--peers",
        metavar="LIST",
        help="peers in the roster, such as 8 or 4,6,8; for the packed rule",
    )
    parser.add_argument(
        "--adversary", required=True, metavar="LIST", help="bounds beta, such as 0.1 or 0.1,1/5"
    )
    parser.add_argument("--dropout", default="0", metavar="LIST", help="dropouts q; default: 0")
    parser.add_argument("--absent", type=int, help="members that may be absent; default: from q")
    parser.add_argument("--committee", type=int, help="fix the committee's size (packed rule)")
    parser.add_argument(
        "--rounds", type=int, default=1000, help="rounds to sum the risk over; default: 1000"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON list")


def main(args: argparse.Namespace) -> int:
    """Print a row for each size, adversary and dropout. ConfigError where there is no plan."""
    try:
        if args.rounds < 1:
            raise PlanError(f"--rounds must be at least 1, not {args.rounds}")
        adversaries = _rationals("--adversary", args.adversary)
        dropouts = _rationals("--dropout", args.dropout)
        rows = [
            row
            for peers in _sizes(args.peers)
            for row in plan_rows(
                args.rule,
                peers,
                adversaries,
                dropouts,
                absent=args.absent,
                committee=args.committee,
            )
        ]
    except PlanError as error:
        raise ConfigError(str(error)) from None
    if args.json:
        json.dump(rows, sys.stdout, indent=2, allow_nan=False)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(_table(rows, args.rounds))
    return 0


def _sizes(text: str | None) -> list[int | None]:
    """None where nothing is said: the paper's rules look at no size."""
    if text is None:
        return [None]
    words = _words("--peers", text)
    for word in words:
        if not word.isascii() or not word.isdigit() or len(word) > MAX_DIGITS:
            raise PlanError(f"--peers {word}: not a whole number; such as 8, or 4,6,8")
    return [int(word) for word in words]


def _words(option: str, text: str) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if len(words) > LONGEST_LIST:
        raise PlanError(f"{option} takes at most {LONGEST_LIST} values, not {len(words)}")
    return words


def _rationals(option: str, text: str) -> list[Fraction]:
    words = _words(option, text)
    try:
        return [rational(word) for word in words]
    except PlanError as error:
        raise PlanError(f"{option}: {error}") from None


def _table(rows: list[PlanRow], rounds: int) -> str:
    head = (
        "rule", "peers", "adversary", "dropout", "committee", "threshold", "packing", "absent",
        "degree",
        "upload", "log2/round", f"log2/{rounds} rounds", "",
    )  # fmt: skip
    lines = [head, *(_cells(row, rounds) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
    notes = (
        "absent: honest members that may be away. upload: field elements sent for each value.\n"
        "log2: more liars seated than allowed.\n"
    )
    if rows[0]["rule"] in ("paper-half", "paper-third"):
        notes += (
            "This rule is the looser reading of the paper, kept to check its numbers; log2 is of\n"
            "what the paper's text asks. Choose the packed rule or the strict one for use.\n"
        )
    return f"{text}\n\n{notes}"


def _cells(row: PlanRow, rounds: int) -> tuple[str, ...]:
    failure = row["log2_failure"]
    several = None if failure is None else min(0.0, failure + log2(rounds))
    missed = failure is not None and failure >= -SECURITY_BITS
    return (
        row["rule"],
        "any" if row["peers"] is None else str(row["peers"]),
        f"{row['adversary']:g}",
        f"{row['dropout']:g}",
        *(str(row[key]) for key in ("committee", "threshold", "packing")),
        "-" if row["absent"] is None else str(row["absent"]),
        str(row["degree"]),
        f"{row['committee'] / row['packing']:.2f}",
        "never" if failure is None else f"{failure:.2f}",
        "never" if several is None else f"{several:.2f}",
        f"misses 2^-{SECURITY_BITS}" if missed else "",
    )
