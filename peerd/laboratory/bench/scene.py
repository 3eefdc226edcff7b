"""The setting of a measurement: a group's plan, a model, and real signed dealings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import cast

import numpy as np
import numpy.typing as npt

from peerd.cli.rule_arguments import typed_rule
from peerd.crypto import Sodium
from peerd.errors import ConfigError
from protocols.aggregation.contract import (
    AggregationError,
    Aggregator,
    Model,
    Reference,
    Referenced,
    RowRule,
    Update,
)
from protocols.aggregation.noise import Noise, noise_of
from protocols.field import Elements, field_for
from protocols.hashing import digest
from protocols.opening import noise_dealers, sum_noised, sum_shares
from protocols.plan import CommitteePlan, PlanError, minimum_cohort, plan_group
from protocols.proof import DealingShape, deal
from protocols.wire.payloads import Header, Kind, Payload
from protocols.wire.statement import Slot, Statement, sign

LARGEST_MODEL = 100_000_000
"""Parameters. More would need more memory than a measurement on a desk has."""

GROUP = digest("peerd/bench/group")
BASE_MODEL = digest("peerd/bench/model")
COIN = digest("peerd/bench/coin")
"""What noise gets its signs from."""


@dataclass(frozen=True)
class Scene:
    """One round of one group. Everything is derived from fixed seeds, so runs are comparable."""

    peers: int
    params: int
    rule: Aggregator
    plan: CommitteePlan

    @classmethod
    def create(
        cls,
        name: str,
        peers: int,
        params: int,
        adversary: Fraction,
        constants: Mapping[str, int | str] | None = None,
    ) -> Scene:
        """Raises ConfigError, which names the option, for what can't be measured; TaskError where
        the code of a rule of one's own fails."""
        if not 1 <= params <= LARGEST_MODEL:
            raise ConfigError(f"--params {params}: from 1 to {LARGEST_MODEL}")
        rule = typed_rule(name, constants or {})
        try:
            scene = cls(peers, params, rule, plan_group(peers, adversary, values=params))
        except PlanError as error:
            raise ConfigError(f"--peers, --adversary: {error}") from None
        try:
            _ = scene.shape
        except AggregationError as error:
            raise ConfigError(f"--aggregator, --params: {error}") from None
        return scene

    @cached_property
    def noise(self) -> Noise | None:
        """What a dealer adds, of a rule with noise."""
        honest = self._smallest_cohort - self.plan.threshold
        return noise_of(self.rule, self.params, self.plan.packing, honest)

    @property
    def _smallest_cohort(self) -> int:
        return minimum_cohort(self.peers, self.plan.threshold)

    @cached_property
    def shape(self) -> DealingShape:
        points = self.plan.committee + self.plan.packing
        relation = self.rule.relation(self.params, self.reference)
        largest = self.rule.largest_sum(self.params, self.peers)
        if self.noise is not None:
            relation = self.noise.relation_in(relation)
            largest += self.peers * self.noise.largest
        return DealingShape(self.plan, field_for(largest, points, relation.least_modulus), relation)

    @cached_property
    def reference(self) -> Reference | None:
        """The round's public vector, of a rule that uses one."""
        if not self.rule.uses_reference:
            return None
        return cast(Referenced, self.rule).reference(self.vector("root", 0))

    @property
    def crypto(self) -> Sodium:
        return Sodium()

    def vector(self, name: str, index: int) -> npt.NDArray[np.float32]:
        """A model or update, (params,): reproducible, of no meaning."""
        seed = int.from_bytes(digest(f"peerd/bench/{name}", index.to_bytes(8, "little")), "little")
        return np.random.default_rng(seed).standard_normal(self.params, np.float32)

    def values(self, dealer: int) -> npt.NDArray[np.int64]:
        """What a dealer deals: an encoded update."""
        return self.encode(self.vector("model", 0), self.update(dealer))

    def update(self, dealer: int) -> Update:
        """As F^C would give it."""
        drawn = self.vector("update", dealer)
        rows = isinstance(self.rule.local_rule(0), RowRule)
        return np.rint(drawn).astype(np.int64) if rows else drawn

    def encode(self, model: Model, update: Update) -> npt.NDArray[np.int64]:
        """v of one dealer: its noise is drawn here, too."""
        encoded = self.rule.encode(model, update, self.reference)
        if self.noise is None:
            return encoded
        drawn = self.noise.encode(digest("peerd/bench/noise"), self.shape.field)
        return np.concatenate([encoded, drawn])

    def sum(self, shares: Sequence[Elements]) -> Elements:
        """A member's word on these dealers' sum."""
        if self.noise is None:
            return sum_shares(self.shape, shares)
        noisy = noise_dealers(COIN, range(len(shares)), self._smallest_cohort)
        return sum_noised(self.shape, dict(enumerate(shares)), noisy, COIN)

    def context(self, dealer: int) -> bytes:
        return digest("peerd/bench/context", GROUP, dealer.to_bytes(8, "little"))

    def signing_secret(self, peer: int) -> bytes:
        return digest("peerd/bench/signing", peer.to_bytes(8, "little"))

    def sign(self, kind: Kind, payload: Payload, signer: int) -> Statement:
        slot = Slot(0, 0, kind, 0, 0, signer)
        return sign(self.crypto, self.signing_secret(signer), GROUP, slot, payload)

    def dealing(self, dealer: int) -> tuple[Statement, tuple[bytes, ...]]:
        """A signed header and every seat's package."""
        secret = digest("peerd/bench/dealing", dealer.to_bytes(8, "little"))
        dealt = deal(self.shape, self.values(dealer), secret, self.context(dealer))
        header = Header(BASE_MODEL, dealt.root, dealt.proof)
        return self.sign(Kind.HEADER, header, dealer), dealt.packages
