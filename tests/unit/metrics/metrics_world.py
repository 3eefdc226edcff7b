"""A daemon's metrics without the daemon: its documents are given, its numbers are real."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from peerd.group import Genesis, new_genesis
from peerd.identity import Identity
from peerd.learning import Trainer, Training
from peerd.metrics.exposition import Documents, Exposition, Numbers
from peerd.metrics.probes import Probes
from peerd.metrics.tally import Tally
from peerd.transport.links import Link

MEMBERS = sorted((Identity(bytes([i]) * 32) for i in range(4)), key=lambda each: each.public)
ME = MEMBERS[1].public
NAMES = ("St. Mary's", 'quote " and \\ back', "国立病院", "Köln")
STATUS = {
    "state": "running",
    "phase": "waiting for dealings",
    "round": 7,
    "attempt": 1,
    "head": 6,
    "draining": False,
    "warnings": ["a", "b"],
    "evaluation": {"accuracy": 0.75, "within": 0.25, "loss": 0.5, "rows": 400},
    "waiting": [{"peer": "x"}],
}
ROUNDS = [{"round": 5, "accuracy": 0.5, "loss": 2.0}, {"round": 6, "accuracy": None, "loss": None}]
PHASES = {"start": {"wall_seconds": 1.5, "cpu_seconds": 0.5, "bytes_in": 10, "bytes_out": 20}}


def genesis(names: Iterable[str] = ()) -> Genesis:
    return new_genesis(
        name="spring",
        task="peerd.tasks.digits:Digits",
        task_options={},
        aggregator="rsa",
        constants={},
        adversary=Fraction(1, 4),
        dropout=Fraction(0),
        absent=None,
        delta_ms=1500,
        bandwidth_bytes_per_second=1_000_000,
        training_seconds=18,
        parameters=10,
        first_model=bytes(32),
        roster=[peer.public for peer in MEMBERS],
        names={peer.public: name for peer, name in zip(MEMBERS, names, strict=False)},
    )


def links() -> list[Link]:
    others = [peer.public for peer in MEMBERS if peer.public != ME]
    return [
        Link(public, "", index > 0, 100 + index, 200, 0.25 if index else None, None, 3, 1)
        for index, public in enumerate(others)
    ]


def exposition(
    tally: Tally | None = None,
    status: dict[str, Any] = STATUS,
    names: Iterable[str] = (),
    rounds: list[dict[str, Any]] = ROUNDS,
) -> Exposition:
    directory = Path(tempfile.gettempdir())
    tally = tally or Tally([], lambda number: {"phases": PHASES})
    trainer = Trainer(Training("digits", "rsa", directory))
    trainer.process_id = os.getpid()
    ask = Documents(lambda: status, lambda limit: rounds[-limit:], links)
    return Exposition(genesis(names), ME, Numbers(tally, Probes(directory), trainer), ask)


Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def parsed(text: bytes) -> Samples:
    """By name and labels, as Prometheus' own parser for Python reads it. No sample comes twice."""
    found: Samples = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def names_in(text: bytes) -> set[str]:
    """Every metric that is declared, with samples or without."""
    lines = (line.split(" ") for line in text.decode().splitlines())
    return {words[2] for words in lines if words[:2] == ["#", "TYPE"]}
