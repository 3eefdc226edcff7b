"""This peer's own update of a round (docs/protocol.md §4, §6)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from protocols.aggregation import model_hash
from protocols.aggregation.contract import Reference
from protocols.errors import ProtocolError
from protocols.record.base import Base, Values, decode_reference
from protocols.record.effects import Effect
from protocols.record.journal import Journal
from protocols.record.position import Position
from protocols.session.local import LocalPeer


def narrowed(values: Values) -> Values:
    """The same integers in the fewest bytes: an update is held for as long as a round takes, and of
    most rules a value has one byte or two.
    """
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    fitting = (kind for kind in (np.int8, np.int16, np.int32) if _fits(low, high, kind))
    return values.astype(next(fitting, np.int64), copy=False)


def _fits(low: int, high: int, kind: type[np.signedinteger]) -> bool:
    return bool(np.iinfo(kind).min <= low and high <= np.iinfo(kind).max)


class Update:
    """This peer's update of the round, and the base that it was trained from."""

    def __init__(self, peer: LocalPeer, position: Position, journal: Journal) -> None:
        self._setting = peer.setting
        self._journal = journal
        self.base = Base(peer.setting, model_hash(position.model))
        self.values = self._remembered()
        self.asked = False

    def _remembered(self) -> Values | None:
        """The update of an earlier life; its reference is taken up again with it."""
        data, reference = self._journal.get("update"), self._journal.get("reference")
        if data is None:
            return None
        if reference is not None:
            self.base.take(decode_reference(self._setting, reference))
        width = len(data) // self._setting.length
        return np.frombuffer(data, dtype=f"<i{width}")

    def take_reference(self, reference: Reference | None) -> Iterable[Effect]:
        """Journaled before anything is dealt from it. ProtocolError where one is needed."""
        if reference is not None:
            self.base.take(reference)
            yield from self._journal.put("reference", self.base.reference)
        if self.base.awaits_reference:
            rule = self._setting.aggregator.name
            raise ProtocolError(f"{rule} needs the round's reference")

    def take(self, values: Values) -> Iterable[Effect]:
        """Journaled before it is dealt: a restart deals the same bytes (fault 77)."""
        self.values = narrowed(values)
        little = self.values.astype(self.values.dtype.newbyteorder("<"), copy=False)
        yield from self._journal.put("update", little.tobytes())
