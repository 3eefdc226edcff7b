"""The one form of a model's coordinates, so that equal models have equal hashes on any machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocols.aggregation.contract import AggregationError, Model, Update
from protocols.hashing import digest

# Float32 ends at 2^128. The gap keeps every sum and difference of two coordinates finite, so that
# a preimage exists on both sides of each coordinate.
MAX_MAGNITUDE = 2.0**64
# Processors may be set to treat smaller numbers as zero; a library can do that behind our back.
_SMALLEST_NORMAL = 2.0**-126


WINDOW = 1 << 16
"""Coordinates that pass from one form to another at once: on the way they are several float64."""


def in_windows(length: int, compute: Callable[[slice], NDArray[Any]]) -> Model:
    """The canonical model (d,) of what ``compute`` gives, elementwise, for each window of it."""
    result = np.empty(length, np.float32)
    for start in range(0, length, WINDOW):
        window = slice(start, min(start + WINDOW, length))
        result[window] = canonical_model(compute(window), start)
    return result


def canonical_model(values: NDArray[Any], first: int = 0) -> Model:
    """``values`` (d,) as float32 with one bit pattern a value: no subnormals, no −0, bounded.

    Rounds to nearest even; coordinates beyond MAX_MAGNITUDE are cut to it. Raises AggregationError
    for a value that isn't finite; ``first`` is the model's coordinate that comes first.
    """
    wide = np.asarray(values, dtype=np.float64)
    if wide.ndim != 1:
        raise AggregationError(f"a model is a vector, not an array of shape {wide.shape}")
    if not np.isfinite(wide).all():
        where = int(np.flatnonzero(~np.isfinite(wide))[0])
        raise AggregationError(
            f"coordinate {first + where} of the model is {wide[where]}, not a number"
        )
    cut = np.clip(wide, -MAX_MAGNITUDE, MAX_MAGNITUDE)
    normal = np.where(np.abs(cut) < _SMALLEST_NORMAL, 0.0, cut)
    return normal.astype(np.float32)


def model_hash(model: Model) -> bytes:
    """32 bytes over the little-endian coordinates of a float32 vector."""
    if model.dtype != np.float32 or model.ndim != 1:
        raise AggregationError(f"a model is a float32 vector, not {model.dtype} {model.shape}")
    little = np.ascontiguousarray(model.astype("<f4", copy=False))
    return digest("peerd/model", little.view(np.uint8).data)


def check_model(model: Model) -> None:
    """Raises AggregationError unless ``model`` is one: float32 (d,), finite, bounded."""
    if model.dtype != np.float32:
        raise AggregationError(
            f"the model is a float32 vector, not {model.dtype} of shape {model.shape}"
        )
    _check_vector("model", model)
    if model.size and float(np.abs(model).max()) > MAX_MAGNITUDE:
        raise AggregationError(f"the model has a coordinate beyond {MAX_MAGNITUDE:g}")


def check_pair(model: Model, update: Update) -> None:
    """Raises AggregationError unless both are finite vectors of one length."""
    check_model(model)
    if update.dtype not in (np.float32, np.float64):
        raise AggregationError(
            f"the update is a float32 vector, not {update.dtype} of shape {update.shape}"
        )
    _check_vector("update", update)
    if model.shape != update.shape:
        raise AggregationError(f"an update of {update.size} for a model of {model.size} parameters")


def _check_vector(name: str, vector: NDArray[Any]) -> None:
    if vector.ndim != 1:
        raise AggregationError(f"the {name} is a vector, not an array of shape {vector.shape}")
    if not np.isfinite(vector).all():
        raise AggregationError(f"the {name} holds a value that is not finite")


def vector_bytes(vector: Update) -> bytes:
    """Little-endian coordinates, for hashing."""
    return vector.astype(vector.dtype.newbyteorder("<"), copy=False).tobytes()
