"""Members that lie in the opening of the sum."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import ClassVar

from peerd.laboratory.adversaries.place import Words
from peerd.laboratory.adversaries.trick import Trick
from protocols.field.polynomial import vanishing
from protocols.hashing import digest
from protocols.opening import decode_words, encode_words, word_root
from protocols.record.door import slot_of
from protocols.record.evidence import opened_by
from protocols.wire.frames import Frame, StatementFrame, SumFrame
from protocols.wire.payloads import Kind, Sum
from protocols.wire.statement import Statement

LATE = 1000
"""Virtual milliseconds: most rounds are over for the others by then."""


class LyingOpener(Trick):
    """Sends each peer what ``sum_for`` makes of its sum."""

    role = "opener"
    of: ClassVar[Kind] = Kind.SUM

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, SumFrame):
            return frame
        slot = slot_of(self.at.setting, frame)
        return self.sum_for(peer, frame) if slot and slot.kind is self.of else frame

    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        return self.altered(frame)

    def altered(self, frame: SumFrame) -> SumFrame:
        """The sum that ``words`` makes of it, signed."""
        code, _ = opened_by(self.at.setting.shape, self.of)
        said, wrong = self.at.read(frame.statement), self.words(decode_words(code, frame.words))
        assert said is not None
        other = self.at.forge(self.of, Sum(said.payload.cohort, word_root(code, wrong)))
        return SumFrame(other.wire, encode_words(code, wrong))

    def words(self, right: Words) -> Words:
        return right


class WrongSummer(LyingOpener):
    """Sends the same wrong sum to all. It opens nothing then: the sum that its honest session opens
    has one wrong word fewer than anybody else's, so no result that comes of it is signed.
    """

    def instead(self, said: Statement) -> Statement | None:
        return None if said.kind is Kind.RESULT else said


class SilentOpener(LyingOpener):
    """16: no sum."""

    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        return None


class SelectiveOpener(LyingOpener):
    """20: its sum goes to half of the seats."""

    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        return frame if peer in self.at.panel.seats[::2] else None


class TwoSums(LyingOpener):
    """21, 78: a right sum to some, a wrong one to others, both signed."""

    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        return frame if peer in self.at.panel.seats[::2] else self.altered(frame)

    def words(self, right: Words) -> Words:
        return moved(right, 0, 1, self.at.setting.field.p)


def moved(words: Words, index: int, by: int, p: int) -> Words:
    """A copy with one coordinate moved."""
    other = words.copy()
    other[index] = (int(other[index]) + by) % p
    return other


def ring_of(who: Collection[int]) -> type[Trick]:
    """14, 15: openers that know each other. Their sums lie, all together and with as many honest
    ones as can be, on a polynomial of the right degree that is not the sum's: the word that is
    nearest to a right one.
    """

    class RingOpener(WrongSummer):
        def words(self, right: Words) -> Words:
            setting, panel = self.at.setting, self.at.panel
            field, points = setting.field, setting.shape.sharing.seats
            others = [seat for seat, peer in enumerate(panel.seats) if peer not in who]
            agreeing = points[others[: setting.plan.degree]]
            off = vanishing(field, agreeing, points)[panel.seats.index(self.at.me)]
            return moved(right, 0, int(off), field.p)

    return RingOpener


class WrongResult(LyingOpener):
    """21: signs another result."""

    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        return frame

    def instead(self, said: Statement) -> Statement | None:
        if said.kind is not Kind.RESULT:
            return said
        polynomials = digest("lab/polynomials", said.payload.polynomials)
        return self.at.forge(Kind.RESULT, replace(said.payload, polynomials=polynomials))


class LateSummer(LyingOpener):
    """112: no sum until the others are done without it; then a wrong one, to each another."""

    kept: SumFrame | None = None
    by = 0

    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        if self.kept is None:
            self.kept = frame
            self.at.wake(LATE)
        return None

    def woken(self) -> None:
        if self.kept is None:  # another trick asked to be woken
            return
        for peer in self.at.panel.seats:
            self.by = 1 + peer
            self.at.send([peer], self.altered(self.kept))

    def words(self, right: Words) -> Words:
        return moved(right, 0, self.by, self.at.setting.field.p)


class LateResult(LyingOpener):
    """112: a right sum, and no result until the others have theirs certified; then a wrong one, to
    each another.
    """

    kept: Statement | None = None

    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        return frame

    def instead(self, said: Statement) -> Statement | None:
        if said.kind is not Kind.RESULT:
            return said
        if self.kept is None:
            self.kept = said
            self.at.wake(LATE)
        return None

    def woken(self) -> None:
        if self.kept is None:  # another trick asked to be woken
            return
        for peer in self.at.everyone:
            polynomials = digest("lab/late", peer.to_bytes(2))
            wrong = self.at.forge(Kind.RESULT, replace(self.kept.payload, polynomials=polynomials))
            self.at.send([peer], StatementFrame(wrong.wire))
