"""Opening the sum from the members' words, with liars found and absent members left out.

docs/protocol.md §6. Decoding every coordinate would cost L decodings. Instead, all coordinates of
each word are collapsed by a few random weights, drawn from ``entropy`` after the words arrived;
the collapsed words are again Reed-Solomon words of the same code, and a wrong word is wrong in
each of them except with probability 2/p, as the weights are products of two. Liars are located
there, erased, and all columns are interpolated from good words by one matrix product.

Error: a wrong word of any one member passes all projections with probability at most 2^-64, so a
whole opening goes wrong with at most m 2^-64 < 2^-54, over entropy that the liars did not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocols.errors import ProtocolError
from protocols.field import Elements, Residues
from protocols.field.polynomial import interpolation, powers
from protocols.hashing import Xof
from protocols.opening.decoding import decode_word
from protocols.opening.polynomials import values_of
from protocols.proof.challenge import BLOCK, combine, windows
from protocols.proof.shape import DealingShape, Opening, Tensor

MIN_PROJECTIONS = 4
PROJECTION_BITS = 64
MIN_ENTROPY_BYTES = 16


class Undecodable(ProtocolError):
    """Too few words agree: more liars or absent members than the plan tolerates."""


@dataclass(frozen=True)
class Decoded:
    """What the words are shares of.

    ``polynomials`` (L, delta + 1) coefficients; ``liars`` the seats whose word is off, each with
    its first wrong coordinate.
    """

    polynomials: Elements
    liars: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Opened(Decoded):
    """The opened sum: ``values`` (opened_length,) integers between -p / 2 and p / 2."""

    values: npt.NDArray[np.int64]


def projections(p: int) -> int:
    """How many projections make (2/p)^q at most 2^-64, and never fewer than 4."""
    count = MIN_PROJECTIONS
    while p**count < 1 << (PROJECTION_BITS + count):
        count += 1
    return count


def open_sum(shape: DealingShape, words: Mapping[int, Elements], entropy: bytes) -> Opened:
    """Opens the sum from words (L,) by seat, as ``open_words`` does."""
    found = open_words(shape, words, entropy)
    values = values_of(shape, found.polynomials)
    return Opened(found.polynomials, found.liars, values)


def open_words(shape: Opening, words: Mapping[int, Elements], entropy: bytes) -> Decoded:
    """What words (L,) by seat are shares of.

    ``entropy``: at least 16 private random bytes, drawn after the words were received. Raises
    Undecodable, which blames nobody, unless m - t - e words agree within decoding radius.
    """
    if len(entropy) < MIN_ENTROPY_BYTES:
        raise ValueError(f"{len(entropy)} bytes of entropy; it takes {MIN_ENTROPY_BYTES}")
    seats = _sorted_seats(shape, words)
    rows = [words[seat] for seat in seats.tolist()]
    good, inverse = _locate(shape, seats, _project(shape, rows, entropy))
    base = [rows[index] for index in good[: shape.sharing.degree + 1].tolist()]
    polynomials: Elements = np.empty((shape.opened_polynomials, len(base)), shape.field.dtype)
    for columns in windows(len(base), slice(0, shape.opened_polynomials)):
        part = np.stack([row[columns] for row in base], axis=1)
        polynomials[columns] = shape.field.matmul(part, inverse)
    liars = []
    for row in np.setdiff1d(np.arange(len(seats)), good).tolist():
        wrong = first_wrong(shape, polynomials, int(seats[row]), rows[row])
        assert wrong is not None, "a word that was left out lies on the polynomials"
        liars.append((int(seats[row]), wrong))
    return Decoded(polynomials, tuple(liars))


def _sorted_seats(shape: Opening, words: Mapping[int, Elements]) -> npt.NDArray[np.int64]:
    for seat, word in words.items():
        if not 0 <= seat < shape.plan.committee:
            raise ValueError(f"seat {seat} of {shape.plan.committee}")
        if word.shape != (shape.opened_polynomials,) or not shape.field.canonical(word):
            raise ValueError(f"the word of seat {seat} was not made by decode_words")
    _require_agreement(shape, len(words))
    return np.array(sorted(words), np.int64)


def _require_agreement(shape: Opening, agreeing: int) -> None:
    """As many as are honest and online, and no fewer: delta + t + 1 would outvote t liars, but more
    of them, who put their words on one wrong polynomial, could have that opened.
    """
    needed = max(shape.plan.quorum, shape.sharing.degree + shape.plan.threshold + 1)
    if agreeing < needed:
        raise Undecodable(f"only {agreeing} words can agree; opening takes {needed}")


def _project(shape: Opening, rows: list[Elements], entropy: bytes) -> Residues:
    """Collapsed words, shape (projections, words)."""
    tensor, count = Tensor(shape.opened_polynomials), projections(shape.field.p)
    sampled = shape.field.sample(
        Xof("peerd/opening/projection", entropy), count * (tensor.rows + tensor.columns)
    )
    edge = count * tensor.rows
    factors = sampled[:edge].reshape(1, count, -1), sampled[edge:].reshape(1, count, -1)
    height = max(1, BLOCK // shape.opened_polynomials)
    collapsed = [
        combine(shape, tensor, np.stack(rows[start : start + height]), *factors)
        for start in range(0, len(rows), height)
    ]
    return np.concatenate(collapsed).T


def _locate(
    shape: Opening, seats: npt.NDArray[np.int64], projected: Residues
) -> tuple[npt.NDArray[np.int64], Residues]:
    """Rows whose collapsed words all lie on codewords, and what interpolates the first of them.

    Raises Undecodable. Each pass erases at least one row: a projection that is not a codeword
    differs somewhere from the one that it decodes to.
    """
    field, terms = shape.field, shape.sharing.degree + 1
    points = shape.sharing.seats[seats]
    good = np.arange(len(seats))
    while True:
        inverse = interpolation(field, points[good[:terms]])
        coefficients = field.matmul(projected[:, good[:terms]], inverse)
        fitted = field.matmul(coefficients, powers(field, points[good], terms))
        off = np.flatnonzero((fitted != projected[:, good]).any(axis=1))
        if not len(off):
            return good, inverse
        word = projected[off[0]]
        polynomial = decode_word(field, points[good], word[good], terms - 1)
        if polynomial is None:
            raise Undecodable("the words agree on no sum: more of them are wrong than can be found")
        values = field.matmul(polynomial[None, :], powers(field, points[good], terms))[0]
        good = good[values == word[good]]
        _require_agreement(shape, len(good))


def first_wrong(shape: Opening, polynomials: Elements, seat: int, word: Elements) -> int | None:
    """The first coordinate of a seat's word (L,) that lies on no polynomial; None if all do."""
    terms = polynomials.shape[1]
    at_seat = shape.sharing.seat_powers[:terms, seat : seat + 1]
    for columns in windows(terms, slice(0, len(word))):
        right = shape.field.matmul(polynomials[columns], at_seat)[:, 0]
        wrong = np.flatnonzero(right != word[columns])
        if len(wrong):
            return int(columns.start) + int(wrong[0])
    return None
