"""Nothing begins before a quorum is connected; b others are no view of the group (fault 28)."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from peerd.laboratory.simulation.swarm import FOUR, NINE, setting_of
from peerd.runner.gathering import (
    GATHER_SECONDS,
    NO_INDEPENDENT_VIEW,
    NO_QUORUM,
    QUIET_SECONDS,
    gather,
    lacking,
)
from peerd.status.board import StatusBoard

GROUP = setting_of(NINE, 2)  # b = 2, e = 1: a quorum is six


def test_each_number_of_connections_has_its_reason() -> None:
    found = [lacking(GROUP, others) for others in range(9)]
    assert found == [NO_INDEPENDENT_VIEW] * 3 + [NO_QUORUM] * 2 + [None] * 4
    small = setting_of(FOUR, 1)
    assert [lacking(small, others) for others in range(4)] == [NO_INDEPENDENT_VIEW] * 2 + [None] * 2


class Line:
    """Whoever is connected at a time."""

    def __init__(self) -> None:
        self.others = 0

    def connected(self) -> range:
        return range(self.others)


@pytest.mark.parametrize("resuming", [False, True])
def test_it_waits_and_says_for_what(resuming: bool) -> None:
    async def story() -> None:
        line, board = Line(), StatusBoard()
        ended: list[float] = []

        async def wait() -> None:
            await gather(GROUP, line.connected, board, resuming=resuming)
            ended.append(trio.current_time())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            for others, reason in (
                (2, NO_INDEPENDENT_VIEW),
                (3, NO_QUORUM),
                (1, NO_INDEPENDENT_VIEW),
            ):
                line.others = others
                await trio.sleep(3 * QUIET_SECONDS)
                shown = board.snapshot()
                assert (shown["state"], shown["reason"]) == ("gathering", reason)
                assert shown["connected"] == others
            assert not ended
            line.others, since = 5, trio.current_time()
            await trio.sleep(1.0)
            assert bool(ended) is resuming
            assert board.snapshot()["reason"] is None
            await trio.sleep(GATHER_SECONDS)
            assert ended and ended[0] - since <= GATHER_SECONDS + 0.2

    trio.run(story, clock=trio.testing.MockClock(autojump_threshold=0))


def test_the_whole_roster_is_not_waited_for() -> None:
    async def story() -> None:
        line = Line()
        line.others = 8
        before = trio.current_time()
        await gather(GROUP, line.connected, StatusBoard(), resuming=False)
        assert trio.current_time() == before

    trio.run(story, clock=trio.testing.MockClock(autojump_threshold=0))
