"""The channel to the worker: bounded, and one error for whatever is not a message."""

from __future__ import annotations

from contextlib import suppress

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerd.errors import TaskError
from peerd.learning import frames


def test_a_message_survives() -> None:
    message = {"id": 3, "vector": frames.vector_bytes(np.float32([1.5, -2.0])), "loss": 0.25}
    frame = frames.encode(message)
    length = frames.body_length(frame[: frames.PREFIX_BYTES])
    assert length == len(frame) - frames.PREFIX_BYTES
    assert frames.decode(frame[frames.PREFIX_BYTES :]) == message
    assert frames.vector(message["vector"], 2).tolist() == [1.5, -2.0]


def test_a_length_beyond_the_bound_is_refused_before_anything_is_read() -> None:
    assert frames.body_length(frames.MAX_FRAME_BYTES.to_bytes(4, "big")) == frames.MAX_FRAME_BYTES
    with pytest.raises(TaskError, match="corrupt"):
        frames.body_length((frames.MAX_FRAME_BYTES + 1).to_bytes(4, "big"))


@given(st.binary(max_size=200))
def test_rubbish_raises_one_kind_of_error(body: bytes) -> None:
    with suppress(TaskError):
        assert isinstance(frames.decode(body), dict)


@pytest.mark.parametrize("body", [b"", msgpack.packb([1]), msgpack.packb({}) + b"x", b"\xc1"])
def test_what_is_not_one_map_is_refused(body: bytes) -> None:
    with pytest.raises(TaskError, match="corrupt"):
        frames.decode(body)


@pytest.mark.parametrize("data", [b"1234", b"", "text", None])
def test_a_vector_of_another_length_is_refused(data: object) -> None:
    with pytest.raises(TaskError, match="2 parameters"):
        frames.vector(data, 2)
