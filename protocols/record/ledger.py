"""Who is excluded, and for how long: a pure function of the certified rounds (docs §0, §2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from protocols.record.election import Election

LONGEST_LOCKOUT = 64
"""Rounds. Also the number of rounds without silence after which a peer's count starts anew."""


@dataclass(frozen=True, slots=True)
class Lockout:
    """Locked out through round ``until``; the next silence costs twice ``rounds``."""

    until: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """``guilty`` peers are proven so by certified evidence and never deal again.

    A peer that voided a flip is locked out and not blamed; ``present`` are the peers that took
    part in the last certified round (agreement leaders are drawn from them first). ``resolved``
    is the hash of the last round that ended in a resolution; empty where none has. ``handed_over``:
    that was the group's last. ``charged``: rounds of this group in which a cohort was decided.
    """

    guilty: frozenset[int] = frozenset()
    lockouts: Mapping[int, Lockout] = field(default_factory=dict)
    present: frozenset[int] = frozenset()
    resolved: bytes = b""
    handed_over: bool = False
    charged: int = 0

    def locked_out(self, peer: int, round_: int) -> bool:
        lockout = self.lockouts.get(peer)
        return lockout is not None and round_ <= lockout.until

    def eligible(self, peers: int, round_: int) -> frozenset[int]:
        """Who may commit, deal, and be seated with a key in ``round_``."""
        return frozenset(
            peer
            for peer in range(peers)
            if peer not in self.guilty and not self.locked_out(peer, round_)
        )

    def lifted(self) -> Ledger:
        """Without lock-outs: for attempts behind one that too few took part in (§2)."""
        return replace(self, lockouts={})

    def after(self, round_: int, election: Election) -> Ledger:
        """The ledger once ``round_`` is certified with this election: with its result, or with the
        word that its cohort is given up. Either costs a round of the privacy budget, if there is
        one: whoever had the sums may know what they open.
        """
        guilty = {peer for peer, _ in election.guilty}
        ended = self.ended(round_, guilty, (*election.silent, *election.missing))
        return replace(ended, present=frozenset(election.keys), charged=self.charged + 1)

    def ended(self, round_: int, guilty: Iterable[int], silent: Iterable[int]) -> Ledger:
        """The ledger once ``round_`` is over, in which these were proven guilty, and these voided a
        flip.
        """
        lockouts = {
            peer: lockout
            for peer, lockout in self.lockouts.items()
            if round_ < lockout.until + LONGEST_LOCKOUT
        }
        for peer in silent:
            before = lockouts.get(peer)
            rounds = min(2 * before.rounds, LONGEST_LOCKOUT) if before else 1
            lockouts[peer] = Lockout(round_ + rounds, rounds)
        return replace(self, guilty=self.guilty | set(guilty), lockouts=lockouts)
