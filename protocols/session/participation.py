"""Whether a peer takes part in the round that it stands in: asking, waiting for its time, running,
sitting out, away, finished.

docs/protocol.md §6 ("Old stores", "Rhythm", "Away"); the table is protocols/session/states.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from protocols.presence.neighbours import Neighbours
from protocols.record.certificate import CertifiedRound
from protocols.record.deadlines import MAX_PATIENCE
from protocols.record.effects import Outcome, Phase, Step, Stop, Stopped, Timer
from protocols.record.outcomes import Begun, Left, Surveyed
from protocols.record.party import Component
from protocols.record.position import rests
from protocols.record.setting import Setting
from protocols.record.states import Machine
from protocols.record.timers import RecallOver
from protocols.session.availability import Availability
from protocols.session.local import LocalPeer
from protocols.session.permit import Permit
from protocols.session.rounds import Rounds
from protocols.session.standing import SIGNS
from protocols.session.states import ENDED, SESSION, SITS_OUT, Rounding, Standing, StandingEvent
from protocols.wire.frames import RecalledFrame, RecallFrame

MAX_PAUSE = 64
"""In deadlines of a question, until those that have not answered are asked once more."""


class Participation(Component):
    """Comes to ``Begun`` with each attempt, and to
    ``Left`` when it goes on behind certified rounds.
    """

    def __init__(
        self,
        peer: LocalPeer,
        rounds: Rounds,
        neighbours: Neighbours,
        permit: Permit,
        availability: Availability,
    ) -> None:
        super().__init__()
        self._peer = peer
        self._rounds = rounds
        self._neighbours = neighbours
        self._permit = permit
        self._availability = availability
        self._state = Machine(Standing.SURVEYING, SESSION)
        self._waits_in = SIGNS
        self._waited = 0

    @property
    def state(self) -> Standing:
        return self._state.state

    @property
    def finished(self) -> bool:
        return self._availability.is_last or self.state in ENDED

    @property
    def sits_out(self) -> bool:
        """Whether this peer's store may be an old one, so that it takes no part in its round."""
        return self.state in SITS_OUT

    @property
    def round(self) -> int:
        return self._rounds.current.number

    # -- what was signed in an earlier life ----------------------------------------------------

    def start(self) -> Step:
        self.emit(Phase(self.round, 0, self.state.value))
        return self.done()

    def on_surveyed(self, surveyed: Surveyed) -> Step:
        """Ask the others, and wait for them for a while."""
        self._state.move(StandingEvent.SURVEYED)
        self._permit.surveyed(self.round, surveyed.shown)
        self._wait()
        self.emit(Phase(self.round, 0, self.state.value))
        self.emit_all(self._permit.journaled(self.round))
        return self.ask()

    def _wait(self) -> None:
        """For answers; they are asked for once more when the time is over, ever more rarely."""
        if self._waits_in != self.round:
            self._waits_in = self.round
            deadline = self._peer.setting.deadlines.recall
            delay = max(deadline, min(self._waited, MAX_PAUSE * deadline))
            self.emit(Timer((self.round, 0), RecallOver(), delay))

    def ask(self) -> Step:
        """What they hold that this peer signed: those that are here, and were not asked yet."""
        if self.state is not Standing.SURVEYING:
            self._ask_present()
            self._settle()
        return self.done()

    def _ask_present(self) -> None:
        neighbours = self._neighbours
        for peer in self._permit.recall.ask(neighbours.present - {self._peer.me}):
            neighbours.send(peer, RecallFrame(self.round))

    def on_recall_over(self, timer: Timer) -> Step:
        permit, mine = self._permit, timer.place[0] == self._waits_in
        self._waits_in = SIGNS if mine else self._waits_in
        if self.state is Standing.ASKING and permit.recall.give_up():
            self._answered()
        elif self.state is Standing.SUSPECT and mine and not permit.is_doubtful(self.round):
            self._clear()
        elif self.sits_out and mine:
            self._ask_again(timer.delay)
        return self.done()

    def _ask_again(self, waited: int) -> None:
        """``waited``: milliseconds since they were last asked."""
        before, self._waited = self._waited, self._waited + waited
        self._permit.recall.ask_again(self.round)
        self._ask_present()
        self._wait()
        forgotten = self._permit.must_sit_out(self.round) or self._permit.looks_old(self.round)
        if forgotten and before < patience(self._peer.setting) <= self._waited:
            self.emit(Stopped(self.round, Stop.FORGOTTEN))

    def on_recalled(self, sender: int, frame: RecalledFrame) -> Step:
        """What ``sender`` holds that this peer has signed. Rubbish is an answer too; what nobody
        asked for is none.
        """
        if self.state is Standing.SURVEYING:
            return self.done()
        last = self._permit.hear(sender, frame, self._rounds.current.journal)
        if self._permit.sit_out_until(last):
            self._sit_out()
        self._settle()
        return self.done()

    def _settle(self) -> None:
        permit, present = self._permit, self._neighbours.present
        if permit.recall.settle(present):
            self._answered()
            return
        waits = permit.recall.awaits(present) or permit.is_doubtful(self.round)
        if self.state is Standing.SUSPECT and not waits:
            self._clear()  # the answer that was wanting has come after the deadline

    def _clear(self) -> None:
        self._state.move(StandingEvent.CLEARED)
        self._begin_round()

    def _answered(self) -> None:
        self._state.move(StandingEvent.ANSWERED)
        self._begin_round()
        self._neighbours.greet(self._neighbours.present, self._rounds.current.place)

    def _sit_out(self) -> None:
        """Sign nothing more in this round. Journaled at once: others are still awaited, and this
        life may end before they answer.
        """
        running = self.state is Standing.RUNNING
        self._state.move(StandingEvent.SHOWN)
        self.emit_all(self._permit.journaled(self.round))
        if running:
            self._rounds.current.abandon()
            self._say_sitting_out()

    def _say_sitting_out(self) -> None:
        self.emit(Phase(self.round, 0, "sitting out"))
        self._waited = 0
        self._wait()

    # -- rounds --------------------------------------------------------------------------------

    def proceed(self) -> bool:
        """A transition that an earlier event called for; False where there is none."""
        if self.state is Standing.RESTING and self._goes_on():
            self._state.move(StandingEvent.RESUMED)
            self._begin_round()
            self._neighbours.greet(self._neighbours.present, self._rounds.current.place)
            return True
        if self.state is Standing.BUDGET_SPENT and not self._rounds.are_over:
            self._state.move(StandingEvent.SUCCESSION)
        turn = self._availability.turn(self.state)
        if turn is not None:
            self._idle(turn)
            return True
        if self.state is Standing.BETWEEN:
            self._begin_round(waits=self._asks_anew())
            self._neighbours.greet_once_more(self._rounds.current.place)
            return True
        if (idle := self._availability.idle_view()) is not None:
            self._hear(self.absorb(self._rounds.follow(self._rounds.current.on_timer(idle))))
            return True
        round_ = self._rounds.current
        if round_.state is Rounding.PAUSING and self._others_are_beyond(round_.place):
            round_.retry(round_.place)
        if round_.state is not Rounding.AGAIN:
            return False
        self._begin_attempt()
        return True

    def _others_are_beyond(self, place: tuple[int, int]) -> bool:
        return self._neighbours.beyond(place) > self._peer.setting.liars

    def _goes_on(self) -> bool:
        """Whether the group's rest is over: by its operators' word, or as an honest peer has it."""
        rounds, place = self._rounds, self._rounds.current.place
        heard = self._neighbours.beyond(place, inclusive=True)
        return heard > self._peer.setting.liars or rounds.approvals.may_go_on(rounds.position)

    def _begin_round(self, *, waits: bool = False) -> None:
        """``waits``: for answers, also where there are enough."""
        round_, permit = self.round, self._permit
        if self._rounds.position.ledger.handed_over:
            self._idle(StandingEvent.SUCCEEDED)
        elif self._rounds.are_over:
            self._idle(StandingEvent.SPENT)
            self._neighbours.forget_before(round_, self._peer.setting)
        elif self._availability.is_last:
            self._state.move(StandingEvent.LAST)
            self._neighbours.forget_before(round_, self._peer.setting)
        elif rests(self._rounds.position) and not self._goes_on():
            self._idle(StandingEvent.PAUSED)
        elif self._availability.stays_away:
            self._idle(StandingEvent.AWAY)
            self._neighbours.forget_before(round_, self._peer.setting)
            # the others may have made this round already, and the group no more behind it
            self._neighbours.greet_later(self._neighbours.present)
        elif permit.must_sit_out(round_) or permit.is_doubtful(round_) or waits:
            known = permit.must_sit_out(round_)
            self._state.move(StandingEvent.HOLD if known else StandingEvent.DOUBT)
            self.emit_all(permit.journaled(round_))
            self._say_sitting_out()
        elif not self._availability.opens():
            self._idle(StandingEvent.WAIT)
            self._availability.wait()
        else:
            self._state.move(StandingEvent.BEGIN)
            self.emit_all(permit.cleared(self._rounds.current.journal))
            self._begin_attempt()

    def _asks_anew(self) -> bool:
        """Whether a store that looked old has led here, and somebody was asked of it just now."""
        permit = self._permit
        suspect = permit.is_suspect(self.round)
        return suspect and permit.recall.awaits(self._neighbours.present)

    def _idle(self, event: StandingEvent) -> None:
        self._state.move(event)
        self.emit(Phase(self.round, 0, self.state.value))

    def _begin_attempt(self) -> None:
        self._hear(self.absorb(self._rounds.begin(self._availability.awaited)))
        self.emit(Begun())

    def follow(self, step: Step) -> Step:
        """What the current round, or the one before, calls for."""
        self._hear(self.absorb(self._rounds.follow(step)))
        return self.done()

    def adopt(self, missed: Sequence[CertifiedRound], model: npt.NDArray[np.float32]) -> Step:
        """On behind rounds that others have certified."""
        permit, neighbours = self._permit, self._neighbours
        permit.missed(missed, self.round)
        self._hear(self.absorb(self._rounds.adopt(missed, model)))
        self.emit_all(permit.journaled(self.round))  # with the head: a crash may come in between
        neighbours.greet_later(neighbours.present)
        if self.state is Standing.ASKING:
            neighbours.greet_once_more(self._rounds.current.place)
        return self.ask()

    def _hear(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Left):
                self._state.move(StandingEvent.OVER)
                for each in outcome.rounds:
                    self._neighbours.remember(each.round, each.certificate.encode())
                self._neighbours.next_round()
            self.emit(outcome)


def least(one: int | None, other: int | None) -> int | None:
    """Of two bounds, None standing for none."""
    return other if one is None else one if other is None else min(one, other)


def patience(setting: Setting) -> int:
    """Milliseconds that a peer which may not sign waits for a round's end until it calls for its
    operators: by then those who may sign would have called (protocols.committee.member).
    """
    deadlines, plan = setting.deadlines, setting.plan
    views = 2 * (plan.threshold + plan.absent + 2)
    return deadlines.commit + deadlines.deal + views * MAX_PATIENCE * deadlines.agreement
