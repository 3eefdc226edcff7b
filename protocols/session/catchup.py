"""Catching up: where the group stands, and how this peer gets there (docs/protocol.md §6).

At its start a peer surveys: it asks everybody who is connected for the last round that is
certified, and follows the furthest first. Later it follows whoever shows that a round is over.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.record.effects import Ask, Outcome, Record, Step, Timer
from protocols.record.outcomes import Adopting, Behind, Surveyed
from protocols.record.party import Component
from protocols.record.position import Position
from protocols.record.setting import Setting
from protocols.record.timers import AskAgain, FollowDue, SurveyOver, TooSlow
from protocols.session.follow import Chain, Follow, Parted, furthest, read_head

SURVEY = 10_000
"""Milliseconds in which heads come in; of peers that are starting themselves they may come late."""
AGAIN = 500
"""Milliseconds until a peer that gave no head is asked again; and until a certificate is fetched:
most of the time it is on its way."""


class CatchUp(Component):
    """Comes to ``Adopting`` where a peer leads further, and once to ``Surveyed``."""

    def __init__(self, setting: Setting, me: int) -> None:
        super().__init__()
        self._setting = setting
        self._me = me
        self._asked: set[int] = set()
        self._heads: dict[int, int] = {}
        self._surveys = True
        self._queue: list[tuple[int, int]] | None = None
        self._shown = -1
        self._following: dict[int, Follow] = {}
        self._due: dict[int, int] = {}

    # -- the survey ----------------------------------------------------------------------------

    def survey(self, present: Iterable[int], position: Position) -> Step:
        place = position.round, 0
        self.emit(Timer(place, SurveyOver(), SURVEY))
        self._asked = set(present) - {self._me}
        for peer in sorted(self._asked):
            self.emit(Ask(peer, Record.HEAD, 0))
        self._look(position)
        return self.done()

    def joined(self, peers: Iterable[int]) -> Step:
        """Whoever connects is asked where it stands: it may be in the group that goes on behind
        this one, and say nothing here any more.
        """
        for peer in () if self._surveys else sorted(set(peers) - {self._me}):
            self._asked.add(peer)
            self._heads.pop(peer, None)
            self.emit(Ask(peer, Record.HEAD, 0))
        return self.done()

    def on_timer(self, timer: Timer, position: Position) -> Step:
        match timer.event:
            case SurveyOver():  # whoever has not answered is not waited for
                self._asked &= self._heads.keys()
                self._look(position)
            case AskAgain(peer) if self._surveys and peer in self._asked - self._heads.keys():
                self.emit(Ask(peer, Record.HEAD, 0))
            case FollowDue(peer):
                last = self._due.pop(peer, -1)
                if last >= position.round and peer not in self._following:
                    self._follow(peer, last, position)
            case TooSlow(peer, model) if peer in self._following:
                self._following[peer].on_too_slow(timer.place, model=model)
                self._hear(peer, position)
        return self.done()

    def _on_head(self, peer: int, data: bytes, position: Position) -> None:
        head = read_head(data)
        if peer not in self._asked - self._heads.keys():
            return  # nobody asked, or its first word counts
        if not self._surveys:
            self._asked.discard(peer)
            if head is not None and head >= position.round:
                self.behind(Behind(head, peer), position)
            return
        if head is None:
            self.emit(Timer((position.round, 0), AskAgain(peer), AGAIN))
        else:
            self._heads[peer] = head
            self._look(position)

    def _look(self, position: Position) -> None:
        """Once the heads are in, follow one after another to where it leads further."""
        if not self._surveys or self._following:
            return
        if self._queue is None:
            if not self._asked <= self._heads.keys():
                return
            self._queue = furthest(list(self._heads.items()))
        while self._queue:
            peer, head = self._queue.pop(0)
            if head >= position.round:
                self._follow(peer, head, position)
                return
        self._surveys = False
        self.emit(Surveyed(self._shown))

    # -- those who show that a round is over ----------------------------------------------------

    def behind(self, behind: Behind, position: Position) -> None:
        peer = behind.peer
        if peer not in self._due and peer not in self._following:
            self._time(peer, position)
        self._due[peer] = max(behind.round, self._due.get(peer, -1))

    def _time(self, peer: int, position: Position) -> None:
        self.emit(Timer((position.round, 0), FollowDue(peer), AGAIN))

    def _follow(self, peer: int, last: int, position: Position) -> None:
        self._following[peer] = Follow(self._setting, position, peer, last)
        self._hear(peer, position)

    # -- answers -------------------------------------------------------------------------------

    def on_answer(self, ask: Ask, data: bytes, position: Position) -> Step:
        """``data`` is empty where the peer has nothing, or gave no answer."""
        follow = self._following.get(ask.peer)
        if follow is not None and follow.awaits(ask):
            follow.on_answer(ask, data)
            self._hear(ask.peer, position)
        elif ask == Ask(ask.peer, Record.HEAD, 0):
            self._on_head(ask.peer, data, position)
        return self.done()

    def left(self) -> None:
        """This peer goes on behind a round: what leads on from before it leads nowhere."""
        for follow in self._following.values():
            follow.part()

    def _hear(self, peer: int, position: Position) -> None:
        follow = self._following[peer]
        for outcome in self.absorb(follow.done()):
            self._take(outcome, position)

    def _take(self, outcome: Outcome, position: Position) -> None:
        if isinstance(outcome, Chain):
            self.emit(Adopting(outcome.rounds, outcome.model))
        elif isinstance(outcome, Parted) and outcome.peer in self._following:
            self._shown = max(self._shown, outcome.shown)
            del self._following[outcome.peer]
            if outcome.peer in self._due:  # it has shown more meanwhile, when nothing was timed
                self._time(outcome.peer, position)

    def proceed(self, position: Position) -> Step:
        """What was adopted moved this peer: the survey goes on from there."""
        if not self._surveys and not self._following:
            return self.done()
        for peer in list(self._following):
            self._hear(peer, position)
        self._look(position)
        return self.done()
