"""The outbox: order, acknowledgement, bounds."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from peerd.transport.outbox import LaneKind, Outbox

CONTROL = 10


def test_a_frame_stays_until_it_is_acknowledged_and_goes_again_after_a_rewind() -> None:
    outbox = Outbox(CONTROL, 1000, 100)
    for frame in (b"a", b"b", b"c"):
        outbox.put(frame)
    lane = outbox.lanes[LaneKind.CONTROL]
    ((first,), (second,)) = lane.next_batch(0), lane.next_batch(0)
    assert (first.frame, second.frame) == (b"a", b"b")
    outbox.acknowledge(LaneKind.CONTROL, first.sequence)
    lane.rewind()
    assert [entry.frame for entry in lane.next_batch(100)] == [b"b", b"c"]
    assert lane.next_batch(100) == []
    assert outbox.bytes == 2


@pytest.mark.trio
async def test_work_is_waited_for_or_told() -> None:
    outbox = Outbox(CONTROL, 1000, 100)
    lane = outbox.lanes[LaneKind.BULK]
    with trio.move_on_after(0.01) as scope:
        await lane.wait_for_work()
    assert scope.cancelled_caught
    outbox.put(bytes(11))
    await lane.wait_for_work()
    told: list[str] = []
    lane.on_work = lambda: told.append("work")
    outbox.put(bytes(1))  # in the other lane
    outbox.put(bytes(12))
    assert told == ["work"]


def test_size_chooses_the_lane() -> None:
    outbox = Outbox(CONTROL, 1000, 100)
    outbox.put(bytes(CONTROL))
    outbox.put(bytes(CONTROL + 1))
    assert [len(outbox.lanes[kind]) for kind in LaneKind] == [1, 1]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 40)),
            st.tuples(st.just("ack"), st.integers(0, 60)),
            st.tuples(st.just("rewind"), st.just(0)),
            st.tuples(st.just("clear"), st.just(0)),
        ),
        max_size=60,
    )
)
@settings(max_examples=100)
def test_bounds_and_order_hold_whatever_happens(operations: list[tuple[str, int]]) -> None:
    outbox = Outbox(CONTROL, 100, 8)
    put = 0
    for name, number in operations:
        if name == "put":
            outbox.put(bytes(number))
            put += 1
        elif name == "ack":
            outbox.acknowledge(LaneKind(number % 2), number)
        elif name == "rewind":
            outbox.lanes[LaneKind.BULK].rewind()
        else:
            outbox.clear()
        entries = [[*lane._unacknowledged, *lane._unsent] for lane in outbox.lanes.values()]
        assert outbox.bytes == sum(len(entry.frame) for lane in entries for entry in lane)
        assert outbox.bytes <= 100
        assert len(outbox) <= 8
        for lane in entries:
            sequences = [entry.sequence for entry in lane]
            assert sequences == sorted(set(sequences))
            assert all(1 <= sequence <= put for sequence in sequences)
