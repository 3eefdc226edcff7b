"""A run to its end, judged by all that the oracle has."""

from __future__ import annotations

from peerd.laboratory.simulation.oracle import (
    check,
    check_bounds,
    check_erased,
    check_reasons,
    check_records,
)
from peerd.laboratory.simulation.oracle import honest as honest_peers
from peerd.laboratory.simulation.watch import Watch
from peerd.laboratory.simulation.world import World

END = 600_000
MAX_EVENTS = 40_000
"""A sound run of these sizes has a few thousand."""


def judge(world: World, *, until: int = END, covered: bool = True, **expected: object) -> None:
    """``covered``: the plan covers what befalls the group, so that no attempt ends for lack."""
    watch = Watch(world)
    world.run(until=until, limit=MAX_EVENTS)
    check(world, **expected)  # type: ignore[arg-type]
    for node in honest_peers(world):
        check_bounds(world, node)
        check_erased(node)
    check_records(world, watch)
    if covered:
        check_reasons(world, watch)
