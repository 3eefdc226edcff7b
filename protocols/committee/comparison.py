"""Members compare what they hold, and send each other what is lacking (docs/protocol.md §5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

from protocols.record.desk import Desk
from protocols.wire.frames import HaveFrame, StatementFrame
from protocols.wire.statement import Statement


class Comparison:
    """``pool`` is this member's, by hash; ``members`` are those that compare with it."""

    def __init__(self, desk: Desk, pool: Mapping[bytes, Statement], members: Iterable[int]) -> None:
        self._desk = desk
        self._pool = pool
        self._members = tuple(members)
        self._theirs: dict[int, frozenset[bytes]] = {}
        self._asked_at: dict[int, int] = {}
        self._order: list[bytes] = []
        self._owed: dict[int, set[bytes]] = {}
        self._looked: dict[int, int] = {}
        self._passed: set[tuple[int, bytes]] = set()
        self._announced: frozenset[bytes] | None = None
        self._will_announce = False

    def announce(self, *, due: bool = False) -> None:
        """Tell the others what this member holds, once for each set: some still compare."""
        if due:
            self._will_announce = False
        if self._will_announce:
            return
        mine = frozenset(self._pool)
        if mine == self._announced:
            return
        if self._announced is not None and not due:
            # Many changes, one announcement: each costs its size times the committee's.
            self._will_announce = True
            self._desk.timer("have", delay=self._desk.setting.deadlines.have)
            return
        self._announced = mine
        self._say(self._members, mine)

    def hear(self, sender: int, hashes: Iterable[bytes]) -> None:
        """What ``sender`` holds: it is sent what it lacks.

        A small frame must not cost a look through all of the pool, which liars may have filled: of
        what this peer was sent nothing is looked at again, and there is never more of the rest than
        it said that it holds.
        """
        theirs = self._theirs[sender] = frozenset(hashes)
        if len(self._order) < len(self._pool):  # nothing leaves it: what is new is at its end
            self._order.extend(islice(self._pool, len(self._order), None))
        owed = self._owed.setdefault(sender, set())
        owed.update(self._order[self._looked.get(sender, 0) :])
        self._looked[sender] = len(self._order)
        missing = owed - theirs
        owed -= missing
        self.pass_on(sender, missing)

    def ask(self, peer: int) -> None:
        """Ask one that is a stage further for the reports that it holds, by saying which are here.

        A liar that gives its dealing and its report to t members or more, and not to the others,
        sends those on while these wait for a dealing's deadline: too few reports reach them to
        hurry. Left so far apart the two would never be in one view of the agreement.
        """
        size = len(self._pool)  # of one size it is the same
        if self._asked_at.get(peer) != size and not self._pool.keys() >= self._theirs[peer]:
            self._asked_at[peer] = size
            self._say((peer,), self._pool)

    def pass_on(self, peer: int, missing: Iterable[bytes]) -> None:
        """Once to each: who claims to lack everything, again and again, gains nothing by it."""
        for key in sorted(missing):
            if (peer, key) not in self._passed:
                self._passed.add((peer, key))
                self._desk.send((peer,), StatementFrame(self._pool[key].wire))

    def pass_to_all(self, missing: Iterable[bytes]) -> None:
        for peer in self._members:
            if peer != self._desk.me:
                self.pass_on(peer, missing)

    def equal(self, peers: Iterable[int]) -> bool:
        """Whether each of these holds what this member holds."""
        theirs = [self._theirs.get(peer) for peer in peers if peer != self._desk.me]
        if any(hashes is None or len(hashes) != len(self._pool) for hashes in theirs):
            return False  # told by the sizes: it is asked at every arrival
        mine = frozenset(self._pool)
        return all(hashes == mine for hashes in theirs)

    def _say(self, peers: Iterable[int], mine: Iterable[bytes]) -> None:
        frame = HaveFrame(self._desk.round, self._desk.attempt, tuple(sorted(mine)))
        self._desk.send(peers, frame, again=False)
