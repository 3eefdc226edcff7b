"""Who has announced that it is away: for nobody to wait for (docs/protocol.md §6).

The word is not signed, and proves nothing: it says "don't wait for me" to whoever is connected with
its sender. Who says so and lies has the others treat it as if it were not connected, and could have
had that by hanging up.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.presence.neighbours import Neighbours
from protocols.record.effects import Announced, Staying
from protocols.wire.frames import AwayFrame


class Away:
    """``since``: the first round in which this peer takes no part, None where it takes part.
    ``last``: after so many rounds it takes part in none, by its own configuration.
    """

    def __init__(self, neighbours: Neighbours, last: int | None) -> None:
        self.since: int | None = None
        self._last = last
        self._neighbours = neighbours
        self._goes_on = False
        self._others: dict[int, int] = {}

    # -- others --------------------------------------------------------------------------------

    def hear(self, peer: int, frame: AwayFrame) -> None:
        known = {other: since for other, since in self._others.items() if other != peer}
        self._set(known | ({peer: frame.round} if frame.away else {}))

    def spoke(self, peer: int, round_: int) -> bool:
        """From this round, whatever it said before: whether that is news."""
        news = self._others.get(peer, round_ + 1) <= round_
        if news:
            self.hear(peer, AwayFrame(round_, 0))
        return news

    def forget(self, present: Iterable[int]) -> None:
        """Who is gone says it again when it is back, if it is still so."""
        here = set(present)
        self._set({peer: since for peer, since in self._others.items() if peer in here})

    def _set(self, others: dict[int, int]) -> None:
        if others != self._others:
            self._others = others
            self._neighbours.emit(Announced(tuple(sorted(others.items()))))

    def goes_on(self, round_: int) -> None:
        """Others are in this round, or soon will be."""
        if self._last is not None and round_ >= self._last and not self._goes_on:
            self._goes_on = True
            self.tell(self._neighbours.present)

    def others(self, round_: int) -> frozenset[int]:
        """Who has announced that it takes no part in this round."""
        return frozenset(peer for peer, since in self._others.items() if since <= round_)

    # -- this peer -----------------------------------------------------------------------------

    def stay(self, since: int, *, lasts: bool) -> None:
        self.since = since
        self._neighbours.emit(Staying(since, lasts))
        self.tell(self._neighbours.present)

    def come_back(self, round_: int) -> None:
        self.since = None
        self._neighbours.emit(Staying(None))
        for peer in self._neighbours.others:
            self._neighbours.send(peer, AwayFrame(round_, 0))
        self.tell(self._neighbours.present)

    def tell(self, peers: Iterable[int]) -> None:
        """These, should this peer be away, or be so soon."""
        known = (self.since, self._last if self._goes_on else None)
        since = min((each for each in known if each is not None), default=None)
        if since is not None:
            for peer in sorted(set(peers) & set(self._neighbours.others)):
                self._neighbours.send(peer, AwayFrame(since, 1))
