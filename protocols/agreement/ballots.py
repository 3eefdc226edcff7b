"""The votes of an agreement, and who has announced which view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocols.agreement import rules
from protocols.record.votes import Electorate
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement


class Ballots:
    """By kind and view: of each member the first, which is the one that counts in its slot."""

    def __init__(self, electorate: Electorate) -> None:
        self._quorum = electorate.quorum
        self._votes: dict[tuple[Kind, int], dict[int, Statement]] = {}

    def take(self, statement: Statement) -> bool:
        """False where its member's is here already."""
        of_view = self._votes.setdefault((statement.kind, statement.slot.view), {})
        if statement.signer in of_view:
            return False
        of_view[statement.signer] = statement
        return True

    def has(self, kind: Kind, view: int, member: int) -> bool:
        return member in self._votes.get((kind, view), {})

    def count(self, kind: Kind, view: int) -> int:
        return len(self._votes.get((kind, view), {}))

    def members(self, kind: Kind, view: int) -> frozenset[int]:
        """Who has said this in a view."""
        return frozenset(self._votes.get((kind, view), {}))

    def quorums(self, kind: Kind, view: int) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
        """The outcomes, by their hash, that a quorum voted for in a view, with the votes."""
        by_value: dict[bytes, list[Statement]] = {}
        if not rules.is_quorum(self.count(kind, view), self._quorum):
            return
        for statement in self._votes[kind, view].values():
            by_value.setdefault(statement.payload.outcome, []).append(statement)
        for value, votes in by_value.items():
            if rules.is_quorum(len(votes), self._quorum):
                yield value, tuple(vote.wire for vote in votes)

    def views(self, kind: Kind) -> Sequence[int]:
        """In which there is a vote of this kind."""
        return [view for known, view in self._votes if known is kind]
