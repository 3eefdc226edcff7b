"""Training under dp-sgd without a network: the worker's own rows, plain sums in integers.

In the federated run each site draws from its own rows and adds its share of the noise. The central
run is DP-SGD as one curator has it, who holds all rows: the same code for rows, the same clipping,
steps and lot, one Poisson sample of all rows, and noise of variance (z·S)² in each sum.
Deterministic by seed, so that nothing here is secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil

import numpy as np

from peerd.laboratory.adversaries.noisy import poison
from peerd.laboratory.experiments.attacks import forge_sum
from peerd.learning.client import Client
from peerd.learning.private.sums import RowSums
from protocols.aggregation.contract import Encoded, Model
from protocols.aggregation.dp_sgd import DpSgd
from protocols.aggregation.noise import Noise
from protocols.hashing import digest
from protocols.privacy import skellam

LARGEST_VARIANCE = 1 << 24
"""Of one table of noise; more is added in parts."""


Lie = Callable[[Encoded], Encoded]
"""From what an honest site's rows add up to."""


@dataclass(frozen=True)
class Shares:
    """``dealers`` who each have an equal part of the rows. Of them ``noisy`` add 1/``counted`` of
    the variance of ``noise`` z each; None adds none. ``liars``, by their numbers, add what
    ``lie`` makes of their sums, and no noise.
    """

    dealers: int
    noisy: int
    counted: int
    noise: Fraction | None
    liars: frozenset[int] = frozenset()
    lie: Lie | None = None


def pooled(rule: DpSgd, sites: int) -> DpSgd:
    """DP-SGD as usual, for one who holds the rows of all sites: nobody else could push."""
    return unbounded(replace(rule, rows=rule.rows * sites, lot=rule.lot * sites))


def unbounded(rule: DpSgd) -> DpSgd:
    """The same, with sums as long as their rows make them."""
    return replace(rule, radius=rule.rows / rule.lot)


def models(clients: Sequence[Client], rule: DpSgd, shares: Shares, seed: int) -> Iterator[Model]:
    """The model (d,) after each round, without end. TaskError."""
    sites = [RowSums(client, rule.local_rule(0)) for client in clients]
    vector, own = rule.first_vector(clients[0].first_model), clients[0].parameters
    noisy = None if shares.noise is None else replace(rule, noise=shares.noise)
    variance = None if noisy is None else noisy.mechanism(vector.size).variance / shares.counted
    round = 0
    while True:
        opened: Encoded = np.zeros(own + (rule.count is not None), np.int64)
        for index, site in enumerate(sites):
            drawn = [_entropy(seed, round, index, what) for what in ("rows", "noise")]
            learnt = site.sum(vector[:own], drawn[0], rule.clip_at(vector)).total
            if shares.lie is not None and index in shares.liars:
                opened += shares.lie(learnt)
                continue
            opened += learnt
            if variance is not None and index < shares.noisy:
                opened += noise_of(variance, opened.size, drawn[1])
        vector = rule.apply(vector, opened, shares.dealers, round)
        yield vector[:own]
        round += 1


def poisoning(noise: Noise) -> Lie:
    """An honest sum, and poison in the place of noise, which is added as it lies: without a coin
    that gives it order and signs.
    """
    return lambda learnt: learnt + poison(noise, learnt)[: learnt.size]


def forging(attack: str, longest: int) -> Lie:
    """Another sum of gradients than an honest one, no longer than a site's may be."""
    return lambda learnt: forge_sum(attack, learnt, longest, seed=0, round=0)


def noise_of(variance: Fraction, count: int, entropy: bytes) -> Encoded:
    """Skellam noise of any ``variance``: a sum of parts that a table holds."""
    parts = ceil(variance / LARGEST_VARIANCE)
    total: Encoded = np.zeros(count, dtype=np.int64)
    for part in range(parts):
        own = digest("peerd/lab/part of noise", entropy, part.to_bytes(8, "little"))
        total += skellam(variance / parts, count, own)
    return total


def _entropy(seed: int, round: int, site: int, what: str) -> bytes:
    numbers = (each.to_bytes(8, "little") for each in (seed, round, site))
    return digest("peerd/lab/private training", what.encode(), *numbers)
