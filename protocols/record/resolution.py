"""A round that ends with nothing opened, because a quorum of the operators wants it so (§6).

The first agreement of an attempt decides a set of commitments, or one of these in its place: that
the group rests, or that a successor goes on from here. Only old members' approvals allow it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from protocols.errors import WireError
from protocols.hashing import digest, numbers
from protocols.record.budget import CHARGES, Charge, Told, charges_of
from protocols.record.ledger import Ledger, Lockout
from protocols.wire.canonical import pack, unpack
from protocols.wire.payloads import Act, Approve
from protocols.wire.schema import (
    HASH,
    MAX_PEERS,
    MAX_ROUND,
    PEER,
    PEERS,
    Integer,
    ListOf,
    Tuple,
    from_value,
    strictly_rising,
    to_value,
    wire,
)

PLAIN = 7
"""Fields of a resolution without charges."""
NO_DRAFT = bytes(32)
"""In a pause, which has no successor."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of the chain, from which a round goes on: the last certificate's hash, the model's,
    and who is excluded. ``since``: the last pause, or else what the group's first round goes on
    from. An approval of a pause names it, so that it dies with the pause that it led to.
    ``charges``: what the lineage was charged of its privacy budgets.
    """

    round: int
    previous: bytes
    model: bytes
    ledger: Ledger
    since: bytes
    charges: tuple[Charge, ...] = ()

    def agrees(self, said: Approve) -> bool:
        """Whether this approves something of the round that is to come."""
        known = said.act == Act.HANDOVER or (said.act == Act.PAUSE and said.about == self.since)
        return known and said.first <= self.round <= said.last

    def resolution(self, said: Approve, guilty: dict[int, bytes], silent: Iterable[int]) -> bytes:
        """The outcome that such approvals call for. ``guilty``: whom evidence that is named with it
        convicts; ``silent``: who voided flips of this round.
        """
        ledger = self.ledger.ended(self.round, guilty, silent)
        lockouts = sorted((p, lock.until, lock.rounds) for p, lock in ledger.lockouts.items())
        return Resolution(
            int(said.act),
            said.about if said.act == Act.HANDOVER else NO_DRAFT,
            self.previous,
            self.model,
            tuple(sorted(guilty.items())),
            tuple(sorted(ledger.guilty)),
            tuple(lockouts),
            tuple(each.told() for each in self.charges) if said.act == Act.HANDOVER else (),
        ).encode()


@dataclass(frozen=True, slots=True)
class Resolution:
    """``draft`` is the successor's genesis. ``model`` stays. ``named``: who is proven guilty with
    it, by which evidence. ``guilty`` and ``lockouts`` (peer, last round, rounds): all that are
    excluded from here on. ``charges``: of a handover, what the lineage was charged of its privacy
    budgets: who joins the successor has no other certificate to count by. It is left out where
    there is none, as in every group without a budget.
    """

    act: int = wire(Integer(Act.PAUSE, Act.HANDOVER))
    draft: bytes = wire(HASH)
    previous: bytes = wire(HASH)
    model: bytes = wire(HASH)
    named: tuple[tuple[int, bytes], ...] = wire(ListOf(Tuple((PEER, HASH)), MAX_PEERS))
    guilty: tuple[int, ...] = wire(PEERS)
    lockouts: tuple[tuple[int, int, int], ...] = wire(
        ListOf(Tuple((PEER, Integer(MAX_ROUND + 64), Integer(64))), MAX_PEERS)
    )
    charges: tuple[Told, ...] = field(default=(), metadata={"shape": CHARGES})

    @property
    def hands_over(self) -> bool:
        return self.act == Act.HANDOVER

    def ledger_after(self, ledger: Ledger, named: bytes) -> Ledger:
        """``ledger`` is the one before, ``named`` this resolution's hash."""
        lockouts = {peer: Lockout(until, rounds) for peer, until, rounds in self.lockouts}
        guilty = frozenset(self.guilty)
        charged = ledger.charged
        return Ledger(guilty, lockouts, ledger.present, named, self.hands_over, charged)

    def hash_in(self, group: bytes, round_: int, attempt: int) -> bytes:
        """Names it wherever it is bound: its statement, never the signatures under it."""
        return digest("peerd/resolution", group, *numbers(round_, attempt), self.encode())

    def encode(self) -> bytes:
        value = to_value(self)
        return pack(value if self.charges else value[:PLAIN])

    @classmethod
    def decode(cls, data: bytes) -> Resolution:
        value = unpack(data)
        if isinstance(value, list) and len(value) == PLAIN:
            value = [*value, []]
            plain = True
        else:
            plain = False
        found = from_value(cls, value)
        if not plain and (not found.charges or not found.hands_over):
            raise WireError("charges are left out where there are none, and of a pause")
        charges_of(found.charges)
        strictly_rising((peer for peer, _ in found.named), "named")
        strictly_rising(found.guilty, "guilty")
        strictly_rising((peer for peer, _, _ in found.lockouts), "lockouts")
        if (found.act == Act.PAUSE) != (found.draft == NO_DRAFT):
            raise WireError("a handover names a draft, and a pause none")
        return found


def is_resolution(outcome: bytes) -> bool:
    """Whether the first agreement decided one of these, and no set of commitments."""
    value = unpack(outcome)
    return isinstance(value, list) and len(value) in (PLAIN, PLAIN + 1)
