"""What a round's dealings start from: the certified model and, for some rules, a reference.

docs/protocol.md §3 and §4. A reference is a public vector that every peer computes for itself from
the model and the group's root data. A machine whose floats differ computes another one. So the
header names what its dealer started from, model and reference in one hash: a dealing from another
base is none of this attempt's, and its dealer absent, never guilty. Whoever judges a dealing judges
it under the reference that its dealer signed, which evidence carries along.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from protocols.aggregation.contract import AggregationError, Reference
from protocols.errors import ProtocolError, WireError
from protocols.hashing import digest
from protocols.proof import DealingShape
from protocols.record.setting import MAX_REFERENCE, Setting
from protocols.wire.canonical import pack, unpack
from protocols.wire.schema import HASH, Bytes, Tuple

Values: TypeAlias = npt.NDArray[Any]
"""An encoded update: integers (|v|,) of any type, segment after segment."""

WIDTHS = (1, 2, 4, 8)
"""Bytes of one of a reference's integers."""
_PARTS = Tuple((HASH, Bytes(MAX_REFERENCE)))


class Base:
    """``model`` is the certified model's hash. A rule that uses no reference has its base at once;
    of any other the reference comes later, with this peer's own training.
    """

    def __init__(self, setting: Setting, model: bytes, reference: Reference | None = None) -> None:
        self._setting = setting
        self._model = model
        self._reference: bytes | None = None
        if reference is not None:
            self.take(reference)

    @property
    def awaits_reference(self) -> bool:
        return self._setting.aggregator.uses_reference and self._reference is None

    def take(self, reference: Reference) -> None:
        """The round's reference, (d,); the first one stays. Raises ProtocolError."""
        if not self._setting.aggregator.uses_reference:
            raise ProtocolError(f"{self._setting.aggregator.name} uses no reference")
        if self._reference is None:
            self._reference = encode_reference(self._setting, reference)

    @property
    def reference(self) -> bytes:
        """Its canonical bytes; empty without one."""
        return self._reference or b""

    @cached_property
    def hash(self) -> bytes:
        """What a header names: the model's hash, or that of both."""
        if not self._setting.aggregator.uses_reference:
            return self._model
        if self._reference is None:
            raise ProtocolError("this round's reference is not here yet")
        return digest("peerd/base", self._model, digest("peerd/reference", self._reference))

    @cached_property
    def shape(self) -> DealingShape:
        """The dealings' shape under this reference."""
        if not self._setting.aggregator.uses_reference:
            return self._setting.shape
        if self._reference is None:
            raise ProtocolError("this round's reference is not here yet")
        vector = decode_reference(self._setting, self._reference)
        try:
            return self._setting.shape_for(vector)
        except (AggregationError, ValueError) as error:
            name = self._setting.aggregator.name
            raise WireError(f"a reference that {name} can't use: {error}") from None

    # -- evidence that rests on it -------------------------------------------------------------

    def items(self) -> tuple[bytes, ...]:
        """What evidence about a dealing carries beside its statements, if there is a reference."""
        if self._reference is None:
            return ()
        return (pack([self._model, self._reference]),)


def named_base(setting: Setting, named: bytes, items: tuple[bytes, ...]) -> Base:
    """The base that a header names, from what evidence carries. WireError if that is another.

    A rule without references needs nothing: whatever hash the header names is the model's.
    """
    if not setting.aggregator.uses_reference:
        if items:
            raise WireError("evidence with a reference, for a rule that uses none")
        return Base(setting, named)
    if len(items) != 1:
        raise WireError("evidence about a dealing without the reference that its header names")
    model, data = _PARTS.check(unpack(items[0]), "evidence.reference")
    base = Base(setting, model, decode_reference(setting, data))
    if base.hash != named:
        raise WireError("another reference than the one that the header names")
    _ = base.shape  # WireError for a vector that the rule can't use
    return base


def encode_reference(setting: Setting, reference: Reference) -> bytes:
    """One byte for the width of an integer in bytes, the least that holds all; then the integers.

    Raises ProtocolError for another shape than (d,).
    """
    if reference.shape != (setting.parameters,) or reference.dtype.kind != "i":
        raise ProtocolError(
            f"a reference has {setting.parameters} integers, not {reference.dtype}"
            f" {reference.shape}"
        )
    low, high = int(reference.min()), int(reference.max())
    width = next(w for w in WIDTHS if -(1 << (8 * w - 1)) <= low and high < 1 << (8 * w - 1))
    return bytes([width]) + reference.astype(f"<i{width}").tobytes()


def decode_reference(setting: Setting, data: bytes) -> Reference:
    """The vector (d,), int64. Raises WireError for bytes that encode_reference does not make."""
    width = data[0] if data else 0
    if width not in WIDTHS or len(data) != 1 + width * setting.parameters:
        raise WireError("a reference of the wrong length")
    reference = np.frombuffer(data, f"<i{width}", offset=1).astype(np.int64)
    if encode_reference(setting, reference) != data:
        raise WireError("a reference in wider integers than it needs")
    return reference
