"""One cell of the laboratory's grid: everything that its result depends on, as plain data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from peerd.laboratory.experiments.attacks import AttackSpec
from peerd.learning.settings import Option
from protocols.hashing import digest

# Counted up when a cell of the same description would give other numbers.
FORMAT = 1
LIFTED, CLEAR = "lifted", "clear"


@dataclass(frozen=True)
class RuleSpec:
    """``form`` LIFTED: through F^P, F^R and the post-processing, as a group does. CLEAR: in floats.

    ``constants`` are complete. ``label`` is what tables call it.
    """

    name: str
    form: str
    label: str
    constants: Mapping[str, int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Descent:
    """F^C of the rules in the clear that bring none: ``steps`` of minibatch descent a round."""

    steps: int = 1
    batch: int = 32
    rate: float = 0.01
    momentum: float = 0.0


@dataclass(frozen=True)
class Cell:
    """One training run. The last ``liars`` peers lie.

    ``secured``: in how many of the first rounds the sum is really shared, proved and opened.
    ``evaluate_every``: rounds between two evaluations; the last round is always evaluated.
    """

    task: str
    options: Mapping[str, Option]
    partition: str
    peers: int
    liars: int
    rounds: int
    seed: int
    attack: AttackSpec
    rule: RuleSpec
    descent: Descent
    local: Mapping[str, Option] = field(default_factory=dict)
    secured: int = 0
    evaluate_every: int = 1

    def describe(self) -> dict[str, Any]:
        """As JSON, without what only says where the data are."""
        fields = asdict(self)
        del fields["local"]
        return {"format": FORMAT, **fields}

    @property
    def identifier(self) -> str:
        """16 hexadecimal digits: equal for equal descriptions."""
        text = json.dumps(self.describe(), sort_keys=True, allow_nan=False)
        return digest("peerd/lab/cell", text.encode()).hex()[:16]

    @property
    def title(self) -> str:
        """One line for progress and errors."""
        return (
            f"{self.rule.label} · {self.attack.label} · {self.liars} of {self.peers}"
            f" · {self.partition} · seed {self.seed}"
        )
