"""Frames in a burst: handled in their order, and each let go."""

from __future__ import annotations

from collections import deque
from typing import Any, cast

from peerd.runner.driver import _messages
from protocols.record.effects import Step


class Session:
    """Says how many frames were still to come with each."""

    def __init__(self, burst: deque[tuple[bytes, bytes]]) -> None:
        self.burst = burst
        self.heard: list[tuple[int, bytes, int]] = []

    def on_message(self, sender: int, frame: bytes) -> list[Step]:
        self.heard.append((sender, frame, len(self.burst)))
        return [Step()]


def test_a_frame_is_let_go_as_it_is_handled() -> None:
    burst = deque([(b"b", b"first"), (b"a", b"second"), (b"b", b"third")])
    session = Session(burst)
    steps = _messages({b"a": 0, b"b": 1}, burst, cast(Any, session))
    assert len(steps) == 3 and not burst
    assert session.heard == [(1, b"first", 2), (0, b"second", 1), (1, b"third", 0)]
