"""Where a peer stands among its group's rounds, and what leads on from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.errors import ProtocolError
from protocols.record.certificate import CertifiedRound, genesis_hash
from protocols.record.ledger import Ledger
from protocols.record.setting import Setting


@dataclass(slots=True)
class Position:
    """Where a peer stands: all that a restart needs beside the round's journal."""

    round: int
    model: npt.NDArray[np.float32] = field(repr=False)
    previous: bytes
    ledger: Ledger


def first_position(setting: Setting, model: npt.NDArray[np.float32]) -> Position:
    """Before round 0. Raises ProtocolError if this is not the model that the genesis names."""
    if model_hash(model) != setting.first_model:
        raise ProtocolError("the first model is not the one that the genesis names")
    return Position(0, model, genesis_hash(setting), Ledger())


def check_chain(
    position: Position, chain: Sequence[CertifiedRound], model: npt.NDArray[np.float32]
) -> str:
    """Why verified certificates don't lead from ``position`` to ``model``; "" if they do."""
    round_, previous = position.round, position.previous
    for certified in chain:
        if (certified.round, certified.result.previous) != (round_, previous):
            return f"the certificate of round {certified.round} does not follow"
        round_, previous = round_ + 1, certified.hash
    if model_hash(model) != chain[-1].result.model:
        return "the model is not the one that the last certificate names"
    return ""
