"""What a swarm showed, in a few sentences for a person."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peerd.cli.output import share, short


def tell(document: Mapping[str, Any], directory: Path, audited: Sequence[int]) -> list[str]:
    """Lines: accuracies, who was caught and how, where to look, and what to run next."""
    return [
        *_accuracies(document),
        *_caught(document),
        f"The plot is {directory / 'accuracy.png'}, the result {directory / 'result.json'}.",
        *_audit_line(document, directory, audited),
    ]


def _accuracies(document: Mapping[str, Any]) -> list[str]:
    peers = document["peers"]
    liars = sum(not peer["honest"] for peer in peers)
    final = [each["accuracy"] for each in document["rounds"] if each["accuracy"] is not None]
    lines = []
    if final:
        lines.append(
            f"{len(peers)} peers, {liars} of them liars ({document['attack']}), trained one model "
            f"to an accuracy of {share(final[-1])}, and nobody saw anybody's update."
        )
    ends = {name: curve[-1] for name, curve in document["baselines"].items() if curve}
    if ends.get("no_liars") is not None:
        lines.append(f"With no liars at all it would have been {share(ends['no_liars'])}.")
    if ends.get("plain_mean") is not None:
        lines.append(f"Plain averaging with these liars ends at {share(ends['plain_mean'])}.")
    if ends.get("one_curator") is not None:
        lines.append(
            f"One curator with all rows, and the same promise, would end at"
            f" {share(ends['one_curator'])}; sites without noise at {share(ends['no_noise'])}."
        )
    return lines


def _caught(document: Mapping[str, Any]) -> list[str]:
    index = {peer["id"]: number for number, peer in enumerate(document["peers"])}
    honest = sum(peer["honest"] for peer in document["peers"])
    first: dict[tuple[str, str], int] = {}
    for each in document["rounds"]:
        for blame in each["blamed"]:
            first.setdefault((blame["peer"], str(blame["reason"])), each["round"])
    lines = []
    for (peer, reason), number in first.items():
        naming = sum(each["honest"] and peer in each["blamed"] for each in document["peers"])
        lines.append(
            f"Peer {index.get(peer, '?')} ({short(peer)}) was caught in round {number}: {reason}; "
            f"{naming} of {honest} honest peers hold the evidence."
        )
    caught = {peer for peer, _ in first}
    for peer in document["peers"]:
        if not peer["honest"] and peer["id"] not in caught:
            lines.append(
                f"Peer {index[peer['id']]} ({short(peer['id'])}) lied, and was not blamed: its lie "
                "can't be proven, and the aggregator bounds what it does."
            )
    return lines


def _audit_line(document: Mapping[str, Any], directory: Path, audited: Sequence[int]) -> list[str]:
    if not audited:
        return []
    blamed = [each["round"] for each in document["rounds"] if each["blamed"]]
    number = next((each for each in blamed if each in audited), audited[-1])
    transcript = directory / "transcripts" / f"round-{number}.transcript"
    return [
        "Check it yourself, without trusting anyone:",
        f"  {_peerd()} audit {transcript} --genesis {directory / 'genesis.json'}",
    ]


def _peerd() -> str:
    """How this shell can call peerd: by name, or by the path of this installation."""
    if shutil.which("peerd"):
        return "peerd"
    beside = Path(sys.executable).with_name("peerd")
    return os.path.relpath(beside) if beside.exists() else f"{sys.executable} -m peerd.cli.main"
