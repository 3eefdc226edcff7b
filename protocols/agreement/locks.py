"""A member's locks: what a quorum has first-voted for, with the votes, in the journal too (§5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.agreement import rules
from protocols.record.effects import Step
from protocols.record.party import Party, Role
from protocols.wire.canonical import pack, unpack
from protocols.wire.payloads import MAX_VIEW, Topic
from protocols.wire.schema import MAX_PEERS, MAX_STATEMENT, Bytes, Integer, ListOf, Tuple

RECORD = Tuple((Integer(MAX_VIEW), Bytes(MAX_STATEMENT), ListOf(Bytes(1024), MAX_PEERS)))


@dataclass(frozen=True, slots=True)
class Lock:
    view: int
    outcome: bytes
    votes: tuple[bytes, ...]


class Locks(Role):
    """Of one agreement, by view; those of an earlier life are read from the journal."""

    def __init__(self, party: Party, topic: Topic) -> None:
        super().__init__(party)
        self._prefix = f"lock/{party.attempt}/{int(topic)}/"
        self._by_view = self._restored()

    def __iter__(self) -> Iterator[Lock]:
        return iter(self._by_view.values())

    def __bool__(self) -> bool:
        return bool(self._by_view)

    def _restored(self) -> dict[int, Lock]:
        locks = {}
        for record in self.party.journal.under(self._prefix):
            view, outcome, votes = RECORD.check(unpack(record), "journaled lock")
            locks[view] = Lock(view, outcome, votes)
        return locks

    def take(self, lock: Lock) -> Step:
        """Remember a lock, on disk too: a member that forgets one is as bad as a liar."""
        if rules.keeps(self._by_view, lock):
            self._by_view[lock.view] = lock
            value = pack([lock.view, lock.outcome, list(lock.votes)])
            self.persist(f"{self._prefix}{lock.view}", value)
        return self.done()

    def of(self, view: int) -> Lock | None:
        return self._by_view.get(view)

    @property
    def highest(self) -> Lock | None:
        return rules.highest(self._by_view)

    def below(self, view: int) -> Lock | None:
        """The highest lock that a statement of this view may name."""
        below = [v for v in self._by_view if v < view]
        return self._by_view[max(below)] if below else None

    def reached(self, view: int) -> int:
        """``view``, or a later one in which a quorum voted: a lock from there, in an earlier life
        or by another's word, shows that it has begun, and would be refused as one from the future.
        """
        return max(view, *self._by_view) if self._by_view else view
