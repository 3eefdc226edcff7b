"""A peer in its group: rounds one after another, and what it does with whoever is behind or ahead.

Pure: a message and the time in, steps out. One Session drives one peer for its life; the runner
(``peerd.runner``) and the simulation give it the same events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.aggregation.contract import Reference
from protocols.errors import ProtocolError, WireError
from protocols.record.base import Values
from protocols.record.certificate import CertifiedRound, signatures_needed, verify_certificate
from protocols.record.door import Message, open_message, signed_in
from protocols.record.effects import CatchUp, Dropped, Phase, Send, Step, Timer
from protocols.record.evidence import Evidence
from protocols.record.journal import Journal
from protocols.record.outcomes import Accused, RoundOver
from protocols.record.party import Component
from protocols.record.position import Position, check_chain
from protocols.record.setting import Setting
from protocols.record.states import Machine
from protocols.record.timers import AnswersDue, CertificateLate, RecallOver, SumsDue
from protocols.session.local import LocalPeer
from protocols.session.neighbours import Neighbours
from protocols.session.permit import Permit
from protocols.session.proofs import Proofs
from protocols.session.recall import recalled
from protocols.session.round import Round
from protocols.session.standing import SIGNS
from protocols.session.states import SESSION, Rounding, Standing, StandingEvent
from protocols.wire.frames import (
    CertificateFrame,
    EvidenceFrame,
    HelloFrame,
    RecalledFrame,
    RecallFrame,
    encode_frame,
)
from protocols.wire.statement import Kind, Statement


class Session(Component):
    """``journal`` is the current round's, as an earlier life left it. After ``rounds`` rounds no
    further one begins; the session goes on helping those behind. ``sit_out`` and ``suspect`` are
    what is known of its store (protocols.session.permit).
    """

    def __init__(
        self,
        peer: LocalPeer,
        position: Position,
        journal: Mapping[str, bytes] | None = None,
        *,
        rounds: int | None = None,
        sit_out: int = SIGNS,
        suspect: int = SIGNS,
    ) -> None:
        super().__init__()
        self._peer = peer
        self._rounds = rounds
        self._state = Machine(Standing.ASKING, SESSION)
        self._round = Round(peer, position, Journal(position.round, dict(journal or {})))
        self._previous: Round | None = None
        self.permit = Permit(peer, self._round.journal, sit_out, suspect)
        self.neighbours = Neighbours(peer.me)
        self.proofs = Proofs(peer.setting, peer.me)
        self._results: set[int] = set()

    @property
    def setting(self) -> Setting:
        return self._peer.setting

    @property
    def me(self) -> int:
        return self._peer.me

    @property
    def state(self) -> Standing:
        return self._state.state

    @property
    def position(self) -> Position:
        return self._round.position

    @property
    def place(self) -> tuple[int, int]:
        """(round, attempt) in which this peer stands."""
        return self._round.place

    @property
    def round(self) -> Round:
        return self._round

    @property
    def previous(self) -> Round | None:
        """The round before, of whose last attempt late words are still compared."""
        return self._previous

    @property
    def finished(self) -> bool:
        return self._rounds is not None and self.position.round >= self._rounds

    @property
    def sits_out(self) -> bool:
        """Whether this peer's store may be an old one, so that it takes no part in its round."""
        return self.state in (Standing.SUSPECT, Standing.SITTING_OUT)

    @property
    def phase(self) -> str:
        attempt = self._round.attempt
        return attempt.phase_name if attempt is not None else self.state.value

    def lacks_polynomials(self, round_: int) -> bool:
        """Whether this round is certified here, and its opened sum is still to come."""
        return round_ == self._round.number and self._round.lacks_sum

    # -- events; each returns the steps, in order -----------------------------------------------

    def start(self, present: Iterable[int]) -> list[Step]:
        """Begin the current round, with whoever is connected, once they say what this peer signed
        in an earlier life.
        """
        self.neighbours.present = frozenset(present)
        round_, deadlines = self.position.round, self.setting.deadlines
        self.emit(Timer((round_, 0), RecallOver(), deadlines.recall))
        self.emit(Phase(round_, 0, self.state.value))
        self.emit_all(self.permit.journaled(round_))
        self._ask_what_was_signed()
        return self._proceed()

    def on_present(self, present: Iterable[int]) -> list[Step]:
        """Who is connected has changed."""
        neighbours = self.neighbours
        joined = frozenset(present) - neighbours.present
        neighbours.present = frozenset(present)
        self.permit.recall.forget_absent(neighbours.present)
        self._ask_what_was_signed()
        self._hear(self._round.set_present(neighbours.present))
        if self._round.attempt is not None or self.sits_out:
            neighbours.greet(joined, self.place)
        return self._proceed()

    def on_update(
        self, round_: int, values: Values, reference: Reference | None = None
    ) -> list[Step]:
        """This peer's encoded update of the round, from training.

        ``values`` (|v|,) integers; ``reference`` (d,) of a rule that uses one. Raises
        ProtocolError for a reference that is missing or has another shape.
        """
        if round_ == self.position.round:
            self._hear(self._round.on_update(values, reference))
        return self._proceed()

    def on_timer(self, timer: Timer) -> list[Step]:
        """A timer of something that is over does nothing."""
        here = timer.place[0] == self.position.round
        match timer.event:
            case RecallOver():
                if self.permit.recall.give_up():
                    self._answered()
            case CertificateLate() if here:
                self.neighbours.greet(self.neighbours.present, self.place)
            case AnswersDue():
                for sender, frame in self.neighbours.take_put_off():
                    self._on_frame(Message(sender, frame, None, None, None), b"")
            case event:
                self._hear(self._round.on_timer(timer))
                attempt, current = self._round.attempt, timer.place == self.place
                if event == SumsDue() and current and attempt and attempt.awaits_certificate:
                    # others may have it, from results that never came here
                    self.neighbours.greet(self.neighbours.present, self.place)
        return self._proceed()

    def on_message(self, sender: int, data: bytes) -> list[Step]:
        """A frame from an authenticated roster peer. Whatever is wrong with it is dropped here."""
        self._receive(sender, data)
        return self._proceed()

    def on_polynomials(self, round_: int, data: bytes) -> list[Step]:
        """What FetchPolynomials asked for."""
        if round_ == self.position.round:
            try:
                self._hear(self._round.on_polynomials(data))
            except WireError as error:
                self.emit(Dropped(self.me, str(error)))
        return self._proceed()

    def adopt(self, missed: Sequence[CertifiedRound], model: npt.NDArray[np.float32]) -> list[Step]:
        """Catch up: verified certificates from this round on, and the last one's model.

        Raises ProtocolError, and changes nothing, if they don't follow from where this peer
        stands or certify another model.
        """
        missed = [item for item in missed if item.round >= self.position.round]
        if missed:
            reason = check_chain(self.position, missed, model)
            if reason:
                raise ProtocolError(reason)
            if self.permit.recall.waits:
                self.permit.doubt(self.position.round, missed, self._round.journal)
            self._leave(missed, model)
            self.neighbours.greet_later(self.neighbours.present)
            if self.state is Standing.ASKING:
                self.neighbours.greet_once_more(self.place)
        return self._proceed()

    def _proceed(self) -> list[Step]:
        """Transitions that an event called for happen here, outside the part that called.

        Each is a step of its own: what the next round says is journaled behind this one's end.
        """
        steps = [self._done()]
        for _ in range(4 * self.setting.max_attempts + 8):
            if self.state is Standing.BETWEEN:
                self._begin_round()
                self.neighbours.greet_once_more(self.place)
            elif not self._next_attempt():
                break
            steps.append(self._done())
        return [step for step in steps if step]

    def _done(self) -> Step:
        self.absorb(self.neighbours.done())
        return self.done()

    # -- what was signed in an earlier life ----------------------------------------------------

    def _ask_what_was_signed(self) -> None:
        for peer in self.permit.recall.ask(self.neighbours.present - {self.me}):
            self.neighbours.send(peer, RecallFrame(self.position.round))
        self._settle_recall()

    def _settle_recall(self) -> None:
        if self.permit.recall.settle(self.neighbours.present):
            self._answered()
        elif self.state is Standing.SUSPECT and not self.permit.is_doubtful(self.position.round):
            # the answer that was wanting has come after the deadline
            self._state.move(StandingEvent.CLEARED)
            self._begin_round()

    def _answered(self) -> None:
        self._state.move(StandingEvent.ANSWERED)
        self._begin_round()
        self.neighbours.greet(self.neighbours.present, self.place)

    def _on_recall(self, sender: int, frame: RecallFrame) -> None:
        """Where the round that is asked about is over, its certificate goes ahead of the answer:
        what was signed there is forgotten here, and whoever asks must not sign anew.
        """
        if self._may_ask(sender, frame):
            if frame.round < self.position.round:
                self.neighbours.help(sender, frame.round, self.place, again=True)
            said = self.what_was_said_by(sender)
            self.neighbours.send(sender, recalled(said, frame.round))

    def what_was_said_by(self, peer: int) -> list[Statement]:
        """What ``peer`` signed, as far as it came here, in frames that still wait too."""
        held = self._previous.said_by(peer) if self._previous is not None else []
        ahead = self.neighbours.ahead.of(peer)
        return held + self._round.said_by(peer) + signed_in(self.setting, ahead, peer)

    def _on_recalled(self, sender: int, frame: RecalledFrame) -> None:
        try:
            shown = self.permit.hear(sender, frame, self._round.journal)
            if self.permit.sit_out_until(shown):
                self._sit_out()
        finally:  # rubbish is an answer too
            self._settle_recall()

    def _sit_out(self) -> None:
        """Sign nothing more in this round. Journaled at once: others are still awaited, and this
        life may end before they answer.
        """
        running = self.state is Standing.RUNNING
        if running and not self.permit.must_sit_out(self.position.round):
            return
        self._state.move(StandingEvent.SHOWN)
        self.emit_all(self.permit.journaled(self.position.round))
        if running:
            self._round.abandon()
            self._say_sitting_out()

    def _say_sitting_out(self) -> None:
        self.emit(Phase(self.position.round, 0, "sitting out"))

    # -- rounds --------------------------------------------------------------------------------

    def _begin_round(self) -> None:
        round_, permit = self.position.round, self.permit
        if self.finished:
            self._state.move(StandingEvent.LAST)
        elif permit.must_sit_out(round_) or permit.is_doubtful(round_):
            known = permit.must_sit_out(round_)
            self._state.move(StandingEvent.HOLD if known else StandingEvent.DOUBT)
            self.emit_all(permit.journaled(round_))
            self._say_sitting_out()
        else:
            self._state.move(StandingEvent.BEGIN)
            self._hear(self._round.begin(self.neighbours.present, self.proofs.pieces()))
            self._replay_ahead()

    def _next_attempt(self) -> bool:
        """Begin the attempt that is to follow; False where none is."""
        beyond = self.neighbours.beyond(self.place) > self.setting.liars
        if self._round.state is Rounding.PAUSING and beyond:
            self._round.retry(self.place)
        if self._round.state is not Rounding.AGAIN:
            return False
        self._hear(self._round.again(self.neighbours.present, self.proofs.pieces()))
        self._replay_ahead()
        return True

    def _hear(self, step: Step) -> None:
        for outcome in self.absorb(step):
            if isinstance(outcome, Accused):
                self._accuse(outcome.evidence)
            elif isinstance(outcome, RoundOver):
                self._complete(outcome)

    def _complete(self, over: RoundOver) -> None:
        """The certificate and the model that this machine computes from it are both here."""
        result = over.certified.result
        if model_hash(over.model) != result.model:
            # take the model itself, by its hash, from those who signed it (fault 67)
            for peer in over.certified.signers:
                if peer != self.me:
                    self.emit(CatchUp(self.position.round, peer))
            return
        certified = verify_certificate(self.setting, over.certified.certificate)
        blamed = self.proofs.blamed_in(certified.round)
        self.emit(self._round.completed(over, certified, self.proofs.pieces(), blamed))
        self._leave([certified], over.model)

    def _leave(self, certified: Sequence[CertifiedRound], model: npt.NDArray[np.float32]) -> None:
        """On to the round behind these."""
        self.absorb(self._round.leave())
        self._state.move(StandingEvent.OVER)
        self._previous, position = self._round, self._round.position
        for each in certified:
            self.neighbours.remember(each.round, each.certificate.encode())
            ledger = position.ledger.after(each.round, each.election)
            position = Position(each.round + 1, model, each.hash, ledger)
            self.proofs.next_round(ledger)
        self.neighbours.next_round()
        self._results.clear()
        self._round = Round(self._peer, position, Journal(position.round))

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
                news = self.proofs.hear(sender, evidence, self.position.ledger)
                if news is not None:
                    self.emit(news)
            case CertificateFrame(certificate):
                self._on_certificate(sender, certificate)
            case HelloFrame() as frame:
                self._on_hello(sender, frame)
            case RecallFrame() as frame:
                self._on_recall(sender, frame)
            case RecalledFrame() as frame:
                self._on_recalled(sender, frame)
            case _ if message.place is not None:
                self._route(message, message.place, data)

    def _route(self, message: Message, place: tuple[int, int], data: bytes) -> None:
        mine, sender = self.place, message.sender
        if self._round.takes(place):
            self._hear(self._round.on_message(message, data))
        elif place[0] > mine[0] + 1:
            self.neighbours.catch_up(place[0] - 1, sender)
        elif place >= mine:
            waits = self.neighbours.wait_for(sender, data, place)
            if (waits and place[0] > mine[0]) or self._is_over(message):
                delay = max(1, self.setting.deadlines.result // 4)
                self.neighbours.suspect_behind(mine[0], delay)
        elif self._previous is not None and self._previous.takes(place):
            self._hear(self._previous.on_message(message, data))
        elif place[0] < self.position.round:
            self.neighbours.help(sender, place[0], mine)

    def _is_over(self, message: Message) -> bool:
        """Whether RESULTs say that the round which this peer sits out is certified: behind the
        group's last one nobody is ever seen in a later one.
        """
        if self.sits_out and message.slot is not None and message.slot.kind is Kind.RESULT:
            self._results.add(message.sender)
        return len(self._results) >= signatures_needed(self.setting)

    def _replay_ahead(self) -> None:
        for sender, data in self.neighbours.ahead.take_all():
            self._receive(sender, data)

    def _on_hello(self, sender: int, frame: HelloFrame) -> None:
        if not self._may_ask(sender, frame):
            return
        if frame.round < self.position.round:
            self.neighbours.help(sender, frame.round, self.place, again=True)
        elif frame.round > self.position.round:
            self.neighbours.greet_later({sender})
            self.neighbours.catch_up(frame.round - 1, sender)
        elif self._round.attempt is not None:
            endings = self._round.endings[frame.attempt :]
            for closing in chain.from_iterable(ending.frames for ending in endings):
                self.neighbours.send(sender, closing)
            for peers, data in self._round.attempt.party.sent:
                if sender in peers:  # all that it was sent in this attempt: it has restarted
                    self.neighbours.emit(Send((sender,), data))

    def _may_ask(self, sender: int, frame: HelloFrame | RecallFrame) -> bool:
        delay = self.setting.deadlines.result
        return self.neighbours.may_ask(sender, frame, self.place, delay)

    def _on_certificate(self, sender: int, data: bytes) -> None:
        """A peer takes a result from anyone if the certificate verifies (§6). One that still asks
        what it has signed begins no round that is over: of those nobody may know any more.
        """
        certified = verify_certificate(self.setting, data)
        if certified.round >= self.position.round:
            if self.permit.recall.waits:
                self.permit.sit_out_until(certified.round)
            self.neighbours.catch_up(certified.round, sender)

    # -- liars ---------------------------------------------------------------------------------

    def _accuse(self, evidence: Evidence) -> None:
        """Tell everyone what can be proven; it enters the next commitment set (§0)."""
        data = evidence.encode()
        try:
            news = self.proofs.take(data, self.position.ledger)
        except WireError as error:  # it looked like proof, and is none: nobody is accused
            self.emit(Dropped(self.me, str(error)))
            return
        if news is not None:
            others = tuple(peer for peer in range(self.setting.peers) if peer != self.me)
            self.emit(news)
            self.emit(Send(others, encode_frame(EvidenceFrame(data))))
