"""A frame that comes in pieces lies in memory once."""

from __future__ import annotations

import tracemalloc

from peerd.transport.incoming import _Part


def test_what_a_frame_takes_while_it_comes() -> None:
    piece = bytes(range(250)) * 240
    part = _Part()
    tracemalloc.start()
    part.begin(7, 100 * len(piece), piece)
    whole = [part.add(memoryview(piece)) for _ in range(99)]
    sequence, frame = part.whole()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert whole == [False] * 98 + [True]
    assert (sequence, frame) == (7, 100 * piece)
    assert most < 1.25 * len(frame)
    part.begin(8, 4, b"ne")
    assert part.add(b"xt") and part.whole() == (8, b"next")
