"""When a simulated group's rounds have their time, and who stays away from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from peerd.group.rhythm import Schedule
from peerd.laboratory.simulation.node import Node
from protocols.record.effects import Timer
from protocols.record.timers import TimeCome
from protocols.session.events import Return, Stay

if TYPE_CHECKING:
    from peerd.laboratory.simulation.world import World

EPOCH = 1_800_000_030
"""Seconds since 1970 at which virtual time begins, by a right clock: in the middle of a minute."""


def clock(world: World, node: Node) -> float:
    """What the peer's clock shows, in seconds since 1970."""
    return EPOCH + (world.now + node.skew) / 1000


def await_time(world: World, node: Node, round_: int) -> None:
    """As peerd/runner/rhythm.py does: the round's time, and that none comes any more."""
    rhythm, now = world.rhythm, clock(world, node)
    if node.schedule is None:
        node.schedule = Schedule(rhythm)
    point = node.schedule.time_of(round_, now)
    if rhythm.is_over(point):
        _say(world, node, round_, 0, over=True)
        return
    _say(world, node, round_, _wait(point, now))
    if rhythm.stop_at is not None:
        _say(world, node, round_, _wait(rhythm.stop_at, now), over=True)


def _say(world: World, node: Node, round_: int, delay: int, *, over: bool = False) -> None:
    timer = Timer((round_, 0), TimeCome(over), delay)
    world.at(node, delay, lambda session: session.on_timer(timer))


def _wait(moment: float, now: float) -> int:
    """Milliseconds."""
    return max(0, round(1000 * (moment - now)))


def order(world: World, node: Node, given: Stay | Return) -> None:
    """The operator's: the last one is left for a daemon that is down, as a file."""
    if not node.up:
        node.ordered = given
        return
    world.at(node, 0, lambda peer: peer.on_order(given))
