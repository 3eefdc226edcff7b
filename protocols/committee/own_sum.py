"""A member's share of the sum, and ahead of it of the coin where there is noise (docs §6)."""

from __future__ import annotations

from collections.abc import Callable

from protocols.committee.coin import CoinOpening, shares_of
from protocols.committee.receiver import Receiver, kept_prefix
from protocols.committee.sums import Sum, Sums, Words
from protocols.opening import (
    decode_words,
    encode_words,
    noise_dealers,
    sum_noised,
    sum_shares,
    word_root,
)
from protocols.record.cohort import Panel
from protocols.record.effects import Step
from protocols.record.outcomes import CohortDecided
from protocols.record.party import Role
from protocols.wire.frames import SumFrame
from protocols.wire.payloads import Kind
from protocols.wire.payloads import Sum as SumPayload


def sum_key(attempt: int) -> str:
    """The journal's key for S_j."""
    return f"sum/{attempt}"


class OwnSum(Role):
    """Says each once. ``coin``: None where the group has no noise."""

    def __init__(self, sums: Sums, panel: Panel, decided: CohortDecided) -> None:
        super().__init__(sums.party)
        noised = sums.party.setting.shape.coin_polynomials > 0
        self.coin = CoinOpening(sums, panel, decided) if noised else None
        self._sums = sums
        self._panel = panel
        self._decided = decided

    @property
    def said(self) -> bool:
        """Whether the sum is out: shares are of no more use."""
        return self.party.me in self._sums.over(self._decided.hash)

    @property
    def flipped(self) -> bool:
        """Whether the signs of the noise are known, where there is any."""
        return self.coin is None or self.coin.polynomials is not None

    def say(self, receiver: Receiver, entropy: Callable[[], bytes]) -> Step:
        """What can be said by now; S_j, if every dealing in D passed this member's own check; else
        silence (§6). ``entropy``: as ``open_words`` asks for.
        """
        # An earlier life may have died ahead of all sums: what it kept is not checked yet.
        receiver.check(self._decided.cohort.peers)
        if self.coin is not None:
            self.absorb(self.coin.say(receiver.dealings))
            self.coin.open(entropy)
        party = self.party
        able = party.me in self._panel.seats and party.can_sign(Kind.SUM) and not self.said
        if able and not party.has_signed(Kind.ABANDON):
            self._say_sum(receiver)
        return self.done()

    def _say_sum(self, receiver: Receiver) -> None:
        party = self.party
        shape, key = party.setting.shape, sum_key(party.attempt)
        earlier = party.journal.get(key)
        words = self._sum(receiver) if earlier is None else decode_words(shape, earlier)
        if words is None:
            return
        data = encode_words(shape, words)
        self.persist(key, data)
        self.erase(*party.journal.keys_under(kept_prefix(party.attempt)))
        payload = SumPayload(self._decided.hash, word_root(shape, words))
        statement = self.sign(Kind.SUM, payload)
        self.send(self._panel.seats, SumFrame(statement.wire, data))
        self._sums.sums[party.me] = Sum(statement, decode_words(shape, data))  # no second copy
        receiver.forget()

    def _sum(self, receiver: Receiver) -> Words | None:
        """None: a dealing is lacking, or the coin."""
        setting, dealers = self.party.setting, self._decided.cohort.peers
        rows = shares_of(self._decided, receiver.dealings)
        if rows is None or not self.flipped:
            return None
        weights = setting.weights_of(dealers)
        if self.coin is None:
            return sum_shares(setting.shape, rows, weights)
        shares, seed = dict(zip(dealers, rows, strict=True)), self.coin.seed
        noisy = noise_dealers(seed, dealers, self._panel.noise_dealers)
        return sum_noised(setting.shape, shares, noisy, seed, weights)
