"""One honest member in the model: what it has journaled, and every step that the rules allow.

Only journaled things are state. What a member has merely received is not: every step may use any
message that was ever sent, or that a liar could have sent, so loss, delay, repetition and
reordering are the steps that are not taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

from protocols.agreement import rules as the_rules

EMPTY = 0
"""The outcome by which a round goes on: "no cohort", by which members give up; in a first agreement
a set of commitments. The others, 1, 2, …, end it: a cohort, or a resolution."""


class Lock(NamedTuple):
    view: int
    outcome: int


class Seat(NamedTuple):
    """A member in one attempt. ``first[v]``, ``second[v]``: bits of the outcomes signed there."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    lock: Lock | None
    view: int

    @property
    def signed_views(self) -> list[int]:
        votes = zip(self.first, self.second, strict=True)
        return [view for view, (first, second) in enumerate(votes) if first or second]


def new_seat(views: int) -> Seat:
    return Seat((0,) * views, (0,) * views, None, 0)


def sign_once(journaled: int, outcome: int) -> int:
    """The desk's rule (``Desk.sign``): what was signed in a slot stands, whatever is asked now."""
    return journaled or 1 << outcome


def enough(approvals: int, quorum: int) -> bool:
    """Whether so many operators' approvals allow a resolution (docs/protocol.md §6)."""
    return approvals >= quorum


def restore(seat: Seat, rules: Any) -> Seat:
    """A restart: the journal stays, and the rules say where the member goes on."""
    return seat._replace(view=rules.restored_view(seat.signed_views))


@dataclass(frozen=True)
class Setting:
    """``views`` per attempt; ``honest`` members and ``liars``, of which ``quorum`` votes suffice.

    ``learn``: members also take locks that others show, without voting. It only takes choices from
    a member, so that leaving it out loses no behaviour (docs/formal.md compares both).

    ``firsts`` are the first agreements of their attempts: what ends a round there is a resolution,
    which members judge by ``enough``. ``approvers``: so many honest operators want it, and all
    liars.
    """

    views: tuple[int, ...] = (3,)
    outcomes: int = 3
    honest: int = 3
    liars: int = 1
    quorum: int = 3
    learn: bool = False
    rules: Any = the_rules
    sign: Callable[[int, int], int] = sign_once
    restart: Callable[[Seat, Any], Seat] = restore
    restarts: bool = True
    firsts: frozenset[int] = frozenset()
    approvers: int = 0
    enough: Callable[[int, int], bool] = enough

    @property
    def approved(self) -> bool:
        return self.enough(self.approvers + self.liars, self.quorum)

    @property
    def members(self) -> int:
        return self.honest + self.liars


@dataclass(frozen=True)
class Seen:
    """What the votes that were ever sent prove in one attempt, the liars' votes included."""

    locked: frozenset[Lock] = field(default_factory=frozenset)
    decided: frozenset[int] = field(default_factory=frozenset)


def steps(setting: Setting, seat: Seat, seen: Seen, resolves: bool) -> Iterator[tuple[str, Seat]]:
    """Every step of a member, in this life or right after a restart. ``resolves``: in a first
    agreement.
    """
    unproven = range(setting.outcomes if setting.approved or not resolves else EMPTY + 1)
    yield from _steps(setting, seat, seen, unproven, lived=True)
    if setting.restarts:
        again = setting.restart(seat, setting.rules)
        if again != seat:
            yield "restarts", again
        for label, moved in _steps(setting, again, seen, unproven, lived=False):
            yield f"restarts, {label}", moved


def _steps(
    setting: Setting, seat: Seat, seen: Seen, unproven: range, *, lived: bool
) -> Iterator[tuple[str, Seat]]:
    """``unproven``: the outcomes that a member accepts where no lock is shown."""
    for view in range(seat.view, len(seat.first)):
        here = seat._replace(view=view)
        yield from _first_votes(setting, here, seen, unproven, lived)
        yield from _second_votes(setting, here, seen, lived)
        if setting.learn:
            for lock in seen.locked:
                if lock.view <= view:
                    yield f"in view {view} sees lock {lock}", take(setting, here, lock)


def _first_votes(
    setting: Setting, seat: Seat, seen: Seen, unproven: range, lived: bool
) -> Iterator[tuple[str, Seat]]:
    """For any proposal: a leader may be a liar, and an honest one's inputs are not modelled."""
    rules, view = setting.rules, seat.view
    if not rules.may_first_vote(lived and bool(seat.first[view]), False):
        return
    for outcome in range(setting.outcomes):
        proofs = [None, *(lock.view for lock in seen.locked if lock.outcome == outcome)]
        for shown in proofs:
            follows = outcome in unproven
            if not rules.accepts(view, seat.lock, outcome, shown, lambda it=follows: it):
                continue
            held = seat if shown is None else take(setting, seat, Lock(shown, outcome))
            signed = put(held.first, view, setting.sign(held.first[view], outcome))
            yield (
                f"first-votes {outcome} in view {view} (lock shown: {shown})",
                held._replace(first=signed),
            )


def _second_votes(
    setting: Setting, seat: Seat, seen: Seen, lived: bool
) -> Iterator[tuple[str, Seat]]:
    rules = setting.rules
    for lock in seen.locked:
        signed = seat.second[lock.view]
        voted = lived and bool(signed)
        if rules.may_second_vote(lock.view, seat.view, voted):
            held = take(setting, seat, lock)
            second = put(held.second, lock.view, setting.sign(signed, lock.outcome))
            yield (
                f"second-votes {lock.outcome} of view {lock.view} in view {seat.view}",
                held._replace(second=second),
            )


def take(setting: Setting, seat: Seat, lock: Lock) -> Seat:
    """Journal a lock, as the machine does. Only the highest is kept: no rule reads a lower one."""
    held = {} if seat.lock is None else {seat.lock.view: seat.lock}
    if setting.rules.keeps(held, lock):
        held[lock.view] = lock
    return seat._replace(lock=setting.rules.highest(held))


def put(votes: tuple[int, ...], view: int, signed: int) -> tuple[int, ...]:
    return (*votes[:view], signed, *votes[view + 1 :])


def changed_rules(**changes: Any) -> SimpleNamespace:
    """The project's rules with some replaced: a planted bug."""
    names = {name: rule for name, rule in vars(the_rules).items() if not name.startswith("_")}
    unknown = changes.keys() - names.keys()
    if unknown:
        raise ValueError(f"no such rule: {sorted(unknown)}")
    return SimpleNamespace(**{**names, **changes})
