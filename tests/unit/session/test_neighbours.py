"""Those behind and ahead: whoever asks too often is put off, and not forgotten."""

from __future__ import annotations

from protocols.presence.neighbours import MAX_HELLOS, Neighbours
from protocols.record.effects import Timer
from protocols.record.timers import AnswersDue
from protocols.wire.frames import HelloFrame, RecallFrame

DELAY = 700


def test_the_last_of_its_kind_is_answered_when_it_counts_anew() -> None:
    neighbours = Neighbours(0)

    def ask(peer: int, frame: HelloFrame | RecallFrame) -> bool:
        return neighbours.may_ask(peer, frame, (5, 2), DELAY)

    assert all(ask(1, HelloFrame(5, attempt)) for attempt in range(MAX_HELLOS))
    assert ask(2, HelloFrame(5, 0)), "everybody has a share"
    assert not neighbours.done()
    for attempt in range(20):
        assert not ask(1, HelloFrame(5, attempt))
    assert not ask(1, RecallFrame(5))
    assert list(neighbours.done()) == [Timer((5, 0), AnswersDue(), DELAY)], "once for all of them"
    assert neighbours.take_put_off() == [(1, HelloFrame(5, 19)), (1, RecallFrame(5))]
    assert neighbours.take_put_off() == []
    assert ask(1, HelloFrame(5, 0))


def test_others_that_are_further_are_counted_once_each() -> None:
    neighbours = Neighbours(0)
    for _ in range(5):
        neighbours.wait_for(2, b"frame", (0, 4))
    assert neighbours.beyond((0, 3)) == 1
    neighbours.wait_for(1, b"frame", (1, 0))
    assert neighbours.beyond((0, 3)) == 2
    assert neighbours.beyond((0, 4)) == 1
