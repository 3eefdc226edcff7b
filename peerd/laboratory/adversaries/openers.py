"""Members that lie in the opening of the sum."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from peerd.laboratory.adversaries.forging import Words, forge
from protocols.committee.opener import Opener
from protocols.field.polynomial import vanishing
from protocols.hashing import digest
from protocols.opening import encode_words, word_root
from protocols.wire.frames import SumFrame
from protocols.wire.statement import Kind, Result, Statement, Sum


class SilentOpener(Opener):
    """16: no sum."""

    def send(self, statement: Statement, words: bytes) -> None:
        pass


class SelectiveOpener(Opener):
    """20: its sum goes to half of the seats."""

    def send(self, statement: Statement, words: bytes) -> None:
        self.desk.send(self.panel.seats[::2], SumFrame(statement.wire, words))


class TwoSums(Opener):
    """21, 78: a right sum to some, a wrong one to others, both signed."""

    def send(self, statement: Statement, words: bytes) -> None:
        shape = self.desk.setting.shape
        wrong = np.array(self._said, dtype=self._said.dtype)
        wrong[0] = (int(wrong[0]) + 1) % shape.field.p
        payload = Sum(statement.payload.cohort, word_root(shape, wrong))
        other = forge(self.desk, Kind.SUM, payload)
        seats = self.panel.seats
        self.desk.send(seats[::2], SumFrame(statement.wire, words))
        self.desk.send(seats[1::2], SumFrame(other.wire, encode_words(shape, wrong)))

    def sum_rows(self, rows: Words) -> Words:
        self._said = super().sum_rows(rows)
        return self._said


def ring_of(who: Collection[int]) -> type[Opener]:
    """14, 15: openers that know each other. Their sums lie, all together and with as many honest
    ones as can be, on a polynomial of the right degree that is not the sum's: the word that is
    nearest to a right one.
    """

    class RingOpener(Opener):
        def sum_rows(self, rows: Words) -> Words:
            setting, panel = self.desk.setting, self.panel
            field, points = setting.field, setting.shape.sharing.seats
            others = [seat for seat, peer in enumerate(panel.seats) if peer not in who]
            agreeing = points[others[: setting.plan.degree]]
            off = vanishing(field, agreeing, points)[panel.seats.index(self.desk.me)]
            words = super().sum_rows(rows).copy()
            words[0] = (int(words[0]) + int(off)) % field.p
            return words

    return RingOpener


class WrongResult(Opener):
    """21: signs another result."""

    def result(self, payload: Result) -> Result:
        return Result(
            payload.election,
            payload.previous,
            payload.cohort,
            payload.dealers,
            digest("lab/polynomials", payload.polynomials),
            payload.model,
        )
