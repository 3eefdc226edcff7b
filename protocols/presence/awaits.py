"""For whose commitment a peer waits out the long deadline, and for whose only the grace (§2).

Whoever is connected is waited for. A peer that lets the long deadline pass has wasted it: after
that the others wait the grace alone, since a connected peer that never says a word would else cost
a deadline a round. Who is beyond the round in which it did so gets the long one back, at most once
in ``AGAIN_AFTER`` rounds: a slow link is no lie, and a peer that is ever given less than its way
there and back takes would never take part again (fault 91).
"""

from __future__ import annotations

from collections.abc import Iterable

AGAIN_AFTER = 8
"""Rounds."""


class Awaits:
    """This peer's own view of the others; nothing of it is agreed on."""

    def __init__(self) -> None:
        self._wasted: dict[int, int] = {}
        self._heard: dict[int, int] = {}
        self._given: dict[int, int] = {}

    def wasted(self, peers: Iterable[int], round_: int) -> None:
        """These let the long deadline pass in this round."""
        self._wasted |= dict.fromkeys(peers, round_)

    def took_part(self, peers: Iterable[int]) -> None:
        for peer in peers:
            self._wasted.pop(peer, None)

    def heard(self, peer: int, round_: int) -> None:
        """It spoke in this round, and so holds the certificate of the one before."""
        self._heard[peer] = max(round_, self._heard.get(peer, -1))

    def not_for(self, round_: int) -> frozenset[int]:
        """Those who are only given the grace in this round."""
        return frozenset(peer for peer in self._wasted if not self._returns(peer, round_))

    def _returns(self, peer: int, round_: int) -> bool:
        """Whether one that wasted the long deadline is given it in this round."""
        if self._given.get(peer) == round_:
            return True
        moved = self._heard.get(peer, -1) > self._wasted[peer]
        given = self._given.get(peer)
        if not moved or (given is not None and round_ - given < AGAIN_AFTER):
            return False
        self._given[peer] = round_
        return True
