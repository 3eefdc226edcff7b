"""A peer in its group: rounds one after another, and what it does with whoever is behind or ahead.

Pure: a message and the time in, steps out. One Session drives one peer for its life; the runner
(``peerd.runner``) and the simulation give it the same events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.aggregation.contract import Reference
from protocols.errors import WireError
from protocols.presence.neighbours import Neighbours
from protocols.record.base import Values
from protocols.record.door import Message, open_message
from protocols.record.effects import NOTHING, Ask, Dropped, Record, Step, Timer
from protocols.record.outcomes import Adopting, Begun, Behind, Left, Surveyed
from protocols.record.party import Component
from protocols.record.position import Position
from protocols.record.timers import (
    AnswersDue,
    CertificateLate,
    OfPeer,
    ReadyAgain,
    RecallOver,
    SumsDue,
    SurveyOver,
    TimeCome,
)
from protocols.record.waits import Wait
from protocols.session.abandonments import Abandonments
from protocols.session.answers import Answers
from protocols.session.availability import Availability
from protocols.session.catchup import CatchUp
from protocols.session.events import Approval, Order, Return, Stay
from protocols.session.local import LocalPeer
from protocols.session.overheard import Overheard
from protocols.session.participation import Participation
from protocols.session.permit import Permit
from protocols.session.rounds import Rounds
from protocols.session.sight import waits
from protocols.session.states import IDLE, Standing
from protocols.wire.frames import (
    AwayFrame,
    CertificateFrame,
    EvidenceFrame,
    HelloFrame,
    ReadyFrame,
    RecalledFrame,
    RecallFrame,
    StatementFrame,
)
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement


class Session(Component):
    """``journal`` is the current round's, as an earlier life left it. After ``rounds`` rounds no
    further one begins; the session goes on helping those behind. ``restored``: whether the
    operator says that the store was put back from a backup; None where nothing is said.
    ``approvals``: what was to be kept (``Keep``) in earlier lives.
    """

    def __init__(
        self,
        peer: LocalPeer,
        position: Position,
        journal: Mapping[str, bytes] | None = None,
        *,
        rounds: int | None = None,
        restored: bool | None = None,
        approvals: Iterable[bytes] = (),
    ) -> None:
        super().__init__()
        self.setting = peer.setting
        self.me = peer.me
        self.rounds = Rounds(peer, position, journal or {}, approvals)
        self.neighbours = Neighbours(peer.me)
        self.permit = Permit(peer, self.rounds.current.journal, restored=restored)
        self._there = Availability(peer.setting, self.rounds, self.neighbours, rounds)
        self._part = Participation(peer, self.rounds, self.neighbours, self.permit, self._there)
        self._answers = Answers(peer.setting, self.rounds, self.neighbours, self.permit)
        self._catch_up = CatchUp(peer.setting, peer.me)
        self._abandonments = Abandonments(peer, self.rounds, self.permit)
        self._overheard = Overheard(peer.setting, self.neighbours, self.permit)

    @property
    def state(self) -> Standing:
        return self._part.state

    @property
    def position(self) -> Position:
        return self.rounds.current.position

    @property
    def place(self) -> tuple[int, int]:
        """(round, attempt) in which this peer stands."""
        return self.rounds.current.place

    @property
    def finished(self) -> bool:
        return self._part.finished

    @property
    def sits_out(self) -> bool:
        return self._part.sits_out

    @property
    def phase(self) -> str:
        attempt = self.rounds.current.attempt
        return str((attempt.standing if attempt is not None else self.state).value)

    def what_was_said_by(self, peer: int) -> list[Statement]:
        """What ``peer`` signed, as far as it came here, in frames that still wait too."""
        return self._answers.what_was_said_by(peer)

    def waits(self) -> tuple[Wait, ...]:
        """What it waits for now; asking changes nothing."""
        return waits(self._part, self._catch_up, self.rounds.current)

    # -- events; each returns the steps, in order -----------------------------------------------

    def start(self, present: Iterable[int]) -> list[Step]:
        """Begin the current round, with whoever is connected, once they say where the group stands,
        and what this peer signed in an earlier life.
        """
        self.neighbours.present = frozenset(present)
        self._hear(self._part.start())
        self.absorb(self.rounds.approvals.greet(self.neighbours.present))
        self._hear(self._catch_up.survey(self.neighbours.present, self.position))
        return self._proceed()

    def on_present(self, present: Iterable[int]) -> list[Step]:
        """Who is connected has changed."""
        neighbours = self.neighbours
        joined = frozenset(present) - neighbours.present
        neighbours.present = frozenset(present)
        self.permit.recall.forget_absent(neighbours.present)
        self.absorb(self.rounds.approvals.greet(joined))
        self._hear(self._catch_up.joined(joined))
        self._hear(self._part.ask())
        self._follow(self._there.set_present())
        if self.rounds.current.attempt is not None or self.state in IDLE:
            neighbours.greet(joined, self.place)
        self._there.welcome(joined)
        return self._proceed()

    def on_connected(self, peer: int) -> list[Step]:
        """A new connection: ``peer`` may have been present all the while."""
        self._hear(self._catch_up.joined({peer}))
        return self._proceed()

    def on_update(
        self, round_: int, values: Values, reference: Reference | None = None
    ) -> list[Step]:
        """This peer's encoded update of the round, from training: ``values`` (|v|,) integers, and
        the ``reference`` (d,) of a rule that uses one. ProtocolError where that is missing, or of
        another shape.
        """
        if round_ == self.position.round:
            self._follow(self.rounds.current.on_update(values, reference))
        return self._proceed()

    def on_timer(self, timer: Timer) -> list[Step]:
        """A timer of something that is over does nothing."""
        match timer.event:
            case RecallOver():
                self._hear(self._part.on_recall_over(timer))
            case CertificateLate():
                if timer.place[0] == self.position.round:
                    self.neighbours.greet(self.neighbours.present, self.place)
            case TimeCome(over):
                self._there.on_time(timer.place[0], over=over)
            case ReadyAgain():
                self._there.again(timer)
            case AnswersDue():
                self.absorb(self._answers.put_off())
            case SurveyOver() | OfPeer():
                self._hear(self._catch_up.on_timer(timer, self.position))
            case event:
                self._follow(self.rounds.current.on_timer(timer))
                attempt, current = self.rounds.current.attempt, timer.place == self.place
                if event == SumsDue() and current and attempt and attempt.awaits_certificate:
                    # others may have it, from results that never came here
                    self.neighbours.greet(self.neighbours.present, self.place)
        return self._proceed()

    def on_message(self, sender: int, data: bytes) -> list[Step]:
        """A frame from an authenticated roster peer. Whatever is wrong with it is dropped here."""
        if self.rounds.has_settled(data):
            return []
        self._receive(sender, data)
        return self._proceed()

    def on_answer(self, ask: Ask, data: bytes) -> list[Step]:
        """What a peer gave that was asked; empty where it has nothing, or did not answer."""
        if ask.record is not Record.POLYNOMIALS:
            self._hear(self._catch_up.on_answer(ask, data, self.position))
        elif ask.round == self.position.round:
            self._follow(self.rounds.current.on_polynomials(data))
        return self._proceed()

    def on_order(self, order: Order | Approval | Stay | Return) -> list[Step]:
        """The operator's. Raises Refused; then nothing has changed."""
        if isinstance(order, Approval):
            self._hear(self.rounds.approvals.order(order, self.position))
        elif isinstance(order, Order):
            self._follow(self._abandonments.order(order, sits_out=self.sits_out))
        else:
            self._there.order(order)
        return self._proceed()

    # -- what follows --------------------------------------------------------------------------

    def _proceed(self) -> list[Step]:
        """Transitions that an event called for happen here, outside the part that called.

        Each is a step of its own: what the next round says is journaled behind this one's end.
        """
        steps = [self._done()]
        for _ in range(4 * self.setting.max_attempts + 8):
            caught_up = self._catch_up.proceed(self.position)
            self._hear(caught_up)
            if self._part.proceed():
                self._hear(self._part.done())
            elif caught_up is NOTHING:
                break
            steps.append(self._done())
        return [step for step in (*steps, self._done()) if step is not NOTHING]

    def _done(self) -> Step:
        self._hear(self.neighbours.done())
        return self.done()

    def _follow(self, step: Step) -> None:
        """What the current round, or the one before, calls for."""
        if step is not NOTHING:
            self._hear(self._part.follow(step))

    def _hear(self, step: Step) -> None:
        for outcome in self.absorb(step) if step is not NOTHING else ():
            if isinstance(outcome, Begun):
                for sender, data in self.neighbours.ahead.take_all():
                    self._receive(sender, data)
            elif isinstance(outcome, Left):
                self._overheard.left(self.position.round)
                self._catch_up.left()
            elif isinstance(outcome, Behind):
                self._catch_up.behind(outcome, self.position)
            elif isinstance(outcome, Adopting):
                self._hear(self._part.adopt(outcome.rounds, outcome.model))
            elif isinstance(outcome, Surveyed):
                self._hear(self._part.on_surveyed(outcome))

    # -- messages ------------------------------------------------------------------------------

    def _receive(self, sender: int, data: bytes) -> None:
        try:
            self._on_frame(open_message(self.setting, sender, data), data)
        except WireError as error:
            self.emit(Dropped(sender, str(error)))

    def _on_frame(self, message: Message, data: bytes) -> None:
        sender = message.sender
        match message.frame:
            case EvidenceFrame(evidence):
                self.absorb(self.rounds.hear_evidence(sender, evidence))
            case CertificateFrame(certificate):
                self._overheard.on_certificate(sender, certificate, self._part)
            case HelloFrame() | RecallFrame() as frame:
                self._there.welcome({sender})
                self.absorb(self._answers.on_ask(sender, frame))
            case RecalledFrame() as frame:
                self._on_recalled(sender, frame)
            case ReadyFrame() | AwayFrame() as frame:
                self._follow(self._there.hear(sender, frame))
            case StatementFrame() if message.slot and message.slot.kind is Kind.APPROVE:
                self._hear(self.rounds.approvals.hear(message.statement, self.position.round))
            case _ if message.place is not None:
                self._route(message, message.place, data)

    def _route(self, message: Message, place: tuple[int, int], data: bytes) -> None:
        mine, sender, previous = self.place, message.sender, self.rounds.previous
        self.rounds.awaits.heard(sender, place[0])
        self._follow(self._there.spoke(sender, place[0]))
        if self.rounds.current.takes(place):
            self._follow(self.rounds.current.on_message(message, data))
        elif place[0] > mine[0] + 1:
            self.neighbours.is_further(sender, place[0])
        elif place >= mine:
            waits = self.neighbours.wait_for(sender, data, place)
            self._overheard.hear(message, self.state, mine[0])
            if waits and place[0] > mine[0]:
                self.neighbours.suspect_behind(mine[0], self.setting.deadlines.behind)
        elif previous is not None and previous.takes(place):
            self._follow(previous.on_message(message, data))
        elif place[0] < mine[0]:
            self.neighbours.help(sender, place[0], mine)

    def _on_recalled(self, sender: int, frame: RecalledFrame) -> None:
        try:
            self._hear(self._part.on_recalled(sender, frame))
            self._abandonments.hear(frame)
        except WireError as error:  # rubbish is an answer too
            self.emit(Dropped(sender, str(error)))
            self._hear(self._part.ask())
