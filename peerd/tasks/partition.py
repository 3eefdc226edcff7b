"""Dealing a common data set to the peers of a swarm: each row to exactly one peer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.settings import Partition

# iid: rows at random. label: sorted by class and cut into two shards a peer, dealt at random, so
# that each peer sees two or three classes (McMahan et al. 2017, §3).
PARTITIONS = ("iid", "label")
SHARDS_EACH = 2


def rows_of(
    kind: str, targets: NDArray[np.int64], partition: Partition, seed: int
) -> NDArray[np.int64]:
    """The rows of this peer's part; the parts of all peers are disjoint and cover all rows."""
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
    if kind != "iid":
        raise TaskError(f"partition {kind!r} is not {' or '.join(PARTITIONS)}")
    return np.array_split(order, partition.count)[partition.index]
