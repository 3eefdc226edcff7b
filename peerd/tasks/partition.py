"""Dealing a common data set to the peers of a swarm: each row to exactly one peer."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.settings import Option, Partition

# iid: rows at random. label: sorted by class and cut into two shards a peer, dealt at random, so
# that each peer sees two or three classes (McMahan et al. 2017, §3). dirichlet:A: each class is
# dealt in proportions drawn from a Dirichlet distribution of concentration A (Hsu, Qi, Brown 2019).
PARTITIONS = ("iid", "label", "dirichlet:ALPHA")
SHARDS_EACH = 2
MIN_ALPHA, MAX_ALPHA = 0.001, 1e6
_DIRICHLET = re.compile(r"dirichlet:(\d{1,7}(?:\.\d{1,6})?)", re.ASCII)


def checked_partition(task: str, kind: Option) -> str:
    """``kind`` if it is a partition. Raises TaskError, which names the ``task``."""
    if isinstance(kind, str) and (kind in PARTITIONS[:2] or _alpha(kind) is not None):
        return kind
    raise TaskError(
        f"{task}: partition {kind!r} is not {' or '.join(PARTITIONS)}",
        f"ALPHA is a number from {MIN_ALPHA} to {MAX_ALPHA:.0f}, such as dirichlet:0.5",
    )


def rows_of(kind: str, targets: NDArray[Any], partition: Partition, seed: int) -> NDArray[np.int64]:
    """The rows of this peer's part; the parts of all peers are disjoint and cover all rows.

    ``targets`` (n,): classes; or numbers, of which ``dirichlet`` takes each for a class.
    """
    if partition.count > len(targets):
        raise TaskError(
            f"{len(targets)} training rows can't be dealt to {partition.count} peers",
            "use fewer peers or more data",
        )
    order = np.random.default_rng((seed, 1)).permutation(len(targets))
    if kind == "label":
        order = order[np.argsort(targets[order], kind="stable")]
        shards = np.array_split(order, SHARDS_EACH * partition.count)
        dealt = np.random.default_rng((seed, 2)).permutation(len(shards))
        own = dealt[partition.index :: partition.count]
        return np.sort(np.concatenate([shards[shard] for shard in own]))
    alpha = _alpha(kind)
    if alpha is not None:
        owners = _dirichlet_owners(targets[order], partition.count, alpha, seed)
        return np.sort(order[owners == partition.index])
    if kind != "iid":
        raise TaskError(f"partition {kind!r} is not {' or '.join(PARTITIONS)}")
    return np.array_split(order, partition.count)[partition.index]


def _alpha(kind: str) -> float | None:
    match = _DIRICHLET.fullmatch(kind)
    alpha = float(match[1]) if match else 0.0
    return alpha if MIN_ALPHA <= alpha <= MAX_ALPHA else None


def _dirichlet_owners(
    targets: NDArray[Any], count: int, alpha: float, seed: int
) -> NDArray[np.int64]:
    """Which peer gets each row (n,). No peer goes empty: it takes a row of whoever has most."""
    random = np.random.default_rng((seed, 3))
    owners = np.empty(len(targets), dtype=np.int64)
    for label in np.unique(targets):
        rows = np.flatnonzero(targets == label)
        shares = np.cumsum(random.dirichlet(np.full(count, alpha)))
        owners[rows] = np.searchsorted(shares[:-1], (np.arange(len(rows)) + 0.5) / len(rows))
    held = np.bincount(owners, minlength=count)
    for peer in np.flatnonzero(held == 0):
        richest = int(np.argmax(held))
        owners[np.flatnonzero(owners == richest)[0]] = peer
        held[richest] -= 1
        held[peer] += 1
    return owners
