"""What a training worker is told when it starts. No torch here: the daemon imports this."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from peerd.errors import TaskError
from peerd.sealing import PLAIN, Vault
from protocols.hashing import digest

Option: TypeAlias = "bool | int | float | str | list[Option] | dict[str, Option] | None"
Options: TypeAlias = Mapping[str, Option]

SEED_BITS = 63
IGNORED = -100  # the label that torch's cross-entropy leaves out, unless told otherwise
NO_DATA: Options = MappingProxyType({})
"""A task's local options where its model is used and nothing is trained: no data are missed."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Which share of a common data set is this peer's: the ``index``-th of ``count``.

    A peer that trains on its own files is (0, 1).
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise TaskError(f"partition {self.index} of {self.count} does not exist")


@dataclass(frozen=True, slots=True)
class Training:
    """One peer's training: the group's task and aggregator, and what is this peer's own.

    ``options`` come from the genesis (the same at every peer), ``local`` from the peer's own
    configuration (paths). ``model_seed`` is the group's (it fixes the first model), ``seed`` the
    peer's (minibatches). ``directory`` keeps the local model across restarts. ``group`` is the
    group's id, which seeds what all compute alike. ``statistics``: what becomes of running ones
    (peerd/learning/shared.py). ``device``: where this peer computes, as torch calls it. ``python``:
    the interpreter that runs the worker, the daemon's own unless another is named. ``start_from``:
    the file of the first model; None: it is drawn. ``evaluation_seconds``: how long one evaluation
    may take. ``training_seconds``: what the group allows from a model to a dealing. ``vault``: what
    the local models are sealed with.
    """

    task: str
    aggregator: str
    directory: Path
    options: Options = field(default_factory=dict)
    local: Options = field(default_factory=dict)
    constants: Mapping[str, int | str] = field(default_factory=dict)
    partition: Partition = Partition()
    seed: int = 0
    model_seed: int = 0
    group: bytes = b""
    statistics: str = "refused"
    device: str = "cpu"
    python: Path | None = None
    start_from: Path | None = None
    evaluation_seconds: float = math.inf
    training_seconds: float = math.inf
    vault: Vault = PLAIN

    def __post_init__(self) -> None:
        for name, seed in (("seed", self.seed), ("model_seed", self.model_seed)):
            if not 0 <= seed < 1 << SEED_BITS:
                raise TaskError(f"{name} = {seed} must be in 0…2^{SEED_BITS} − 1")

    def packed(self) -> dict[str, object]:
        """As the worker is told it."""
        return {
            "task": self.task,
            "aggregator": self.aggregator,
            "directory": str(self.directory),
            "options": dict(self.options),
            "local": dict(self.local),
            "constants": dict(self.constants),
            "partition": [self.partition.index, self.partition.count],
            "seed": self.seed,
            "model_seed": self.model_seed,
            "group": self.group,
            "statistics": self.statistics,
            "device": self.device,
            "vault": self.vault.packed(),
            "start_from": None if self.start_from is None else str(self.start_from),
        }


def peer_seed(seed: int, index: int) -> int:
    """The training seed of the ``index``-th peer of a swarm that was started with ``seed``."""
    return derived_seed("peerd/learning/peer", seed, index)


def group_seed(group: bytes, round: int) -> int:
    """The seed of what every peer of a group computes alike in a round."""
    drawn = digest("peerd/learning/root", group, round.to_bytes(8, "little"))
    return int.from_bytes(drawn[:8], "little") >> (64 - SEED_BITS)


def derived_seed(domain: str, *numbers: int) -> int:
    """A 63-bit seed, different for each domain and tuple of integers below 2^63."""
    drawn = digest(domain, *(number.to_bytes(8, "little") for number in numbers))
    return int.from_bytes(drawn[:8], "little") >> (64 - SEED_BITS)
