"""What shares and sums say about one dealer's update: the best that there is to be computed.

Shares of a packed polynomial are exact linear equations over the field. ``posterior`` counts, for
every polynomial, which of the 2^k patterns of bits the shares held leave possible: no attack on
bits and shares gets further than this. ``interpolated`` solves the equations where they suffice.
``residues`` takes shares for what they are not, a noisy update.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from peerd.laboratory.experiments.privacy.view import Seen, View
from protocols.field import Residues
from protocols.field.polynomial import lagrange
from protocols.proof import DealingShape

Floats = npt.NDArray[np.float64]
MAX_PATTERN_BITS = 14


def places(shape: DealingShape) -> npt.NDArray[np.int64]:
    """Where each opened value lies among the slots of all opened polynomials, in a row: (o,)."""
    count = shape.opened_polynomials * shape.plan.packing
    numbered = np.arange(count, dtype=np.uint64).reshape(-1, shape.plan.packing)
    return shape.layout.opened_values(numbered).astype(np.int64)


def prior(view: View) -> Floats:
    """The opened values (o,) of any one honest dealer, from the sum alone: dealers are alike.

    Of bits, P(bit = 1); 1/2 before the opening.
    """
    if view.opened is None:
        return np.full(view.shape.relation.opened_length, 0.5)
    chance: Floats = view.opened / view.honest
    return chance


def posterior(view: View, dealer: int = 0) -> Floats:
    """P(bit = 1 | sum, shares) of one honest dealer's opened bits, (o,), where all that is opened
    is bits. Exact, by enumeration of patterns.

    With at most t seats every pattern fits equally many polynomials, and the prior stays.
    """
    shape = view.shape
    packing, count = shape.plan.packing, shape.opened_polynomials
    if packing > MAX_PATTERN_BITS:
        raise ValueError(f"2^{packing} patterns are too many to count")
    before = np.zeros((count, packing))
    before.ravel()[places(shape)] = prior(view)
    patterns = (np.arange(1 << packing)[:, None] >> np.arange(packing)) & 1
    weight = np.ones((len(patterns), count))
    for slot in range(packing):
        bit = patterns[:, slot : slot + 1]
        weight *= np.where(bit == 1, before[:, slot], 1 - before[:, slot])
    weight *= _consistent(view, view.seen[dealer], patterns.astype(np.uint64))
    total = weight.sum(axis=0)
    # No pattern fits where sum and shares contradict each other: then nothing is learnt there.
    counted = weight.T @ patterns / np.maximum(total, 1e-300)[:, None]
    after = np.where(total[:, None] > 0, counted, before)
    flat: Floats = after.ravel()[places(shape)]
    return flat


def _consistent(view: View, seen: Seen, patterns: Residues) -> npt.NDArray[np.bool_]:
    """(patterns, polynomials): whether slots and the first t shares give those held beyond t."""
    sharing, threshold = view.shape.sharing, view.shape.plan.threshold
    points = sharing.seats[list(view.seats)]
    shares = seen.shares[:, : view.shape.opened_polynomials]
    known, beyond = shares[:threshold], shares[threshold:]
    fits = np.ones((len(patterns), view.shape.opened_polynomials), bool)
    if not len(beyond):
        return fits
    field = view.shape.field
    nodes = np.concatenate([sharing.slots, points[:threshold]])
    matrix = lagrange(field, nodes, points[threshold:]).T
    packing = view.shape.plan.packing
    from_slots = field.matmul(np.ascontiguousarray(matrix[:, :packing]), patterns.T.copy())
    from_shares = field.matmul(np.ascontiguousarray(matrix[:, packing:]), known)
    for index, share in enumerate(beyond):
        predicted = field.add(from_slots[index][:, None], from_shares[index][None, :])
        fits &= predicted == share[None, :]
    return fits


def interpolated(view: View, dealer: int = 0) -> npt.NDArray[np.int64] | None:
    """The opened values (o,) themselves, from t + k shares or more; None with fewer."""
    shape, seen = view.shape, view.seen[dealer]
    needed = shape.sharing.degree + 1
    if len(seen.shares) < needed:
        return None
    nodes = shape.sharing.seats[list(view.seats)][:needed]
    matrix = np.ascontiguousarray(lagrange(shape.field, nodes, shape.sharing.slots).T)
    slots = shape.field.matmul(matrix, seen.shares[:needed, : shape.opened_polynomials]).T
    return shape.field.centred(np.ascontiguousarray(slots).ravel()[places(shape)])


def residues(view: View, dealer: int = 0) -> Floats:
    """The shares as if they were the opened values with noise: (o,) in (−1, 1).

    Each value is given the mean of the shares of its polynomial, centred modulo p.
    """
    p, packing = view.shape.field.p, view.shape.plan.packing
    shares = view.seen[dealer].shares[:, : view.shape.opened_polynomials].astype(np.float64)
    centred = np.where(shares > p // 2, shares - p, shares) * (2 / p)
    spread: Floats = np.repeat(centred.mean(axis=0), packing)[places(view.shape)]
    return spread
