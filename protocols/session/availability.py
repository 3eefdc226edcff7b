"""Whether this peer is there for the next round, and who else is: its time, and who is away.

docs/protocol.md §6 ("Rhythm", "Away"). What is found here moves ``Participation``.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocols.presence.away import Away
from protocols.presence.neighbours import Neighbours
from protocols.presence.pace import Pace
from protocols.record.effects import NOTHING, Step, Timer
from protocols.record.setting import Setting
from protocols.record.timers import ViewOver
from protocols.session.events import Return, Stay
from protocols.session.phases import Electing
from protocols.session.rounds import Rounds
from protocols.session.standing import remembers
from protocols.session.states import Standing, StandingEvent
from protocols.wire.frames import AwayFrame, ReadyFrame
from protocols.wire.payloads import Topic


class Availability:
    """``last``: after so many rounds this peer takes part in none, by its own configuration; the
    group may have a last round, too.
    """

    def __init__(
        self, setting: Setting, rounds: Rounds, neighbours: Neighbours, last: int | None
    ) -> None:
        self._pace = Pace(setting, neighbours)
        self._away = Away(neighbours, last)
        ends = [end for end in (last, setting.rounds) if end is not None]
        self._last = min(ends, default=None)
        self._rounds = rounds
        self._neighbours = neighbours

    # -- others --------------------------------------------------------------------------------

    def hear(self, peer: int, frame: ReadyFrame | AwayFrame) -> Step:
        if isinstance(frame, ReadyFrame):
            self._pace.hear(peer, frame.round)
            self._neighbours.note(peer, (frame.round, 0))
            self._away.goes_on(frame.round)
            return NOTHING
        self._away.hear(peer, frame)
        return self._await_anew()

    def spoke(self, peer: int, round_: int) -> Step:
        """From this round."""
        self._pace.hear(peer, round_)
        self._away.goes_on(round_)
        return self._await_anew() if self._away.spoke(peer, round_) else NOTHING

    def welcome(self, peers: Iterable[int]) -> None:
        """Who has just connected, or started, has not heard what this peer said of itself."""
        self._away.tell(peers)
        if self._rounds.current.attempt is None:
            for peer in sorted(set(peers) & set(self._neighbours.others)):
                self._pace.repeat(peer, self._round)

    def set_present(self) -> Step:
        """Who is connected has changed."""
        self._away.forget(self._neighbours.present)
        return self._await_anew()

    def _await_anew(self) -> Step:
        return self._rounds.current.set_present(self.awaited)

    @property
    def awaited(self) -> frozenset[int]:
        """Who is connected, but for those that have announced that they are away."""
        return self._neighbours.present - self._away.others(self._round)

    def idle_view(self) -> Timer | None:
        """The view of an election whose leader has announced that it is away: it is over at once,
        whatever its time.
        """
        attempt = self._rounds.current.attempt
        if attempt is None or attempt.over or type(attempt.phase) is not Electing:
            return None
        away = self._away.others(self._round)
        for topic in (Topic.COMMITS, Topic.REVEALS):
            agreement = attempt.phase.flip.agreement(topic)
            waits = agreement.view >= 0 and agreement.decision is None
            if waits and agreement.terms.leader(agreement.view) in away:
                return Timer(attempt.party.place, ViewOver(int(topic), agreement.view), 0)
        return None

    # -- this peer -----------------------------------------------------------------------------

    @property
    def _round(self) -> int:
        return self._rounds.current.number

    @property
    def is_last(self) -> bool:
        """Whether all rounds that were to be run are over, whatever others do."""
        return self._last is not None and self._round >= self._last

    @property
    def since(self) -> int | None:
        """The first round in which it takes no part, by its operator."""
        return self._away.since

    @property
    def stays_away(self) -> bool:
        """From the round in which it stands."""
        return self.since is not None and self.since <= self._round

    def order(self, order: Stay | Return) -> None:
        """The operator's."""
        if isinstance(order, Return):
            self._away.come_back(self._round)
        else:
            self._stay(order.since, lasts=order.lasts)

    def _stay(self, since: int | None, *, lasts: bool) -> None:
        """Take no part from round ``since`` on; None: from the first in which nothing is signed
        yet. What has begun is finished: who leaves a round in its middle costs the others.
        """
        current = self._rounds.current
        begun = current.attempt is not None or remembers(current.journal)
        first = current.number + begun if since is None else since
        self._away.stay(first, lasts=lasts)

    def turn(self, standing: Standing) -> StandingEvent | None:
        """What one that takes no part, or not yet, has reason for by now: its operator's order, or
        the round's time, which may also come for one whose clock says that the group has stopped.
        """
        waits = standing is Standing.WAITING
        if standing is Standing.AWAY and not self.stays_away:
            return StandingEvent.BACK
        if waits and (self.stays_away or self.opens()):
            return StandingEvent.TIME
        if waits and self._pace.is_over(self._round):
            return StandingEvent.LAST
        if standing is Standing.FINISHED and not self.is_last and self.opens():
            return StandingEvent.TIME
        return None

    # -- the round's time ----------------------------------------------------------------------

    def opens(self) -> bool:
        """Whether the round in which this peer stands may begin."""
        return self._pace.opens(self._round)

    def wait(self) -> None:
        self._pace.wait(self._round)

    def on_time(self, round_: int, *, over: bool) -> None:
        self._pace.on_time(round_, over=over)

    def again(self, timer: Timer) -> None:
        """Say once more that this peer is ready, if the round has not begun."""
        if self._rounds.current.attempt is None:
            self._pace.again(timer, self._round)
