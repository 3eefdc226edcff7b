"""A peer that is connected, and says nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence

import numpy as np
import numpy.typing as npt

from peerd.runner.daemon import Secrets
from protocols.aggregation.contract import Reference
from protocols.record.base import Values
from protocols.record.certificate import CertifiedRound
from protocols.record.effects import Effect, Phase
from protocols.record.position import Position
from protocols.record.setting import Setting
from protocols.secret import Secret


class SilentPeer:
    """In place of a session, and made as one; takes every event, and nothing comes of it."""

    def __init__(
        self,
        setting: Setting,
        me: int,
        identity: Secret,
        position: Position,
        secrets: Secrets,
        journal: MutableMapping[str, bytes] | None = None,
        *,
        rounds: int | None = None,
        sit_out: int = -1,
        suspect: int = -1,
    ) -> None:
        self.me = me
        self.position = position
        self.finished = False

    def lacks_polynomials(self, round_: int) -> bool:
        return False

    def start(self, present: Iterable[int]) -> list[Effect]:
        return [Phase(self.position.round, 0, "silent")]

    def on_present(self, present: Iterable[int]) -> list[Effect]:
        return []

    def on_update(
        self, round_: int, values: Values, reference: Reference | None = None
    ) -> list[Effect]:
        return []

    def on_timer(self, name: tuple[str | int, ...]) -> list[Effect]:
        return []

    def on_message(self, sender: int, data: bytes) -> list[Effect]:
        return []

    def on_polynomials(self, round_: int, data: bytes) -> list[Effect]:
        return []

    def adopt(
        self, missed: Sequence[CertifiedRound], model: npt.NDArray[np.float32]
    ) -> list[Effect]:
        return []
