"""Peers that come and go: each story once; a link that flaps is counted, and said ever rarer."""

from __future__ import annotations

from peerd.runner.sight.comings import LONGEST_QUIET, QUIET, Change, Comings


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_connection_a_loss_and_a_return_are_three_lines() -> None:
    clock = Clock()
    comings = Comings(clock)
    assert comings.change(1, True) == Change(1, True, True, 0, None)
    clock.now += 1
    assert comings.change(1, False) == Change(1, False, False, 0, None)
    clock.now += 12
    assert comings.change(1, True) == Change(1, True, False, 0, 12.0)
    clock.now += 10 * QUIET
    assert comings.due() == []


def test_a_link_that_flaps_is_counted() -> None:
    clock = Clock()
    comings = Comings(clock)
    comings.change(2, True)
    lines = []
    for _ in range(3600):  # an hour, once a second
        lines += [comings.change(2, False), comings.change(2, True), *comings.due()]
        clock.now += 1
    told = [line for line in lines if line is not None]
    assert 4 < len(told) < 16
    clock.now += LONGEST_QUIET
    told += comings.due()
    assert sum(line.losses or (not line.connected) for line in told) == 3600


def test_of_one_that_flapped_and_stays_away_the_loss_is_told_in_the_end() -> None:
    clock = Clock()
    comings = Comings(clock)
    for connected in (True, False, True, False):
        comings.change(3, connected)
    assert comings.due() == []
    clock.now += QUIET
    assert comings.due() == [Change(3, False, False, 0, None)]
    assert comings.change(3, True) == Change(3, True, False, 0, QUIET)


def test_a_loss_long_after_a_flapping_is_told_at_once() -> None:
    clock = Clock()
    comings = Comings(clock)
    for connected in (True, False, True, False, True):
        comings.change(4, connected)
    clock.now += 100 * LONGEST_QUIET
    comings.due()
    clock.now += 100 * LONGEST_QUIET
    assert comings.change(4, False) == Change(4, False, False, 0, None)
