"""Length-prefixed msgpack between the daemon and its training worker.

Four bytes of length, big-endian, then one map. The peer is our own child, but the task that it
runs is not our code: a length is compared with its bound before anything is allocated.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgpack
import numpy as np
from numpy.typing import NDArray

from peerd.errors import TaskError
from protocols.aggregation.contract import Encoded, Model

Message: TypeAlias = dict[str, Any]

PREFIX_BYTES = 4
# A vector of 2^26 integers of eight bytes and the fields beside it.
MAX_FRAME_BYTES = (1 << 29) + (1 << 16)
# An error report: long enough for a deep traceback.
MAX_TEXT = 16_384


def encode(message: Message) -> bytes:
    """The frame's bytes, prefix included."""
    body: bytes = msgpack.packb(message)
    if len(body) > MAX_FRAME_BYTES:
        raise TaskError(f"a message of {len(body)} bytes to the training worker is too large")
    return len(body).to_bytes(PREFIX_BYTES, "big") + body


def body_length(prefix: bytes) -> int:
    """The announced length. Raises TaskError beyond the bound."""
    length = int.from_bytes(prefix, "big")
    if length > MAX_FRAME_BYTES:
        raise TaskError(f"the training worker's channel is corrupt: a frame of {length} bytes")
    return length


def decode(body: bytes) -> Message:
    """The message. Raises TaskError for bytes that are not one."""
    try:
        message = msgpack.unpackb(body)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise TaskError(f"the training worker's channel is corrupt: {error}") from error
    if not isinstance(message, dict):
        raise TaskError("the training worker's channel is corrupt: a frame is not a map")
    return message


def vector_bytes(vector: NDArray[np.float32]) -> bytes:
    """Little-endian float32."""
    return np.asarray(vector).astype("<f4", copy=False).tobytes()


def vector(data: object, parameters: int) -> Model:
    """The vector (parameters,) in ``data``. Raises TaskError when the length is another."""
    return np.frombuffer(_sized(data, 4, parameters), dtype="<f4").astype(np.float32)


def integer_bytes(vector: NDArray[np.int64]) -> bytes:
    """Little-endian int64."""
    return vector.astype("<i8", copy=False).tobytes()


def integers(data: object, parameters: int) -> Encoded:
    """The integers (parameters,) in ``data``. Raises TaskError when the length is another."""
    return np.frombuffer(_sized(data, 8, parameters), dtype="<i8").astype(np.int64)


def _sized(data: object, width: int, parameters: int) -> bytes:
    if not isinstance(data, bytes) or len(data) != width * parameters:
        size = len(data) if isinstance(data, bytes) else type(data).__name__
        raise TaskError(f"a vector of {parameters} parameters came as {size} bytes")
    return data
