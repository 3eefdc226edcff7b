"""Every rule that ships, in each of its forms, with points of its V: random and extreme ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from protocols.aggregation import Aggregator, aggregator
from protocols.aggregation.centered_clipping import CenteredClipping
from protocols.aggregation.centered_clipping_l2 import CenteredClippingL2
from protocols.aggregation.contract import Encoded, Model, Reference
from protocols.aggregation.fltrust import FLTrust
from protocols.aggregation.rsa import Rsa
from protocols.aggregation.weighted_mean import WeightedMean
from protocols.field import PrimeField, field_for

BALLS = (CenteredClippingL2, WeightedMean)


@dataclass(frozen=True)
class Variant:
    """A rule with constants of its own; ``label`` names it in a test's id."""

    label: str
    rule: Aggregator

    def __str__(self) -> str:
        return self.label


def variant(name: str, **constants: int | str) -> Variant:
    label = "-".join([name, *[str(value).replace("/", ":") for value in constants.values()]])
    return Variant(label, aggregator(name, constants))


VARIANTS = (
    variant("rsa"),
    variant("centered-clipping", theta=4),
    variant("centered-clipping", theta=8, tau="1/10"),
    variant("centered-clipping", theta=32, tau="3"),
    variant("centered-clipping-l2", proof="norm"),
    variant("centered-clipping-l2", proof="bits", theta=12),
    variant("weighted-mean", proof="norm", tau="7/3"),
    variant("weighted-mean", proof="bits", theta=20),
    variant("weighted-mean", blocks=5, theta=20),
    variant("fltrust", proof="norm"),
    variant("fltrust", proof="bits", theta=10),
)


def field_of(rule: Aggregator, parameters: int, weight: int = 10) -> PrimeField:
    """The field that a group of ten would take."""
    least = rule.relation(parameters).least_modulus
    return field_for(rule.largest_sum(parameters, weight), 16, least)


def model_of(parameters: int, seed: int) -> Model:
    return np.random.default_rng(seed).standard_normal(parameters).astype(np.float32)


def reference_of(rule: Aggregator, parameters: int, seed: int) -> Reference | None:
    if not isinstance(rule, FLTrust):
        return None
    return rule.reference(np.random.default_rng([seed, 77]).standard_normal(parameters))


def points(
    rule: Aggregator, parameters: int, seed: int, reference: Reference | None
) -> Iterator[Encoded]:
    """Points of V: inside, and on its boundary."""
    random = np.random.default_rng([seed, 1])
    if isinstance(rule, Rsa | CenteredClipping):
        length = rule.relation(parameters).length
        yield random.integers(0, 2, length)
        yield np.zeros(length, dtype=np.int64)
        yield np.ones(length, dtype=np.int64)
    elif isinstance(rule, BALLS):
        blocks = rule.ball.blocks.divide(parameters, rule.ball.limit)
        each = [ball_points(block.limit, block.length, random) for block in blocks]
        for parts in zip(*each, strict=True):
            yield rule.ball.lay_out(np.concatenate(parts))
    else:
        assert isinstance(rule, FLTrust) and reference is not None
        for vector, score in trust_points(rule, reference, random):
            yield rule._form.lay_out(vector, score, reference)


def ball_points(limit: int, parameters: int, random: np.random.Generator) -> Iterator[Encoded]:
    """Integer vectors of norm ≤ ``limit``: random directions and lengths, the poles, the sphere."""
    for length in (random.random(), 1.0):
        yield inside(random.standard_normal(parameters), limit * length)
    for sign in (1, -1):
        pole = np.zeros(parameters, dtype=np.int64)
        pole[random.integers(parameters)] = sign * limit
        yield pole
    yield np.zeros(parameters, dtype=np.int64)


def inside(direction: NDArray[np.float64], length: float) -> Encoded:
    """The direction at that length, cut toward zero: never longer."""
    return np.trunc(direction * (length / float(np.linalg.norm(direction)))).astype(np.int64)


def trust_points(
    rule: FLTrust, reference: Reference, random: np.random.Generator
) -> Iterator[tuple[Encoded, int]]:
    """(W, X): along the root at full score, across it, shortened, and no trust at all."""
    scale, size = rule.scale, reference.size
    yield np.zeros(size, dtype=np.int64), 0
    root = reference / float(np.linalg.norm(reference))
    across = random.standard_normal(size)
    for lean in (0.0, 0.5, 2.0):
        direction = root + lean * across / float(np.linalg.norm(across))
        direction /= float(np.linalg.norm(direction))
        cosine = max(float(direction @ root), 0.0)
        for share in (1.0, 0.4):
            vector = inside(direction, scale * cosine * share)
            # the most that the vector may claim: X² ≤ ⟨W, G_0⟩, at least its own length
            score = int(max(int(vector @ reference), 0) ** 0.5)
            if rule._form.holds(vector, score, reference):
                yield vector, score
