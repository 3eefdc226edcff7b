"""Where a peer stands among its group's rounds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.errors import ProtocolError
from protocols.record.certificate import origin_of
from protocols.record.ledger import Ledger
from protocols.record.resolution import Tip
from protocols.record.setting import Setting
from protocols.record.spending import charges_by


@dataclass(slots=True)
class Position:
    """Where a peer stands: all that a restart needs beside the round's journal."""

    round: int
    model: npt.NDArray[np.float32] = field(repr=False)
    previous: bytes
    ledger: Ledger


def first_position(setting: Setting, model: npt.NDArray[np.float32]) -> Position:
    """Before the group's first round. Raises ProtocolError if this is not the model that it starts
    from.
    """
    if model_hash(model) != setting.first_model:
        raise ProtocolError("the first model is not the one that the group starts from")
    origin = origin_of(setting)
    return Position(origin.round, model, origin.previous, origin.ledger)


def tip_of(setting: Setting, position: Position) -> Tip:
    """What the round that ``position`` leads to goes on from."""
    since, hash_ = since_of(setting, position), model_hash(position.model)
    charges = charges_by(setting, position.ledger.charged)
    return Tip(position.round, position.previous, hash_, position.ledger, since, charges)


def since_of(setting: Setting, position: Position) -> bytes:
    """The last pause, or else what the group's first round goes on from."""
    return position.ledger.resolved or origin_of(setting).previous


def rests(position: Position) -> bool:
    """Whether the group's last round ended in a resolution: it rests, or has a successor."""
    return position.ledger.resolved == position.previous
