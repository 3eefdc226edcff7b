"""The aggregators that a group may choose."""

from __future__ import annotations

from collections.abc import Callable

from protocols.aggregation.contract import AggregationError, Aggregator, Constants
from protocols.aggregation.rsa import Rsa

AGGREGATORS: dict[str, Callable[[Constants], Aggregator]] = {"rsa": Rsa.from_constants}


def aggregator(name: str, constants: Constants) -> Aggregator:
    """The named rule; constants that are left out take their defaults. Raises AggregationError."""
    make = AGGREGATORS.get(name)
    if make is None:
        known = ", ".join(sorted(AGGREGATORS))
        raise AggregationError(f"there is no aggregator {name!r}; there is {known}")
    return make(constants)
