"""The part of docs/performance.md that sets others beside us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from baselines.comparison import line
from peerd.cli.output import size

Document = Mapping[str, Any]
NAMES = {"round": "peerd", "secagg": "Flower, SecAgg+", "fedavg": "Flower, FedAvg"}


def beside(found: Document) -> str:
    """Tables of rounds and of members, what was missing, and the ratios as they are printed."""
    parts = [_rounds(found["rounds"])] if found["rounds"] else []
    parts.append(_members(found["members"]))
    parts += [f"Without {name}: {reason}." for name, reason in found["missing"].items()]
    printed = "\n".join(line(name, value) for name, value in found["ratios"].items())
    return "\n\n".join([*parts, f"```text\n{printed}\n```"])


def _rounds(rounds: Sequence[Document]) -> str:
    rows = (
        [f"{group['peers']}", called, *_costs(group[name])]
        for group in rounds
        for name, called in NAMES.items()
    )
    return _table(["peers", "", "wall, a round", "CPU, a peer", "sent by a peer"], rows)


def _costs(spent: Document) -> Iterator[str]:
    yield f"{spent['wall_seconds']:.2f} s"
    yield f"{spent['cpu_seconds']:.3f} s"
    yield size(spent["bytes_sent"])


def _members(members: Sequence[Document]) -> str:
    names = list(members[0]["cpu_seconds"])
    rows = (
        [work["rule"], str(work["peers"]), str(work["theta"] or 1), *_seconds(work, names)]
        for work in members
    )
    return _table(["rule", "peers", "bits", *names], rows)


def _seconds(work: Document, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        spent = work["cpu_seconds"].get(name)
        yield "" if spent is None else f"{spent:.3f} s"


def _table(head: Sequence[str], rows: Iterator[list[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
