"""Models trained under dp-sgd, whose members are to be inferred: the least noise that is promised.

Sites that are not counted on add more in a real group, and take from nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from peerd.laboratory.experiments.privacy.rows import RULE, multiplier
from peerd.laboratory.experiments.private_rounds import noise_of
from peerd.learning.client import Client
from peerd.learning.private.sums import RowSums
from peerd.learning.task import Samples
from protocols.aggregation.contract import Model
from protocols.hashing import digest

ETA = Fraction(3)


@dataclass(frozen=True)
class Private:
    """All rows in every round, and the noise that ``epsilon`` needs; None for no noise."""

    epsilon: int | None

    @property
    def title(self) -> str:
        """For the table."""
        return "dp-sgd without noise" if self.epsilon is None else f"dp-sgd, ε = {self.epsilon}"

    def train(self, client: Client, parts: Sequence[Samples], rounds: int, seed: int) -> Model:
        """The model of sites with these rows; the same for a ``seed``."""
        rows = max(map(len, parts))
        rule = replace(RULE, rows=rows, lot=RULE.lot * rows, eta=ETA)
        noise = None if self.epsilon is None else multiplier(self.epsilon, rounds)
        sites = []
        for part in parts:
            client.samples = part
            sites.append(RowSums(client, rule.local_rule(0)))
        model = client.first_model
        for turn in range(rounds):
            opened = np.zeros(model.size, np.int64)
            for site in sites:
                opened += site.sum(model, bytes(32)).total
            if noise is not None:
                place = (each.to_bytes(8, "little") for each in (seed, turn))
                entropy = digest("peerd/lab/privacy/trained", *place)
                opened += noise_of((noise * rule.steps) ** 2, model.size, entropy)
            model = rule.apply(model, opened, len(parts), turn)
        return model
