"""What an aggregator declares. Nothing else in the system knows one by name (docs/protocol.md §4).

The five declarations: the client update F^C (``local_rule``), the encoding F^P into V (``encode``)
with its inverse A of Definition 1 (``preimage``), the constraint that defines V (``constraint``),
the linear F^R (the sum over the cohort, which is opened), and the post-processing of the opened
integers (``apply``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from protocols.errors import ProtocolError
from protocols.proof import SlotConstraint

Model: TypeAlias = NDArray[np.float32]
Constants: TypeAlias = Mapping[str, int | str]


class AggregationError(ProtocolError):
    """A local mistake: wrong constants, or a vector that can't be encoded. Nobody is to blame."""


@dataclass(frozen=True, slots=True)
class LocalRule:
    """F^C of one round: ``steps`` times x ← x − rate·(∇F(x; minibatch) + penalty·sign(x − w)).

    ``keeps_local_model``: x goes on from the peer's own last x (RSA); otherwise it starts at w.
    """

    steps: int
    batch: int
    rate: float
    penalty: float
    keeps_local_model: bool


class Aggregator(Protocol):
    """One robust aggregation rule, with its constants. Pure: same arguments, same bits, anywhere.

    Models are float32 of shape (d,); encoded updates are unsigned integers of shape (|v|,).
    """

    @property
    def name(self) -> str: ...

    @property
    def constraint(self) -> SlotConstraint:
        """The polynomial that is zero exactly on what one slot of V may hold."""

    def constants(self) -> dict[str, int | str]:
        """Everything that ``aggregator(name, …)`` needs, as bound into the genesis: no floats."""

    def length(self, parameters: int) -> int:
        """|v|: field elements that encode an update of ``parameters`` coordinates."""

    def largest_sum(self, dealers: int) -> int:
        """The largest integer that opening a cohort of ``dealers`` can show: fixes the field."""

    def local_rule(self, round: int) -> LocalRule:
        """F^C in the given round (from 0)."""

    def encode(self, model: Model, update: Model) -> NDArray[np.uint32]:
        """F^P into V. Raises AggregationError for a wrong shape or a value that isn't finite."""

    def preimage(self, model: Model, encoded: NDArray[np.unsignedinteger]) -> Model:
        """A of Definition 1: ``encode(model, preimage(model, v)) == v`` for every v in V."""

    def apply(self, model: Model, opened: NDArray[np.int64], dealers: int, round: int) -> Model:
        """The next model from the opened sums of ``dealers`` encodings, bit-identical anywhere."""
