"""Whether a member's trail is the one whose heads it has committed to, round after round.

Where nothing is drawn a member's commitment is to the last hash of its trail (docs/protocol.md §2),
and the certificates, which all members keep, hold it. So whoever writes the trail anew has to do so
to everybody's certificates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from peerd.audit.epoch import Epoch
from peerd.audit.history import History
from peerd.trail.record import Head
from protocols.record.setting import NO_HEAD


@dataclass(frozen=True, slots=True)
class Bound:
    """What a round's certificate has of the member. ``of``: what it has for a head of 32 bytes."""

    round: int
    value: bytes
    of: Callable[[bytes], bytes]

    def is_to(self, head: Head) -> bool:
        return self.of(bytes.fromhex(head.hash)) == self.value


@dataclass(frozen=True, slots=True)
class Wrong:
    """``record``: the first number that may be wrong, by what ``round`` binds."""

    round: int
    record: int
    reason: str


@dataclass(slots=True)
class Compared:
    """``rounds``: in which the member committed to a head; ``held`` of them bind a record that is
    here, ``before`` one of a file that is not. ``newest``: a round, and the record that it binds;
    ``loose``: how many records are behind that, which nothing binds.
    """

    rounds: int
    held: int = 0
    before: int = 0
    newest: tuple[int, int] | None = None
    loose: int = 0
    wrong: Wrong | None = None


def keys_of(epochs: Iterable[Epoch], key: bytes) -> frozenset[bytes]:
    """The member's key in each group of the history: handovers replace it."""
    moves = [
        move
        for epoch in epochs
        if epoch.genesis.follows is not None
        for move in epoch.genesis.follows.keys
        if all(move)  # not empty: who leaves has no other
    ]
    found = {key}
    for order in (moves, moves[::-1]):
        for move in order:
            if not found.isdisjoint(move):
                found.update(move)
    return frozenset(found)


def bound_by(history: History, keys: frozenset[bytes]) -> tuple[list[Bound], int]:
    """What the rounds that hold bind of the member with these keys, and how many rounds that it
    took part in flipped a coin: those bind no head.
    """
    bound, coins = [], 0
    for epoch, found in history.rounds:
        certified, setting = found.certified, epoch.setting
        if certified.flip is None:
            continue
        for peer, _, value in certified.election.seats:
            if setting.roster[peer] not in keys:
                continue
            if setting.draws:
                coins += 1
                continue
            of = partial(setting.head_commitment, certified.round, certified.attempt, peer)
            bound.append(Bound(certified.round, value, of))
    return bound, coins


def compare(bound: Sequence[Bound], chain: Sequence[Head], *, late: bool) -> Compared:
    """Up to the first round that binds none of ``chain``, or an earlier one than the round before.
    ``chain``: a trail's heads, in order. It is ``late`` where it goes on from another file, and
    then begins with the last head of that.
    """
    found, at = Compared(len(bound)), 0
    for each in bound:
        place = _place(each, chain, at)
        if place is not None:
            at = place
            found.held += 1
            found.newest = each.round, chain[at].number
        elif late and found.newest is None:
            found.before += 1
        else:
            found.wrong = _wrong(each, chain, found.newest)
            break
    if chain:
        known = chain[0].number - (not late) if found.newest is None else found.newest[1]
        found.loose = chain[-1].number - known
    return found


def _place(each: Bound, chain: Sequence[Head], first: int) -> int | None:
    places = range(first, len(chain))
    return next((place for place in places if each.is_to(chain[place])), None)


def _wrong(each: Bound, chain: Sequence[Head], newest: tuple[int, int] | None) -> Wrong:
    here = f"round {each.round} of the group binds"
    first = chain[0].number if chain else 0
    if each.value == each.of(NO_HEAD):
        return Wrong(each.round, first, f"{here} that there was no trail")
    if newest is None:
        return Wrong(each.round, first, f"{here} another trail, or this one was written anew")
    round_, number = newest
    if (back := _place(each, chain, 0)) is not None:
        told = f"{here} record {chain[back].number}, and round {round_} had bound this one before"
        return Wrong(each.round, number, told)
    told = f"{here} one behind record {number}, which round {round_} binds, and it is not here"
    if number == chain[-1].number:
        return Wrong(each.round, number + 1, f"{told}: the end was cut off")
    rest = f"records {number + 1} to {chain[-1].number} were changed or written anew"
    return Wrong(each.round, number + 1, f"{told}: {rest}")
