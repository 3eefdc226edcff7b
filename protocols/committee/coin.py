"""The coin that gives noise its signs, opened ahead of the sum (docs/protocol.md §6).

It is the sum of what every dealer of the cohort has dealt for it: uniform, whatever t members know,
and settled with the cohort. A member says its share of it once, and sums under it once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from protocols.committee.receiver import Held
from protocols.committee.sums import Sum, Sums, Words
from protocols.field import Elements
from protocols.opening import (
    Undecodable,
    coin_seed,
    decode_words,
    encode_words,
    open_words,
    sum_coin,
    word_root,
)
from protocols.record.cohort import Panel
from protocols.record.effects import Step
from protocols.record.outcomes import CohortDecided
from protocols.record.party import Role
from protocols.wire.frames import SumFrame
from protocols.wire.payloads import Kind
from protocols.wire.payloads import Sum as SumPayload


def coin_key(attempt: int) -> str:
    """The journal's key for this member's share of the coin."""
    return f"coin/{attempt}"


def shares_of(decided: CohortDecided, dealings: Mapping[int, Held]) -> tuple[Elements, ...] | None:
    """This member's shares (kept,) of every dealing in D, in its order; None where one of them did
    not pass its own check.
    """
    rows: list[Elements] = []
    for dealer, header in decided.cohort.dealers:
        held = dealings.get(dealer)
        if held is None or held.share is None or held.header.hash != header:
            return None
        rows.append(held.share)
    return tuple(rows)


class CoinOpening(Role):
    """Knows the ``seed`` once words enough agree."""

    def __init__(self, sums: Sums, panel: Panel, decided: CohortDecided) -> None:
        super().__init__(sums.party)
        self._sums = sums
        self._panel = panel
        self._decided = decided
        self.polynomials: Elements | None = None
        self.seed = b""

    @property
    def words(self) -> dict[int, Words]:
        """What members said of this cohort's coin."""
        return self._sums.coins_over(self._decided.hash)

    def say(self, dealings: Mapping[int, Held]) -> Step:
        """This member's share, if every dealing in D passed its own check; else silence."""
        party, shape = self.party, self.party.setting.shape.coin
        able = party.can_sign(Kind.COIN) and not party.has_signed(Kind.ABANDON)
        if not able or party.me in self.words or party.me not in self._panel.seats:
            return self.done()
        key = coin_key(party.attempt)
        earlier, rows = party.journal.get(key), shares_of(self._decided, dealings)
        if earlier is None and rows is None:
            return self.done()
        data = earlier
        if data is None:
            assert rows is not None
            data = encode_words(shape, sum_coin(party.setting.shape, rows))
        self.persist(key, data)
        words = decode_words(shape, data)
        said = self.sign(Kind.COIN, SumPayload(self._decided.hash, word_root(shape, words)))
        self.send(self._panel.seats, SumFrame(said.wire, data))
        self._sums.coins[party.me] = Sum(said, words)
        return self.done()

    def open(self, entropy: Callable[[], bytes]) -> None:
        """As soon as enough words agree. ``entropy``: as ``open_words`` asks for."""
        words, shape = self.words, self.party.setting.shape
        if self.polynomials is not None or len(words) < self._panel.plan.quorum:
            return
        by_seat = {self._panel.seats.index(peer): word for peer, word in words.items()}
        try:
            self.polynomials = open_words(shape.coin, by_seat, entropy()).polynomials
        except Undecodable:
            return  # with lies among them it takes more to come
        self.seed = coin_seed(shape, self._decided.hash, self.polynomials)
