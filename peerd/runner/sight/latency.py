"""Whether the group's Δ holds on the links that this peer has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import structlog
import trio

from peerd.errors import NetworkError
from peerd.identity import peer_id_of
from peerd.status.board import StatusBoard
from peerd.transport.links import Link

LOOK_SECONDS = 10.0

log = structlog.get_logger(__name__)


def too_slow(times: Mapping[str, float], delta: int) -> dict[str, float]:
    """Those whose round-trip time (seconds) is more than Δ (milliseconds).

    A message takes half of it. The other half is for what Δ covers as well: a packet that is lost,
    and a machine that is at work on something else.
    """
    return {peer: rtt for peer, rtt in times.items() if 1000 * rtt > delta}


def advice(peer: str, rtt: float, delta: int) -> str:
    return (
        f"{peer} takes {1000 * rtt:.0f} ms there and back, and the group's delta_ms is {delta}:"
        " honest members may come too late"
    )


def check_times(times: Mapping[str, float], delta: int) -> str:
    """The longest round-trip time; NetworkError where one is more than Δ."""
    slow = too_slow(times, delta)
    if slow:
        peer = max(slow, key=lambda name: slow[name])
        raise NetworkError(advice(peer, slow[peer], delta), "found the group with a larger --delta")
    if not times:
        return "nobody is connected yet"
    return f"{1000 * max(times.values()):.1f} ms there and back at most; delta_ms is {delta}"


class Latency:
    """Says once of each peer that it is too far away, and again when it has been near enough."""

    def __init__(
        self,
        links: Callable[[], Iterable[Link]],
        delta: int,
        board: StatusBoard,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """``labels``: how people call a peer id."""
        self._labels = labels or {}
        self._links = links
        self._delta = delta
        self._board = board
        self._slow: set[str] = set()
        self._before: dict[str, float] = {}

    async def run(self) -> None:
        while True:
            self.look()
            await trio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        times = {peer_id_of(link.peer): link.rtt for link in self._links() if link.connected}
        measured = {peer: rtt for peer, rtt in times.items() if rtt is not None}
        # Twice in a row: a ping may wait behind a dealing, which Δ is not about.
        steady = {peer: min(rtt, self._before.get(peer, 0.0)) for peer, rtt in measured.items()}
        self._before = measured
        slow = too_slow(steady, self._delta)
        for peer in sorted(slow.keys() - self._slow):
            log.warning(
                "delta is too small",
                peer=peer,
                rtt_ms=round(1000 * slow[peer]),
                delta_ms=self._delta,
            )
        if slow.keys() != self._slow:
            self._slow = set(slow)
            called = self._labels.get
            lines = [advice(called(peer, peer), slow[peer], self._delta) for peer in sorted(slow)]
            self._board.warn("latency", lines)
