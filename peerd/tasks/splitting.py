"""The rows of a file that its group's rule holds out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from peerd.errors import TaskError
from peerd.tasks.columns import Column
from peerd.tasks.held_out import HELD, TRAINED, HeldOutRule
from peerd.tasks.schema import Schema

_HELD_OUT = b"peerd/tasks/table/held-out"
_HELD_OUT_DOMAIN = len(_HELD_OUT).to_bytes(2, "little") + _HELD_OUT
_ROWS_AT_ONCE = 1 << 14  # their bytes are Python's for a moment
_FIRST, _SECOND = 5, 1_000_000


def held_out_rows(
    rule: HeldOutRule, schema: Schema, columns: Mapping[str, Column], labelled: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Of the ``labelled`` rows (n of ``labelled`` are true), which are held out (n,).

    ``columns``: those of the schema, and the rule's. TaskError names a row without a clear mark.
    """
    if rule.column is not None:
        return _marked(columns[rule.column])[labelled]
    names = [*(each.name for each in schema.columns), schema.label]
    return _drawn(rule.fraction, [columns[name] for name in names], np.flatnonzero(labelled))


def check_split(rule: HeldOutRule, held: NDArray[np.bool_]) -> list[str]:
    """A warning where nothing is held out by chance. TaskError: nothing is, or all is, which the
    file's owner can mend.
    """
    how = rule.words()
    if not len(held):
        raise TaskError("no row has a label: there is nothing to train on", "add rows")
    if held.all():
        raise TaskError(
            f"all {len(held)} rows are held out by {how}: none is left to train on", "add rows"
        )
    if held.any():
        return []
    if rule.column is not None:
        raise TaskError(
            f"no row is held out by {how}: there is nothing to evaluate on",
            "write test or 1 there for some rows",
        )
    return [
        f"none of {len(held)} rows is held out by {how}: this site has nothing to evaluate on; add"
        " rows, or name a file of held-out rows"
    ]


def _marked(column: Column) -> NDArray[np.bool_]:
    """Rows that the column marks; a row with nothing there is trained on."""
    texts = [text.casefold() for text in column.values.to_pylist()]
    held = np.array([text in HELD for text in texts], dtype=np.bool_) | (column.numbers == 1)
    trained = np.array([text in TRAINED for text in texts], dtype=np.bool_)
    strange = ~(held | trained | column.missing | (column.numbers == 0))
    if strange.any():
        raise TaskError(
            f"column {column.name!r} says of {int(column.counts[strange].sum())} rows, row"
            f" {column.first_row(strange)} first, neither that they are held out nor that they are"
            " trained on",
            "write test or 1 there, and train, 0 or nothing",
        )
    marked: NDArray[np.bool_] = held[column.codes]
    return marked


def _drawn(fraction: float, columns: list[Column], chosen: NDArray[np.intp]) -> NDArray[np.bool_]:
    """By the contents of a row, so that all sites that hold it keep it out of training.

    A number counts as it is written with a point, so that sites may write it otherwise. A larger
    fraction holds out the same rows and more; the fifth that is held out unless the group says
    otherwise is the one that it always was, hash mod 5 = 0.
    """
    held = np.zeros(len(chosen), dtype=np.bool_)
    framed = [_framed(_as_written(column)) for column in columns]
    bound = round(fraction * _FIRST * _SECOND)
    for start in range(0, len(chosen), _ROWS_AT_ONCE):
        at = chosen[start : start + _ROWS_AT_ONCE]
        cells = [
            pc.take(texts, pa.array(column.codes[at]))
            for texts, column in zip(framed, columns, strict=True)
        ]
        rows = pc.binary_join_element_wise(*cells, b"").to_pylist()
        drawn = b"".join(hashlib.sha256(_HELD_OUT_DOMAIN + row).digest()[:8] for row in rows)
        first, second = np.divmod(np.frombuffer(drawn, "<u8"), _FIRST)[::-1]
        held[start : start + len(rows)] = first * _SECOND + second % _SECOND < bound
    return held


def _framed(texts: Any) -> Any:
    """Each with its length in front, as ``protocols.hashing.digest`` puts parts together.

    That itself would be called with each cell of a million rows.
    """
    sizes = pc.binary_length(texts).to_numpy(zero_copy_only=False).astype("<u8")
    buffers = [None, pa.py_buffer(sizes.tobytes())]
    prefixes = pa.Array.from_buffers(pa.binary(8), len(sizes), buffers)
    return pc.binary_join_element_wise(pc.cast(prefixes, pa.binary()), texts, b"")


def _as_written(column: Column) -> Any:
    texts = column.values
    if column.mark == ",":
        number = pa.array(~np.isnan(column.numbers))
        pointed = pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")
        texts = pc.if_else(number, pointed, texts)
    return pc.cast(texts, pa.binary())
