"""Which of ten candidates was dealt: a coin's guess, unless something leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from peerd.laboratory.experiments.privacy import confirmation
from peerd.laboratory.experiments.privacy.confirmation import complete, game, look, trace
from peerd.laboratory.experiments.privacy.likeness import Estimate
from peerd.laboratory.experiments.privacy.view import Leak, shape_of
from protocols.aggregation import aggregator
from protocols.plan import CommitteePlan
from protocols.proof import BIT, FREE, DealingShape, Relation, Segment, SlotConstraint, split
from tests.mutation.planting import planted
from tests.tiers import later

PLAN = CommitteePlan(committee=16, threshold=3, packing=4, absent=0)
RNG = np.random.default_rng(1)
BALL = aggregator("centered-clipping-l2", {"tau": "1/2", "theta": 12})
MODEL = np.zeros(70, np.float32)
SHAPES = {
    "bits": shape_of(PLAN, Relation((Segment("v", 70, BIT),)), 16),
    "numbers": shape_of(PLAN, Relation((Segment("v", 70, FREE),)), 16 << 16),
    # a summed constraint, a hidden segment, and projections under a second root
    "ball": shape_of(PLAN, BALL.relation(70), BALL.largest_sum(70, 16)),
}
CANDIDATES = {
    "bits": [RNG.integers(0, 2, 70).astype(np.uint64) for _ in range(10)],
    "numbers": [RNG.integers(0, 1 << 16, 70).astype(np.uint64) for _ in range(10)],
    "ball": [BALL.encode(MODEL, RNG.normal(0, 0.05, 70).astype(np.float32)) for _ in range(10)],
}

SURE = 8
"""Games that chance wins all of once in 10^8."""


def played(kind: str, seats: int = 3, leak: Leak = Leak.NONE, games: int = 150) -> Estimate:
    return game(SHAPES[kind], CANDIDATES[kind], games, seats=seats, leak=leak, seed=2)


@pytest.mark.parametrize("kind", ["numbers", *later(["bits", "ball"])])
def test_a_sound_dealing_is_named_by_chance(kind: str) -> None:
    """0.1 within 4 standard errors."""
    games = 50 if kind == "ball" else 150
    assert abs(played(kind, games=games).mean - 0.1) < 4 * np.sqrt(0.09 / games)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize(
    ("seats", "leak"), [(3, Leak.NO_MASKS), (3, Leak.NO_SALTS), (4, Leak.NONE), (6, Leak.NONE)]
)
def test_each_leak_names_the_dealt_one(kind: str, seats: int, leak: Leak) -> None:
    assert played(kind, seats, leak, games=SURE).mean == 1


def test_a_sum_without_its_mask_names_the_dealt_one() -> None:
    """Y alone: D and Z keep theirs."""
    assert played("ball", 3, Leak.NO_SUM_MASKS, games=SURE).mean == 1


@pytest.mark.parametrize("kind", ["bits", *later(["numbers", "ball"])])
def test_an_outsider_names_the_dealt_one_without_masks_only(kind: str) -> None:
    games = 50 if kind == "ball" else 150
    assert abs(played(kind, 0, games=games).mean - 0.1) < 4 * np.sqrt(0.09 / games)
    assert played(kind, 0, Leak.NO_MASKS, games=SURE).mean == 1
    assert played(kind, 0, Leak.NO_SALTS, games=20).mean < 0.5


def test_masks_with_a_bias_are_noticed() -> None:
    """An eighth of the field instead of all of it: smaller than what a wrong candidate leaves."""

    def small(shape: DealingShape, parts: object, leak: Leak) -> object:
        """u's slot values drawn from the lowest eighth; the shares of the first t seats stay."""
        sharing, field = shape.sharing, shape.field
        vectors = parts.vectors.astype(np.uint64)  # type: ignore[attr-defined]
        window = slice(shape.polynomials, shape.polynomials + shape.challenges)
        rng = np.random.default_rng(int(vectors.sum() % (1 << 32)))
        wanted = rng.integers(0, field.p // 8, (shape.challenges, PLAN.packing)).astype(np.uint64)
        free = vectors[: PLAN.threshold, window]
        vectors[PLAN.threshold :, window] = sharing.share(wanted, free)
        return replace(parts, vectors=vectors.astype(shape.field.dtype))  # type: ignore[type-var]

    with planted("peerd.laboratory.experiments.privacy.view:planted", lambda sound: small):
        found = played("bits", games=60)
    assert found.mean > 0.9


@pytest.mark.parametrize("kind", SHAPES)
def test_the_dealt_candidate_completes_to_the_dealing(kind: str) -> None:
    """What the attack rebuilds is what the dealer made: else it could never succeed."""
    shape, values = SHAPES[kind], CANDIDATES[kind][0]
    outlook = look(shape, range(3), values, 5, Leak.NONE)
    place = (5).to_bytes(8, "little"), (0).to_bytes(8, "little")
    context = confirmation.dealing_of(shape, values, 5, 0)[0]
    assert context == outlook.seen.context
    from protocols.hashing import digest

    made = split(shape, values, digest("peerd/lab/privacy/secret", *place), context)
    assert np.array_equal(complete(outlook, values).vectors, made.vectors)
    other = complete(outlook, CANDIDATES[kind][1]).vectors
    assert other is not None
    assert not np.array_equal(other, made.vectors)


def test_a_wrong_candidate_leaves_no_trace_of_a_sound_dealing() -> None:
    shape = SHAPES["bits"]
    outlook = look(shape, range(3), CANDIDATES["bits"][0], 6, Leak.NONE)
    right, wrong = (trace(outlook, CANDIDATES["bits"][i]) for i in (0, 1))
    assert (right.share, right.leaf, right.unmasked) == (wrong.share, wrong.leaf, wrong.unmasked)
    assert (right.share, right.leaf, right.unmasked) == (3, False, 0)


def test_a_salted_leaf_is_not_found_even_with_the_values_in_hand() -> None:
    shape = SHAPES["numbers"]
    values = CANDIDATES["numbers"][3]
    assert trace(look(shape, range(3), values, 7, Leak.NO_SALTS), values).leaf
    assert not trace(look(shape, range(3), values, 7, Leak.NONE), values).leaf


def test_constraints_do_not_help_to_guess() -> None:
    """Bits under a constraint that numbers don't have: as little is told."""
    shape = shape_of(PLAN, Relation((Segment("v", 70, SlotConstraint(0, 1, -1)),)), 16)
    found = game(shape, CANDIDATES["bits"][:2], 300, seats=3, seed=4)
    assert abs(found.mean - 0.5) < 4 * 0.5 / np.sqrt(300)
