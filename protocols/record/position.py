"""Where a peer stands among its group's rounds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.errors import ProtocolError
from protocols.record.certificate import genesis_hash
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
