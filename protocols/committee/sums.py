"""Sums, coins and results, as they come: some members know the cohort before others (docs §6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protocols.errors import WireError
from protocols.opening import decode_words, word_root
from protocols.record.certificate import signatures_needed
from protocols.record.cohort import Panel
from protocols.record.effects import Step
from protocols.record.party import Party, Role
from protocols.wire.frames import SumFrame
from protocols.wire.payloads import Kind, Result
from protocols.wire.statement import Statement

Words = npt.NDArray[np.unsignedinteger]
"""Field elements: one member's sums (O,), shares (n, O), or polynomials (O, δ + 1)."""
NO_WORDS: Words = np.zeros(0, np.uint8)


class Sum(NamedTuple):
    """What a member says its share of the sum is: signed root, and the words under it."""

    statement: Statement
    words: Words


class Sums(Role):
    """By member: the first of each, which is the one that counts in its slot."""

    def __init__(self, party: Party, panel: Panel) -> None:
        super().__init__(party)
        self.sums: dict[int, Sum] = {}
        self.coins: dict[int, Sum] = {}
        self.results: dict[int, Statement] = {}
        self._panel = panel

    def on_sum(self, statement: Statement, frame: SumFrame) -> Step:
        """A share of the sum, or of the coin. WireError for one from nobody's seat, or other words
        than those that were signed.
        """
        shape = self.party.setting.shape
        of_coin = statement.kind is Kind.COIN and shape.coin_polynomials > 0
        if not (of_coin or statement.kind is Kind.SUM):
            raise WireError(f"words with {statement.kind.name}")
        if statement.signer not in self._panel.seats:
            raise WireError("a sum from a peer that has no seat")
        known, code = (self.coins, shape.coin) if of_coin else (self.sums, shape)
        if self.admit(statement).counts and statement.signer not in known:
            words = decode_words(code, frame.words)
            if word_root(code, words) != statement.payload.root:
                raise WireError("a sum whose words are not the ones that were signed")
            known[statement.signer] = Sum(statement, words)
        return self.done()

    def on_result(self, statement: Statement) -> Step:
        if statement.signer not in self._panel.seats:
            raise WireError("a result from a peer that has no seat")
        if self.admit(statement).counts:
            self.results.setdefault(statement.signer, statement)
        return self.done()

    def agreeing(self, cohort: bytes, previous: bytes) -> list[Statement]:
        """A quorum's results that are one, of this cohort behind this certificate; else empty."""
        needed = signatures_needed(self.party.setting)
        by_payload: dict[Result, list[Statement]] = {}
        for statement in self.results.values():
            by_payload.setdefault(statement.payload, []).append(statement)
        for payload, statements in by_payload.items():
            wanted = (payload.cohort, payload.previous) == (cohort, previous)
            if wanted and len(statements) >= needed:
                return statements
        return []

    def let_go(self, peers: Iterable[int]) -> None:
        """Their words have been looked at for good; what they signed still counts in its slot."""
        for peer in self.sums.keys() & set(peers):
            self.sums[peer] = Sum(self.sums[peer].statement, NO_WORDS)

    def over(self, cohort: bytes) -> dict[int, Words]:
        """Everybody's words for this cohort."""
        return _over(self.sums, cohort)

    def coins_over(self, cohort: bytes) -> dict[int, Words]:
        """The same of the coin."""
        return _over(self.coins, cohort)


def _over(known: dict[int, Sum], cohort: bytes) -> dict[int, Words]:
    return {
        peer: said.words for peer, said in known.items() if said.statement.payload.cohort == cohort
    }
