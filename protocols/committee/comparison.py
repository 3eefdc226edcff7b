"""Members compare what they hold, and send each other what is lacking (docs/protocol.md §5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice

from protocols.committee.asks import Asks
from protocols.record.asks import keys_name
from protocols.record.effects import Step
from protocols.record.party import Party, Role
from protocols.record.timers import HaveDue
from protocols.wire.frames import AskFrame, HaveFrame, StatementFrame
from protocols.wire.statement import Statement


class Comparison(Role):
    """``pool`` is this member's, by hash; ``members`` are those that compare with it. ``spare``
    is what it needs no more, and says that it holds: the others would send it. ``asks``: keys that
    it holds beside reports.
    """

    def __init__(
        self,
        party: Party,
        pool: Mapping[bytes, Statement],
        members: tuple[int, ...],
        spare: AbstractSet[bytes] = frozenset(),
        asks: Asks | None = None,
    ) -> None:
        super().__init__(party)
        self.members = members
        self._pool = pool
        self._spare = spare
        self._asks = asks or Asks(party.setting.version)
        self._theirs: dict[int, frozenset[bytes]] = {}
        self._asked_at: dict[int, int] = {}
        self._order: list[bytes] = []
        self._owed: dict[int, set[bytes]] = {}
        self._looked: dict[int, int] = {}
        self._passed: set[tuple[int, bytes]] = set()
        self._announced: frozenset[bytes] | None = None
        self._will_announce = False

    def announce(self, *, due: bool = False) -> Step:
        """Tell the others what this member holds, once for each set: some still compare."""
        self._announce(due)
        return self.done()

    def _announce(self, due: bool) -> None:
        if due:
            self._will_announce = False
        if self._will_announce:
            return
        mine = self._mine() | self._asks.whole.keys()
        if mine == self._announced:
            return
        if self._announced is not None and not due:
            # Many changes, one announcement: each costs its size times the committee's.
            self._will_announce = True
            self.timer(HaveDue(), self.party.setting.deadlines.have)
            return
        self._announced = mine
        self._say(self.members, mine)

    def hear(self, sender: int, hashes: Iterable[bytes]) -> Step:
        """What ``sender`` holds: it is sent what it lacks.

        A small frame must not cost a look through all of the pool, which liars may have filled: of
        what this peer was sent nothing is looked at again, and there is never more of the rest than
        it said that it holds.
        """
        theirs = self._theirs[sender] = frozenset(hashes)
        self._look_at_pool()
        owed = self._owed.setdefault(sender, set())
        owed.update(self._order[self._looked.get(sender, 0) :])
        self._looked[sender] = len(self._order)
        missing = owed - theirs
        owed -= missing
        self._pass_on(sender, missing)
        return self.done()

    def _look_at_pool(self) -> None:
        if len(self._order) < len(self._pool):  # nothing leaves it: what is new is at its end
            news = list(islice(self._pool, len(self._order), None))
            self._order.extend(news)
            self._asks.expect(self._pool[key] for key in news)

    def ask(self, peer: int) -> Step:
        """Ask one that is a stage further for the reports that it holds, by saying which are here.

        A liar that gives its dealing and its report to t members or more, and not to the others,
        sends those on while these wait for a dealing's deadline: too few reports reach them to
        hurry. Left so far apart the two would never be in one view of the agreement.
        """
        size = self._size  # of one size it is the same
        if self._asked_at.get(peer) != size and not self._mine() >= self._held_by(peer):
            self._asked_at[peer] = size
            self._say((peer,), self._mine() | self._asks.whole.keys())
        return self.done()

    def _pass_on(self, peer: int, missing: Iterable[bytes]) -> None:
        """Once to each: who claims to lack everything, again and again, gains nothing by it."""
        news = sorted(key for key in missing if (peer, key) not in self._passed)
        self._passed.update((peer, key) for key in news)
        for key in news:
            self.send((peer,), StatementFrame(self._pool[key].wire))

    def push(self, keys: Iterable[bytes]) -> Step:
        """Reports, to each what it has not said that it holds; its own statements it does. Of the
        keys of their asks each gets its own, as it answers no others.
        """
        for peer in self.members:
            theirs = self._theirs.get(peer, frozenset())
            for key in keys:
                if peer != self.party.me and self._pool[key].signer != peer:
                    self._push(peer, key, theirs)
        return self.done()

    def _push(self, peer: int, key: bytes, theirs: frozenset[bytes]) -> None:
        report = self._pool[key]
        frame = self._asks.frame_for(peer, report)
        if isinstance(frame, AskFrame):
            if keys_name(report) in theirs:
                self.keep(peer, frame)  # should it die, its next life lacks the key
            else:
                self.send((peer,), frame)
        elif key not in theirs:
            self._pass_on(peer, (key,))

    def pass_to_all(self, missing: Iterable[bytes]) -> Step:
        for peer in self.members:
            if peer != self.party.me:
                self._pass_on(peer, missing)
        return self.done()

    def equal(self, peers: Iterable[int]) -> bool:
        """Whether each of these holds what this member holds."""
        others = [peer for peer in peers if peer != self.party.me]
        if any(len(self._theirs.get(peer, ())) < self._size for peer in others):
            return False  # told by the sizes: it is asked at every arrival
        mine = self._mine()
        return all(self._held_by(peer) == mine for peer in others)

    def unequal(self, peers: Iterable[int]) -> frozenset[int]:
        """Who of these has not said that it holds what this member holds."""
        mine, me = self._mine(), self.party.me
        return frozenset(peer for peer in peers if peer != me and self._held_by(peer) != mine)

    def _held_by(self, peer: int) -> frozenset[bytes]:
        """The statements that it has said it holds, keys beside them aside.

        Keys go to nobody but their dealers: whoever has them sees to that (``push``), and nobody
        waits for them.
        """
        self._look_at_pool()
        return self._theirs.get(peer, frozenset()) - self._asks.names

    def _mine(self) -> frozenset[bytes]:
        return frozenset(self._pool) | self._spare

    @property
    def _size(self) -> int:
        return len(self._pool) + len(self._spare)

    def _say(self, peers: Iterable[int], mine: Iterable[bytes]) -> None:
        frame = HaveFrame(*self.party.place, tuple(sorted(mine)))
        self.send(peers, frame, again=False)
