"""What an aggregator declares. Nothing else in the system knows one by name (docs/protocol.md §4).

The five declarations: the client update F^C (``local_rule``), the encoding F^P into V (``encode``)
with its inverse A of Definition 1 (``preimage``), the relation that defines V (``relation``), the
linear F^R (the weighted sum of the opened segments over the cohort; ``largest_sum`` bounds it), and
the post-processing of the opened integers (``apply``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from protocols.errors import ProtocolError
from protocols.privacy import Mechanism
from protocols.proof import Relation

Model: TypeAlias = NDArray[np.float32]
Update: TypeAlias = NDArray[np.floating[Any]] | NDArray[np.int64]
"""What F^C yields: a peer's parameters, float32 of shape (d,); preimages may need float64. Under a
``RowRule`` the sum of rows' gradients, int64 (d,), and their count where it has one (d + 1,).
"""
Encoded: TypeAlias = NDArray[np.int64]
"""v: integers of shape (|v|,), all segments of the relation one after the other."""
Reference: TypeAlias = NDArray[np.int64]
"""A round's public vector of shape (d,), such as the root update that FLTrust compares with."""
Constants: TypeAlias = Mapping[str, int | str]


class AggregationError(ProtocolError):
    """A local mistake: wrong constants, or a vector that can't be encoded. Nobody is to blame."""


@dataclass(frozen=True, slots=True)
class LocalRule:
    """F^C of one round: ``steps`` times

        m ← (1 − momentum)·∇F(x; minibatch) + momentum·m
        x ← x − rate·(m + penalty·sign(x − w))

    ``keeps_local_model``: x goes on from the peer's own last x (RSA); otherwise it starts at w.
    ``momentum`` in [0, 1): 0 is plain descent. m goes on from round to round, and a peer's first
    gradient is its first m.
    """

    steps: int
    batch: int
    rate: float
    penalty: float
    keeps_local_model: bool
    momentum: float = 0.0


@dataclass(frozen=True, slots=True)
class RowCount:
    """What a row counts in one more coordinate: ``clipped`` or ``within`` (below 0), as it was or
    was not clipped. A site's sum is cut to ``least``…``most``.
    """

    within: int
    clipped: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class RowRule:
    """F^C of one round where rows are protected: Σ ⌊g_i·``steps``/``clip``⌉ over a Poisson sample.

    Each row is drawn by itself with the chance ``rate`` or less; its gradient g_i, clipped to a
    2-norm of ``clip``, becomes integers whose 2-norm is at most ``steps``. At most ``rows`` rows
    are drawn, but for a chance of 2^-60 that the site's own rate makes so. ``count``: of clipped
    rows, in one more coordinate behind the gradients'. A longer sum of gradients than ``longest``
    is drawn in to that 2-norm (row_ball.py); None: none is longer.
    """

    rate: Fraction
    clip: Fraction
    steps: int
    rows: int
    count: RowCount | None = None
    longest: int | None = None


ClientRule: TypeAlias = LocalRule | RowRule


class Aggregator(Protocol):
    """One robust aggregation rule, with its constants. Pure: same arguments, same bits, anywhere.

    d is the number of parameters. ``weight`` is the total weight of a cohort: the sum of its
    dealers' weights, which is their number unless the rule is weighted. ``reference`` is the
    round's public vector, None unless the rule uses one.
    """

    @property
    def name(self) -> str: ...

    @property
    def weighted(self) -> bool:
        """Whether dealers count by their weights in the genesis. Otherwise all weights are 1.

        A weighted rule has a ``largest_weight``, and no member weighs more.
        """

    @property
    def uses_reference(self) -> bool:
        """Whether a round has a public reference vector."""

    def constants(self) -> dict[str, int | str]:
        """Everything that ``aggregator(name, …)`` needs, as bound into the genesis: no floats."""

    def relation(self, parameters: int, reference: Reference | None = None) -> Relation:
        """V. Its sizes depend on ``parameters`` only, never on the reference.

        Raises AggregationError when the constants don't fit a model of that size.
        """

    def largest_sum(self, parameters: int, weight: int) -> int:
        """The largest absolute value that opening a cohort of total ``weight`` can show."""

    def local_rule(self, round: int) -> ClientRule:
        """F^C in the given round (from 0)."""

    def encode(self, model: Model, update: Update, reference: Reference | None = None) -> Encoded:
        """F^P into V. Raises AggregationError for a wrong shape or a value that isn't finite."""

    def preimage(
        self, model: Model, encoded: Encoded, reference: Reference | None = None
    ) -> Update:
        """A of Definition 1: ``encode(model, preimage(model, v)) == v`` for every v in V."""

    def apply(self, model: Model, opened: Encoded, weight: int, round: int) -> Model:
        """The next model, bit-identical anywhere.

        ``opened``: the weighted sums of the opened segments, in order, as centred integers.
        """


class Weighted(Aggregator, Protocol):
    """A rule with weights also bounds them."""

    @property
    def largest_weight(self) -> int: ...


def largest_weight(rule: Aggregator) -> int:
    """The most that a member may weigh: 1 where all count alike."""
    return cast(Weighted, rule).largest_weight if rule.weighted else 1


class Private(Aggregator, Protocol):
    """A rule whose opened sum holds noise says whom it protects, and how (docs/privacy.md)."""

    @property
    def unit(self) -> str:
        """``record`` or ``member``: whose contribution the noise hides."""

    def mechanism(self, parameters: int) -> Mechanism:
        """What one round releases: the noise of a whole cohort, at least, on each opened value."""


def private(rule: Aggregator) -> Private | None:
    """The rule, where its sums hold noise; None where they don't."""
    return cast(Private, rule) if getattr(rule, "unit", "") else None


class RowProtecting(Private, Protocol):
    """A rule whose F^C is a ``RowRule`` says what norm rows are clipped to, if that moves."""

    def clip_at(self, vector: Model) -> Fraction:
        """C of the round that ``vector``, the certified one, leads to."""


class Optimizing(Aggregator, Protocol):
    """A rule with an optimizer's state: numbers that go on from round to round, and are certified
    with the model. They lie behind the model's own in one vector, whose length is the group's
    ``parameters``.
    """

    def own_parameters(self, parameters: int) -> int:
        """How many of the vector's are the model's own. AggregationError for a wrong length."""

    def first_vector(self, model: Model) -> Model:
        """Before the first round: ``model`` (d,) and a state that knows nothing yet."""


def own_parameters(rule: Aggregator, parameters: int) -> int:
    """d: how many of a certified vector's numbers are the model's own, which come first."""
    if not hasattr(rule, "own_parameters"):
        return parameters
    return cast(Optimizing, rule).own_parameters(parameters)


def first_vector(rule: Aggregator, model: Model) -> Model:
    """What is certified before the first round, for a first model (d,)."""
    if not hasattr(rule, "first_vector"):
        return model
    return cast(Optimizing, rule).first_vector(model)


class Referenced(Aggregator, Protocol):
    """A rule that uses a reference also says how the vector comes from the root data."""

    def reference(self, step: Update) -> Reference:
        """The public vector (d,) from x_0 − w, what F^C on the public root data changes."""
