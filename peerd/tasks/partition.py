"""Dealing a common data set to the peers of a swarm: each row to exactly one peer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.learning.settings import Partition

# iid: rows at random. label: sorted by class and cut, so that each peer sees a few classes only.
PARTITIONS = ("iid", "label")


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
    elif kind != "iid":
        raise TaskError(f"partition {kind!r} is not {' or '.join(PARTITIONS)}")
    return np.array_split(order, partition.count)[partition.index]
