"""Breadth-first exploration of all states, modulo the names of members and of outcomes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import combinations, pairwise, permutations, product

from peerd.laboratory.simulation.modelcheck.liveness import stuck
from peerd.laboratory.simulation.modelcheck.member import (
    EMPTY,
    Lock,
    Seat,
    Seen,
    Setting,
    new_seat,
    steps,
)

Member = tuple[Seat, ...]
"""An honest member: its seat in each attempt."""
State = tuple[int, ...]
"""The honest members by number, sorted: they are interchangeable."""


@dataclass
class Report:
    """``violation`` and the steps to it, if there is one; ``stuck`` counts states without exit."""

    states: int = 0
    transitions: int = 0
    complete: bool = False
    violation: str = ""
    trace: list[str] = field(default_factory=list)
    stuck: int = 0
    stuck_trace: list[str] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)


class Explorer:
    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._members: list[Member] = []
        self._numbers: dict[Member, int] = {}
        self._firsts: list[int] = []
        self._seconds: list[int] = []
        self._renamings = list(_renamings(setting))
        self._renamed: list[list[int]] = [[] for _ in self._renamings]
        self._steps: dict[tuple[int, int], list[int]] = {}
        self._facts: dict[tuple[Seen, ...], int] = {}
        rules = setting.rules
        self._needed = next(
            honest
            for honest in range(setting.members + 1)
            if rules.is_quorum(honest + setting.liars, setting.quorum)
        )
        self._parents: dict[State, State | None] = {}

    # -- states --------------------------------------------------------------------------------

    def number(self, member: Member) -> int:
        found = self._numbers.get(member)
        if found is None:
            found = self._numbers[member] = len(self._members)
            self._members.append(member)
            self._firsts.append(_bits([seat.first for seat in member], self.setting.outcomes))
            self._seconds.append(_bits([seat.second for seat in member], self.setting.outcomes))
            for table in self._renamed:
                table.append(-1)
        return found

    def canonical(self, state: State) -> State:
        """The least state that differs only in the names of members and outcomes."""
        best: State | None = None
        for which, table in enumerate(self._renamed):
            renamed = []
            for member in state:
                other = table[member]
                if other < 0:
                    other = self._rename(which, member)
                renamed.append(other)
            renamed.sort()
            candidate = tuple(renamed)
            if best is None or candidate < best:
                best = candidate
        assert best is not None
        return best

    def _rename(self, which: int, member: int) -> int:
        renaming = self._renamings[which]
        seats = zip(self._members[member], renaming, strict=True)
        other = self.number(tuple(_renamed(seat, names) for seat, names in seats))
        self._renamed[which][member] = other
        return other

    def _quorums(self, votes: list[int], state: State) -> int:
        found = 0
        for some in combinations(state, self._needed):
            common = -1
            for member in some:
                common &= votes[member]
            found |= common
        return found

    def seen(self, state: State) -> tuple[Seen, ...]:
        """What is proven in each attempt; an attempt whose predecessor isn't over has no votes."""
        firsts = self._quorums(self._firsts, state)
        seconds = self._quorums(self._seconds, state)
        outcomes = self.setting.outcomes
        result = []
        place = 0
        for views in self.setting.views:
            slots = [(place + i, i) for i in range(views * outcomes)]
            locked = {Lock(*divmod(i, outcomes)) for bit, i in slots if firsts >> bit & 1}
            decided = {i % outcomes for bit, i in slots if seconds >> bit & 1}
            result.append(Seen(frozenset(locked), frozenset(decided)))
            place += views * outcomes
        return tuple(result)

    def begun(self, seen: tuple[Seen, ...]) -> int:
        """How many attempts have begun: the next needs a decision by which nothing is opened."""
        rules = self.setting.rules
        for attempt, facts in enumerate(seen):
            if all(map(rules.opens, facts.decided)):
                return attempt + 1
        return len(seen)

    # -- exploration ---------------------------------------------------------------------------

    def run(self, most: int | None = None) -> Report:
        """All states, or the first violation of safety, or ``most`` states."""
        report = Report()
        fresh = self.number(tuple(new_seat(views) for views in self.setting.views))
        first = self.canonical((fresh,) * self.setting.honest)
        self._parents = {first: None}
        queue = deque([first])
        while queue:
            state = queue.popleft()
            report.states += 1
            seen = self.seen(state)
            report.violation = self._violation(state, seen)
            if report.violation:
                report.trace = self.trace(state)
                return report
            self._check_exit(state, seen, report)
            for successor in self._successors(state, seen):
                report.transitions += 1
                if successor not in self._parents:
                    self._parents[successor] = state
                    queue.append(successor)
            if most is not None and report.states >= most:
                return report
        report.complete = True
        return report

    def _successors(self, state: State, seen: tuple[Seen, ...]) -> set[State]:
        facts = self._facts.setdefault(seen, len(self._facts))
        found = set()
        for place, member in enumerate(state):
            if place and member == state[place - 1]:
                continue
            key = (member, facts)
            moves = self._steps.get(key)
            if moves is None:
                moves = self._steps[key] = self._moves(member, seen)
            for moved in moves:
                found.add(self.canonical((*state[:place], moved, *state[place + 1 :])))
        found.discard(state)
        return found

    def _moves(self, member: int, seen: tuple[Seen, ...]) -> list[int]:
        return sorted({self.number(moved) for _, moved in self._labelled(member, seen)} - {member})

    def _labelled(self, member: int, seen: tuple[Seen, ...]) -> list[tuple[str, Member]]:
        seats = self._members[member]
        return [
            (f"attempt {attempt}: {label}", (*seats[:attempt], moved, *seats[attempt + 1 :]))
            for attempt in range(self.begun(seen))
            for label, moved in steps(
                self.setting, seats[attempt], seen[attempt], attempt in self.setting.firsts
            )
        ]

    # -- properties ----------------------------------------------------------------------------

    def _violation(self, state: State, seen: tuple[Seen, ...]) -> str:
        opened = 0
        for attempt, facts in enumerate(seen):
            if len(facts.decided) > 1:
                return f"two decisions in attempt {attempt}: {sorted(facts.decided)}"
            ends = bool(facts.decided - {EMPTY})
            opened += ends
            willing = self.setting.approvers + self.setting.liars
            if ends and attempt in self.setting.firsts and willing < self.setting.quorum:
                return f"a resolution that {willing} approve"
        if opened > 1:
            return "two cohorts of one base model are opened, or one beside a resolution"
        for member in state:
            for seat in self._members[member]:
                if any(votes & (votes - 1) for votes in (*seat.first, *seat.second)):
                    return "an honest member signed two different votes in one slot"
        return ""

    def _check_exit(self, state: State, seen: tuple[Seen, ...], report: Report) -> None:
        attempt = self.begun(seen) - 1
        seats = [self._members[member][attempt] for member in state]
        end = stuck(self.setting, seats)
        report.outcomes[end or "an end"] = report.outcomes.get(end or "an end", 0) + 1
        if end:
            report.stuck += 1
            if not report.stuck_trace:
                report.stuck_trace = self.trace(state)

    # -- traces --------------------------------------------------------------------------------

    def trace(self, state: State) -> list[str]:
        """The steps from the first state to this one; names change where states were merged."""
        path: list[State] = [state]
        while (before := self._parents[path[-1]]) is not None:
            path.append(before)
        path.reverse()
        return [self._step_between(*pair) for pair in pairwise(path)]

    def _step_between(self, before: State, after: State) -> str:
        seen = self.seen(before)
        for place, member in enumerate(before):
            for label, moved in self._labelled(member, seen):
                reached = (*before[:place], self.number(moved), *before[place + 1 :])
                if self.canonical(reached) == after:
                    return f"member {place}, {label}   [{self._members[member]}]"
        raise AssertionError("a state without the step that led to it")


def _bits(rows: list[tuple[int, ...]], outcomes: int) -> int:
    """The outcomes signed in every (attempt, view), as one number."""
    found = shift = 0
    for row in rows:
        for signed in row:
            found |= signed << shift
            shift += outcomes
    return found


def _renamings(setting: Setting) -> list[tuple[tuple[int, ...], ...]]:
    """Outcomes may be renamed in each attempt; "no cohort" only where it makes no difference."""
    single = len(setting.views) == 1
    fixed = () if single else (EMPTY,)
    names = range(len(fixed), setting.outcomes)
    return list(product([(*fixed, *p) for p in permutations(names)], repeat=len(setting.views)))


def _renamed(seat: Seat, names: tuple[int, ...]) -> Seat:
    lock = seat.lock and Lock(seat.lock.view, names[seat.lock.outcome])
    first = tuple(_rename_bits(signed, names) for signed in seat.first)
    second = tuple(_rename_bits(signed, names) for signed in seat.second)
    return seat._replace(first=first, second=second, lock=lock)


def _rename_bits(signed: int, names: tuple[int, ...]) -> int:
    return sum(1 << new for old, new in enumerate(names) if signed >> old & 1)
