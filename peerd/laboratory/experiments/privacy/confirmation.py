"""Guess-confirmation: which of a few candidate updates did a dealer deal?

The strongest question that an adversary can ask: it knows all candidates, and looks for anything
in its view that fits one better than another. For each candidate it completes the dealing: t shares
and the candidate's slots (with the bits of its projections, which the first root determines) give
every polynomial, D minus their form is u, Z minus theirs is z, and Y minus theirs is y. A sound
dealing makes every candidate as likely as the next; the traces that a leak would leave are scored.
Its seats are the first: those get seeds, so it can rebuild every vector that there is. Without a
seat, as an outsider that is told both roots, it has D and Y on the slots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peerd.laboratory.experiments.privacy.likeness import Estimate, proportion
from peerd.laboratory.experiments.privacy.view import Counts, Leak, Seen, dealing_of, see
from protocols.field import Elements, Residues
from protocols.field.polynomial import lagrange, powers
from protocols.proof import DealingShape
from protocols.proof.challenge import draw, forms
from protocols.proof.checking import climbed, published_sum
from protocols.proof.dealing import leaf
from protocols.proof.merkle import climb, depth
from protocols.proof.projections import draw as draw_projections
from protocols.proof.shape import SALT_BYTES
from protocols.proof.smallness import projection_slots
from protocols.proof.sums import public_inputs, random_sum


@dataclass(frozen=True, order=True)
class Trace:
    """What speaks for a candidate, the strongest first.

    ``share``: the shares held beyond t fit. ``leaf``: an unsalted leaf of the rebuilt vectors is in
    a tree. ``unmasked``: slots where D is the bare form, and seats where Y is. ``small``: minus the
    size of the slot values of u that D leaves, which a mask with a bias would make telling.
    """

    share: int
    leaf: bool
    unmasked: int
    small: float


@dataclass(frozen=True)
class Outlook:
    """A dealing with the Merkle paths of the seats held: ``paths`` by seat, of each tree by part.

    ``first_root``: of the tree that projections are drawn from.
    """

    shape: DealingShape
    seats: tuple[int, ...]
    seen: Seen
    first_root: bytes
    paths: tuple[dict[str, bytes], ...]


@dataclass(frozen=True)
class Completed:
    """A dealing had the candidate been dealt. ``vectors`` (m, elements) is None without seats.

    ``u_slots`` (c, k): the values of u on the slots that D leaves.
    """

    vectors: Residues | None
    u_slots: Residues


def look(
    shape: DealingShape, seats: Sequence[int], values: Elements | Counts, seed: int, leak: Leak
) -> Outlook:
    """A dealing of ``values`` as the members in ``seats`` have it."""
    context, dealing = dealing_of(shape, values, seed, 0, leak)
    paths = tuple(_paths(shape, dealing.packages[seat]) for seat in seats)
    first_root = climbed(shape, 0, dealing.packages[0])[0]
    return Outlook(shape, tuple(seats), see(shape, seats, context, dealing), first_root, paths)


def _paths(shape: DealingShape, package: bytes) -> dict[str, bytes]:
    """The package's path, or two, by the part of the vector that lies under it."""
    path = package[-shape.path_bytes :]
    if not shape.first_part:
        return {"": path}
    half = len(path) // 2
    return {"first": path[:half], "second": path[half:]}


def trace(outlook: Outlook, candidate: Elements | Counts) -> Trace:
    """What in the view speaks for the candidate (|v|,)."""
    shape, seen = outlook.shape, outlook.seen
    found = complete(outlook, candidate)
    p = shape.field.p
    centred = np.minimum(found.u_slots, p - found.u_slots).astype(np.float64) / p
    small = -float(centred.mean())
    unmasked = int((found.u_slots == 0).all(axis=0).sum())
    if found.vectors is None:
        return Trace(0, False, unmasked, small)
    held = found.vectors[list(outlook.seats), : shape.polynomials]
    fits = int((held == seen.shares).all(axis=1).sum())
    if shape.sums:
        y = found.vectors[:, shape.polynomials + 2 * shape.challenges :]
        unmasked += int((y == 0).all(axis=1).sum())
    return Trace(fits, _leaf_is_there(outlook, found.vectors), unmasked, small)


def complete(outlook: Outlook, candidate: Elements | Counts) -> Completed:
    """What the dealing was, had the candidate (|v|,) been dealt."""
    shape, seen = outlook.shape, outlook.seen
    field, sharing = shape.field, shape.sharing
    slots = shape.slot_values(candidate)
    rows = []
    if shape.first_part:
        rows = [draw_projections(shape, seen.context, outlook.first_root)]
        slots = np.concatenate([slots, projection_slots(shape, rows[0], slots)])
    challenges = draw(shape, [(seen.context, seen.root)])
    d, quotient = published(shape, seen.proof)
    bare = linear_form(shape, seen, slots.T.copy())
    on_slots = field.matmul(d, powers(field, sharing.slots, d.shape[1]))
    u_slots = field.sub(on_slots, bare.T.copy())
    if not outlook.seats:
        return Completed(None, u_slots)
    shares = _shares(outlook, slots)
    linear, slot = forms(shape, shares, shape.padding_weight, challenges)
    degrees = powers(field, sharing.seats, d.shape[1])
    u = field.sub(field.matmul(d, degrees).T.copy(), linear)
    z_all = field.mul(
        field.matmul(quotient, powers(field, sharing.seats, quotient.shape[1])),
        sharing.vanishing_at_seats[None, :],
    )
    parts = [shares, u, field.sub(z_all.T.copy(), slot)]
    if shape.sums:
        every = np.arange(shape.plan.committee)
        proof = field.decode(seen.proof, shape.proof_elements)[None].astype(np.uint64)
        said = [published_sum(shape, int(seat), proof, challenges) for seat in every]
        summed = random_sum(shape, every, shares, rows, challenges.sums, public_inputs(shape, [()]))
        parts.append(field.sub(np.concatenate(said), summed))
    return Completed(np.concatenate(parts, axis=1), u_slots)


def _shares(outlook: Outlook, slots: Residues) -> Residues:
    """All shares (m, L), from the slots (L, k) and the first t shares held."""
    shape, field, sharing = outlook.shape, outlook.shape.field, outlook.shape.sharing
    t = shape.plan.threshold
    nodes = np.concatenate([sharing.slots, sharing.seats[list(outlook.seats[:t])]])
    values = np.concatenate([slots.T, outlook.seen.shares[:t]])
    rest = [seat for seat in range(shape.plan.committee) if seat not in outlook.seats[:t]]
    matrix = np.ascontiguousarray(lagrange(field, nodes, sharing.seats[rest]).T)
    shares = np.empty((shape.plan.committee, shape.polynomials), np.uint64)
    shares[list(outlook.seats[:t])] = outlook.seen.shares[:t]
    shares[rest] = field.matmul(matrix, values)
    return shares


def linear_form(shape: DealingShape, seen: Seen, rows: Residues) -> Residues:
    """Sum of r_l f_l for each row (n, L), under this dealing's challenges: (n, c)."""
    challenges = draw(shape, [(seen.context, seen.root)])
    weight = np.zeros((len(rows), *shape.padding_weight.shape[1:]), np.uint64)
    return forms(shape, rows, weight, challenges)[0]


def published(shape: DealingShape, proof: bytes) -> tuple[Residues, Residues]:
    """Coefficients of D (c, δ + 1) and of Z / V (c, 2t + k − 1) from a header's bytes."""
    count, terms = shape.challenges, shape.sharing.degree + 1
    numbers = shape.field.decode(proof, shape.proof_elements).astype(np.uint64)
    cut = count * terms
    end = cut + count * shape.sharing.quotient_terms
    return numbers[:cut].reshape(count, terms), numbers[cut:end].reshape(count, -1)


def _leaf_is_there(outlook: Outlook, vectors: Residues) -> bool:
    """Whether a leaf rebuilt without salt is a sibling on a path held, or makes the root."""
    shape = outlook.shape
    own = vectors.astype(shape.field.dtype)
    edge = shape.first_part
    parts = {"first": own[:, :edge], "second": own[:, edge:]} if edge else {"": own}
    return any(_is_in_tree(outlook, name, part) for name, part in parts.items())


def _is_in_tree(outlook: Outlook, part: str, rows: Elements) -> bool:
    shape = outlook.shape
    rebuilt = {
        seat: leaf(seat, shape.field.encode(rows[seat]), bytes(SALT_BYTES), part)
        for seat in range(shape.plan.threshold, shape.plan.committee)
    }
    paths = [paths[part] for paths in outlook.paths]
    if {path[:32] for path in paths if path} & set(rebuilt.values()):
        return True
    return _subtree_is_there(outlook, paths, rebuilt)


def _subtree_is_there(outlook: Outlook, paths: list[bytes], leaves: dict[int, bytes]) -> bool:
    """Whether a pair of rebuilt leaves makes a node on a path: where the neighbours hold seeds."""
    for seat, path in zip(outlook.seats, paths, strict=True):
        for level in range(1, depth(outlook.shape.plan.committee)):
            start = ((seat >> level) ^ 1) << level
            inside = [leaves.get(index) for index in range(start, start + (1 << level))]
            if any(node is None for node in inside):
                continue
            level_nodes = [node for node in inside if node is not None]
            while len(level_nodes) > 1:
                pairs = zip(level_nodes[::2], level_nodes[1::2], strict=True)
                level_nodes = [climb(one, 0, other) for one, other in pairs]
            if level_nodes[0] == path[32 * level : 32 * level + 32]:
                return True
    return False


def game(
    shape: DealingShape,
    candidates: Sequence[Elements | Counts],
    rounds: int,
    *,
    seats: int,
    leak: Leak = Leak.NONE,
    seed: int = 0,
) -> Estimate:
    """How often the adversary names the candidate that was dealt; 1 / len(candidates) by chance.

    Equal traces are decided by a coin.
    """
    rng = np.random.default_rng([seed, seats, len(candidates)])
    hits = 0
    for turn in range(rounds):
        truth = int(rng.integers(len(candidates)))
        outlook = look(shape, range(seats), candidates[truth], seed * rounds + turn, leak)
        traces = [trace(outlook, candidate) for candidate in candidates]
        coins: npt.NDArray[np.float64] = rng.random(len(candidates))
        best = max(range(len(candidates)), key=lambda i: (traces[i], coins[i]))
        hits += best == truth
    return proportion(hits, rounds)
