"""Following another peer to where the group stands: certificates one by one, then a model (§6).

Nothing that it says is believed: certificates prove themselves, and the last one names the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.errors import WireError
from protocols.record.certificate import CertifiedRound, verify_certificate
from protocols.record.effects import Ask, Outcome, Record, Timer
from protocols.record.party import Component
from protocols.record.position import Position
from protocols.record.setting import Setting
from protocols.record.spending import is_spent
from protocols.record.timers import TooSlow
from protocols.wire.canonical import unpack
from protocols.wire.schema import MAX_ROUND, Integer

MODELS_KEPT = 16
"""Models of the last rounds that a peer keeps for those behind."""
MAX_CHAIN = 1 << 16
"""Certificates that are taken in one go, up to a round whose model somebody still has: of those in
between nobody has it any more."""
SLOWEST_START = 20_000
"""Milliseconds for the first answers of one peer; and for a model, of whichever round."""
SLOWEST_ROUND = 1_000
"""Milliseconds for a round that was missed: whoever is slower is not asked further."""


@dataclass(frozen=True, slots=True)
class Chain(Outcome):
    """Verified certificates that lead on from where this peer stands, and the last one's model."""

    rounds: tuple[CertifiedRound, ...]
    model: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Parted(Outcome):
    """``peer`` leads no further. ``shown``: the last round that it proved to be certified."""

    peer: int
    shown: int


class Follow(Component):
    """One peer, followed from ``position`` to the round that it says is certified, and on to where
    it has got to meanwhile. Comes to ``Chain``, or to nothing; then to ``Parted``.
    """

    def __init__(self, setting: Setting, position: Position, peer: int, last: int) -> None:
        super().__init__()
        self._setting = setting
        self._position = position
        self._ledger = position.ledger
        self._peer = peer
        self._last = last
        self._chain: list[CertifiedRound] = []
        self._tried = 0
        self._timed = 0
        self._awaited: Ask | None = None
        self._over = False
        self._ask_certificate()
        self._time(SLOWEST_START)

    def _ask(self, record: Record, round_: int) -> None:
        self._awaited = Ask(self._peer, record, round_)
        self.emit(self._awaited)

    def _ask_certificate(self) -> None:
        self._ask(Record.CERTIFICATE, self._position.round + len(self._chain))

    # -- answers; empty where the peer has none, or gives none ----------------------------------

    def awaits(self, ask: Ask) -> bool:
        """One thing is asked for at a time; whatever else comes was not asked for here."""
        return not self._over and ask == self._awaited

    def on_answer(self, ask: Ask, data: bytes) -> None:
        """To what is awaited."""
        self._awaited = None
        match ask.record:
            case Record.CERTIFICATE:
                self._on_certificate(data)
            case Record.HEAD:
                self._on_head(data)
            case Record.MODEL:
                self._on_model(data)

    def on_too_slow(self, place: tuple[int, int], *, model: bool) -> None:
        """One that has led on by too few rounds in this time, or shows rounds and gives no model of
        theirs, would keep this peer out. The timer of another ``place`` was for an earlier follow.
        """
        if place != self._place or (self._asks_model and not model):
            return
        rounds, self._timed = len(self._chain) - self._timed, len(self._chain)
        if model or not rounds:
            self.part()
        elif not self._over:
            self._time(rounds * SLOWEST_ROUND)

    def _time(self, delay: int) -> None:
        self.emit(Timer(self._place, TooSlow(self._peer, self._asks_model), delay))

    @property
    def _place(self) -> tuple[int, int]:
        return self._position.round, 0

    @property
    def _asks_model(self) -> bool:
        return self._awaited is not None and self._awaited.record is Record.MODEL

    def part(self) -> None:
        """No further, whatever it answers."""
        if not self._over:
            self._over = True
            shown = self._chain[-1].round if self._chain else -1
            self.emit(Parted(self._peer, shown))

    def _on_certificate(self, data: bytes) -> None:
        certified = self._read(data)
        if certified is None:
            self._ask_model()
            return
        self._chain.append(certified)
        if certified.round < self._last and len(self._chain) < MAX_CHAIN:
            self._ask_certificate()
        else:
            self._ask(Record.HEAD, 0)

    def _read(self, data: bytes) -> CertifiedRound | None:
        """The next certificate of the chain; None for anything else."""
        behind = self._chain[-1].hash if self._chain else self._position.previous
        if self._is_over:
            return None
        try:
            certified = verify_certificate(self._setting, data)
        except WireError:
            return None
        named = certified.round, certified.end.previous
        if named != (self._position.round + len(self._chain), behind):
            return None
        if certified.flip is not None and is_spent(self._setting, self._ledger):
            return None  # a cohort that the privacy budget does not allow, whoever signed it
        self._ledger = certified.ledger_after(self._ledger)
        return certified

    @property
    def _is_over(self) -> bool:
        """Nothing follows a handover, whoever signs it: old keys may have been stolen since."""
        return self._ledger.handed_over

    def _on_head(self, data: bytes) -> None:
        head = read_head(data)
        if head is not None and head > self._last and len(self._chain) < MAX_CHAIN:
            self._last = head
            self._ask_certificate()
        else:
            self._ask_model()

    @property
    def _wanted(self) -> CertifiedRound:
        """Whose model is asked for: of the last round, or of an earlier one that it still has."""
        return self._chain[len(self._chain) - 1 - self._tried]

    def _ask_model(self) -> None:
        if self._tried < min(len(self._chain), MODELS_KEPT):
            self._ask(Record.MODEL, self._wanted.round)
            if not self._tried:
                self._time(SLOWEST_START)
        else:
            self.part()

    def _on_model(self, data: bytes) -> None:
        model = read_model(self._setting, data, self._wanted.end.model)
        if model is None:
            self._tried += 1
            self._ask_model()
            return
        self.emit(Chain(tuple(self._chain[: len(self._chain) - self._tried]), model))
        self.part()


def read_head(data: bytes) -> int | None:
    """The last round that a peer says is certified, -1 for none; None for no answer."""
    try:
        head: int = Integer(MAX_ROUND, -1).check(unpack(data), "head")
    except WireError:
        return None
    return head


def read_model(setting: Setting, data: bytes, name: bytes) -> npt.NDArray[np.float32] | None:
    """(d,), the model whose hash is ``name``; None for any other bytes."""
    if len(data) != 4 * setting.parameters:
        return None
    model = np.frombuffer(data, dtype="<f4").astype(np.float32)
    return model if model_hash(model) == name else None


def furthest(heads: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """(peer, head), the furthest first."""
    return sorted(heads, key=lambda item: -item[1])
