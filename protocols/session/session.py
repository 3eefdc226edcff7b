"""A peer in its group: rounds one after another, and what it does with whoever is behind or ahead.

Pure: a message and the time in, effects out. One Session drives one peer for its life; the runner
(``peerd.runner``) and the simulation give it the same events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.aggregation.contract import Reference
from protocols.committee.opener import Outcome
from protocols.errors import ProtocolError, WireError
from protocols.record.base import Values
from protocols.record.certificate import (
    CertifiedRound,
    signatures_needed,
    verify_certificate,
)
from protocols.record.contents import signed_in, slot_of
from protocols.record.effects import (
    Dropped,
    Effect,
    Persist,
    Phase,
    Send,
    Timer,
)
from protocols.record.evidence import Evidence, Judge
from protocols.record.position import Position, check_chain
from protocols.record.setting import Setting
from protocols.secret import Secret
from protocols.session.attempt import Attempt, Parts
from protocols.session.attempts import Attempts
from protocols.session.company import Company
from protocols.session.docket import Docket
from protocols.session.recall import Recall, recalled
from protocols.session.standing import SIGNS, remembers, sat_out, sat_out_key, suspected_until
from protocols.wire.frames import (
    CertificateFrame,
    EvidenceFrame,
    Frame,
    HelloFrame,
    RecalledFrame,
    RecallFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.statement import Kind, Statement


class Session:
    """``secrets(round, key)`` gives 32 fresh bytes, journaled under that key before they are used;
    the same again after a restart. ``journal`` is the current round's, as an earlier life left it.
    After ``rounds`` rounds no further one begins; the session goes on helping those behind.
    Nothing is signed for rounds up to ``sit_out``: a peer whose store is an old backup does not
    know what it has signed there (fault 47). Before anything is signed at all, the others are asked
    what they hold that this peer has signed (protocols/session/recall.py). For rounds up to
    ``suspect`` a quorum of them must have answered, and nothing may be lacking.
    """

    def __init__(
        self,
        setting: Setting,
        me: int,
        identity: Secret,
        position: Position,
        secrets: Callable[[int, str], Secret],
        journal: MutableMapping[str, bytes] | None = None,
        *,
        rounds: int | None = None,
        sit_out: int = SIGNS,
        suspect: int = SIGNS,
        parts: type[Parts] = Parts,
    ) -> None:
        self.setting = setting
        self.me = me
        self.judge = Judge(setting)
        self._rounds = rounds
        journal = {} if journal is None else journal
        self._sit_out = max(sit_out, sat_out(journal))
        self._suspect = suspect
        self._effects: list[Effect] = []
        self._next_round = False
        self._greet_again: set[int] = set()
        self._held_back = False
        self._results: set[int] = set()
        self.recall = Recall(setting, me)
        self.company = Company(self._effects)
        self.docket = Docket(me, self.judge)
        self._attempts = Attempts(
            setting,
            me,
            identity,
            position,
            secrets,
            journal,
            self._effects,
            self.judge,
            self.docket,
            self.company,
            begun=self._replay_ahead,
            accuse=self._accuse,
            parts=parts,
        )

    @property
    def position(self) -> Position:
        return self._attempts.position

    @property
    def place(self) -> tuple[int, int]:
        """(round, attempt) in which this peer stands."""
        return self._attempts.place

    @property
    def attempt(self) -> Attempt | None:
        """The round's current attempt; None between rounds."""
        return self._attempts.current

    @property
    def previous_attempt(self) -> Attempt | None:
        """The last attempt of the round before, of which late words are still compared."""
        return self._attempts.previous

    @property
    def finished(self) -> bool:
        return self._rounds is not None and self.position.round >= self._rounds

    def lacks_polynomials(self, round_: int) -> bool:
        """Whether this round is certified here, and its opened sum is still to come."""
        attempts = self._attempts
        waits = attempts.pending is not None and not attempts.has_model
        return waits and round_ == self.position.round

    # -- events; each returns the effects, in order ---------------------------------------------

    def start(self, present: Iterable[int]) -> list[Effect]:
        """Begin the current round, with whoever is connected, once they say what this peer signed
        in an earlier life.
        """
        self.company.present = frozenset(present)
        round_, delay = self.position.round, self.setting.deadlines.recall
        self._effects.append(Timer((round_, 0, "recall"), delay))
        self._effects.append(Phase(round_, 0, "asking what was signed before"))
        self._journal_sitting_out()
        self._ask_what_was_signed()
        return self._drain()

    def on_present(self, present: Iterable[int]) -> list[Effect]:
        """Who is connected has changed."""
        joined = frozenset(present) - self.company.present
        self.company.present = frozenset(present)
        self.recall.forget_absent(self.company.present)
        self._ask_what_was_signed()
        if self.attempt is not None:
            self.attempt.set_present(self.company.present)
        if self.attempt is not None or self._sits_out:
            self._greet(joined)
        return self._drain()

    def on_update(
        self,
        round_: int,
        values: Values,
        reference: Reference | None = None,
    ) -> list[Effect]:
        """This peer's encoded update of the round, from training.

        ``values`` (|v|,) integers; ``reference`` (d,) of a rule that uses one. Raises
        ProtocolError for a reference that is missing or has another shape.
        """
        attempts = self._attempts
        if round_ == self.position.round and attempts.values is None and attempts.current:
            attempts.take_update(values, reference)
        return self._drain()

    def on_timer(self, name: tuple[str | int, ...]) -> list[Effect]:
        round_, attempt, *rest = name
        if rest == ["recall"]:
            if self.recall.give_up():
                self._begin_first_round()
            return self._drain()
        if rest == ["behind"]:
            if round_ == self.position.round:
                self._greet(self.company.present)
            return self._drain()
        if rest == ["hellos"]:
            for sender, frame in self.company.take_put_off():
                self._on_frame(sender, frame, b"")
            return self._drain()
        if rest == ["retry"]:
            if round_ == self.position.round:
                self._attempts.on_retry(int(attempt))
            return self._drain()
        for machine in (self.attempt, self.previous_attempt):
            if machine is not None and (machine.desk.round, machine.desk.attempt) == (
                round_,
                attempt,
            ):
                machine.on_timer(tuple(rest))
                if rest == ["open"] and machine is self.attempt and machine.awaits_certificate:
                    # others may have it, from results that never came here
                    self._greet(self.company.present)
                break
        return self._drain()

    def on_message(self, sender: int, data: bytes) -> list[Effect]:
        """A frame from an authenticated roster peer. Whatever is wrong with it is dropped here."""
        try:
            self._on_frame(sender, decode_frame(data), data)
        except WireError as error:
            self._effects.append(Dropped(sender, str(error)))
        return self._drain()

    def on_polynomials(self, round_: int, data: bytes) -> list[Effect]:
        """What FetchPolynomials asked for."""
        attempt, pending = self.attempt, self._attempts.pending
        if pending is not None and attempt is not None and round_ == self.position.round:
            assert attempt.opener is not None
            try:
                if attempt.opener.on_polynomials(data):
                    self._complete(pending)
            except WireError as error:
                self._effects.append(Dropped(self.me, str(error)))
        return self._drain()

    def adopt(
        self, missed: Sequence[CertifiedRound], model: npt.NDArray[np.float32]
    ) -> list[Effect]:
        """Catch up: verified certificates from this round on, and the last one's model.

        Raises ProtocolError, and changes nothing, if they don't follow from where this peer
        stands or certify another model.
        """
        missed = [item for item in missed if item.round >= self.position.round]
        if not missed:
            return self._drain()
        reason = check_chain(self.position, missed, model)
        if reason:
            raise ProtocolError(reason)
        if self.recall.waits:  # nothing is signed yet, and the store is older than it seemed
            start, remembered = self.position.round, remembers(self._attempts.journal)
            last = suspected_until(start, missed[-1].round + 1, remembered)
            self._suspect = max(self._suspect, last)
        self._attempts.leave()
        for certified in missed:
            self.company.remember(certified.round, certified.certificate.encode())
            self._step_to(certified, model)
        self._greet_again |= self.company.present
        return self._drain()

    # -- what was signed in an earlier life ----------------------------------------------------

    def _ask_what_was_signed(self) -> None:
        for peer in self.recall.ask(self.company.present - {self.me}):
            self.company.send(peer, RecallFrame(self.position.round))
        self._settle_recall()

    def _settle_recall(self) -> None:
        if self.recall.settle(self.company.present):
            self._begin_first_round()
        elif self._held_back and not self._sits_out:
            self._begin_round()  # the answer that was wanting has come after the deadline

    def _begin_first_round(self) -> None:
        self._begin_round()
        self._greet(self.company.present)

    def _on_recall(self, sender: int, frame: RecallFrame) -> None:
        """Where the round that is asked about is over, its certificate goes ahead of the answer:
        what was signed there is forgotten here, and whoever asks must not sign anew.
        """
        if self._may_ask(sender, frame):
            if frame.round < self.position.round:
                self.company.help(sender, frame.round, self.place, again=True)
            said = self.what_was_said_by(sender)
            self.company.send(sender, recalled(said, frame.round))

    def what_was_said_by(self, peer: int) -> list[Statement]:
        """What ``peer`` signed, as far as it came here, in frames that still wait too."""
        ahead = (decode_frame(data) for data in self.company.ahead.of(peer))
        return self._attempts.said_by(peer) + signed_in(ahead, self.setting.group, peer)

    def _on_recalled(self, sender: int, frame: RecalledFrame) -> None:
        try:
            shown = self.recall.hear(sender, frame, self.position.round, self._attempts.journal)
            self._sit_out_until(shown)
        finally:  # rubbish is an answer too
            self._settle_recall()

    def _sit_out_until(self, last: int) -> None:
        """Sign nothing for rounds up to ``last``, nor go on with one of them."""
        if last <= self._sit_out:
            return
        self._sit_out = last
        if self._attempts.current is not None:
            self._attempts.abandon()
            self._say_sitting_out()
        else:  # at once: others are still awaited, and this life may end before they answer
            self._journal_sitting_out()

    @property
    def _sits_out(self) -> bool:
        held_back = self.position.round <= self._sit_out or self._is_suspect
        return held_back and not self.recall.waits

    @property
    def _is_suspect(self) -> bool:
        """Whether the store looks old, and too few have yet said that they know of nothing."""
        return self.position.round <= self._suspect and not self.recall.quorum_answered()

    def _say_sitting_out(self) -> None:
        """Journaled where it is known, and not only suspected: who remembers what was signed may be
        silent when this peer starts once more.
        """
        self._journal_sitting_out()
        self._effects.append(Phase(self.position.round, 0, "sitting out"))

    def _journal_sitting_out(self) -> None:
        round_ = self.position.round
        if round_ <= self._sit_out:
            self._effects.append(Persist(round_, sat_out_key(self._sit_out), b""))

    # -- rounds --------------------------------------------------------------------------------

    def _begin_round(self) -> None:
        if self.finished or self.recall.waits:
            return
        self._held_back = self._sits_out
        if self._held_back:
            self._say_sitting_out()
            return
        self._attempts.begin_round()

    def _complete(self, outcome: Outcome) -> None:
        """The certificate and the model that it certifies are both here."""
        attempt = self.attempt
        assert attempt is not None and attempt.opener is not None
        model = attempt.opener.model
        assert model is not None
        if model_hash(model) != outcome.result.model:
            self._attempts.resync(outcome)
            return
        certified = verify_certificate(self.setting, outcome.certificate)
        self._attempts.pending = None
        self._effects.append(self._attempts.completed(certified, attempt, model))
        self.company.remember(certified.round, outcome.certificate)
        self._attempts.leave()
        self._step_to(certified, model)

    def _step_to(self, certified: CertifiedRound, model: npt.NDArray[np.float32]) -> None:
        ledger = self.position.ledger.after(certified.round, certified.election)
        self._attempts.position = Position(certified.round + 1, model, certified.hash, ledger)
        self.docket.next_round(ledger)
        self.company.next_round()
        self._results.clear()
        self._next_round = True

    # -- frames --------------------------------------------------------------------------------

    def _on_frame(self, sender: int, frame: Frame, data: bytes) -> None:
        if isinstance(frame, EvidenceFrame):
            self._on_evidence(sender, frame.evidence)
        elif isinstance(frame, CertificateFrame):
            self._on_certificate(sender, frame.certificate)
        elif isinstance(frame, HelloFrame):
            self._on_hello(sender, frame)
        elif isinstance(frame, RecallFrame):
            self._on_recall(sender, frame)
        elif isinstance(frame, RecalledFrame):
            self._on_recalled(sender, frame)
        else:
            slot = slot_of(frame, self.setting.group)
            self._route(sender, frame, data, (slot.round, slot.attempt))

    def _route(self, sender: int, frame: Frame, data: bytes, place: tuple[int, int]) -> None:
        attempt, mine = self.attempt, self.place
        if attempt is not None and place == mine:
            attempt.on_frame(sender, frame, len(data))
        elif place[0] > mine[0] + 1:
            self.company.catch_up(place[0] - 1, sender)
        elif place > mine or (attempt is None and place == mine):
            waits = self.company.wait_for(sender, data, place)
            if (waits and place[0] > mine[0]) or self._is_over(sender, frame):
                delay = self.setting.deadlines.behind
                self.company.suspect_behind(mine[0], delay)
            self._attempts.retry_with_others()
        else:
            self._on_old_frame(sender, frame, len(data), place)

    def _is_over(self, sender: int, frame: Frame) -> bool:
        """Whether RESULTs say that the round which this peer sits out is certified: behind the
        group's last one nobody is ever seen in a later one.
        """
        if self._sits_out and slot_of(frame, self.setting.group).kind is Kind.RESULT:
            self._results.add(sender)
        return len(self._results) >= signatures_needed(self.setting)

    def _greet(self, peers: Iterable[int]) -> None:
        """Say hello from here, and once more from the next round: what they have said there may be
        lost as well, and their answer to this one only ends this round.
        """
        others = set(peers) - {self.me}
        self.company.greet(others, self.place)
        self._greet_again |= others

    def _greet_once_more(self) -> None:
        again = (self._greet_again & self.company.present) - {self.me}
        self._greet_again = set()
        self.company.greet(again, self.place)

    def _on_old_frame(self, sender: int, frame: Frame, size: int, place: tuple[int, int]) -> None:
        previous = self.previous_attempt
        if previous is not None and place == (previous.desk.round, previous.desk.attempt):
            previous.on_frame(sender, frame, size)
        elif place[0] < self.position.round:
            self.company.help(sender, place[0], self.place)

    def _replay_ahead(self) -> None:
        for sender, data in self.company.ahead.take_all():
            try:
                self._on_frame(sender, decode_frame(data), data)
            except WireError as error:
                self._effects.append(Dropped(sender, str(error)))

    def _on_hello(self, sender: int, frame: HelloFrame) -> None:
        if not self._may_ask(sender, frame):
            return
        if frame.round < self.position.round:
            self.company.help(sender, frame.round, self.place, again=True)
        elif frame.round > self.position.round:
            self._greet_again.add(sender)
            self.company.catch_up(frame.round - 1, sender)
        elif self.attempt is not None:
            for closing in chain.from_iterable(self._attempts.closed[frame.attempt :]):
                self.company.send(sender, closing)
            self.attempt.desk.resend(sender)

    def _may_ask(self, sender: int, frame: HelloFrame | RecallFrame) -> bool:
        delay = self.setting.deadlines.result
        return self.company.may_ask(sender, frame, self.place, delay)

    def _on_certificate(self, sender: int, data: bytes) -> None:
        """A peer takes a result from anyone if the certificate verifies (§6). One that still asks
        what it has signed begins no round that is over: of those nobody may know any more.
        """
        certified = verify_certificate(self.setting, data)
        if certified.round >= self.position.round:
            if self.recall.waits:
                self._sit_out = max(self._sit_out, certified.round)
            self.company.catch_up(certified.round, sender)

    # -- liars ---------------------------------------------------------------------------------

    def _accuse(self, evidence: Evidence) -> None:
        """Tell everyone what can be proven; it enters the next commitment set (§0)."""
        data = evidence.encode()
        try:
            news = self.docket.take(data, self.position.ledger)
        except WireError as error:  # it looked like proof, and is none: nobody is accused
            self._effects.append(Dropped(self.me, str(error)))
            return
        if news is not None:
            others = tuple(peer for peer in range(self.setting.peers) if peer != self.me)
            self._effects += [news, Send(others, encode_frame(EvidenceFrame(data)))]

    def _on_evidence(self, sender: int, data: bytes) -> None:
        news = self.docket.hear(sender, data, self.position.ledger)
        if news is not None:
            self._effects.append(news)

    # -- effects -------------------------------------------------------------------------------

    def _drain(self) -> list[Effect]:
        """Transitions that an event called for happen here, outside the component that called."""
        for _ in range(4 * self.setting.max_attempts + 8):
            pending = self._attempts.pending
            if pending is not None and self._attempts.has_model:
                self._complete(pending)
            elif self._next_round:
                self._next_round = False
                self._begin_round()
                self._greet_once_more()
            elif not self._attempts.retry():
                break
        effects, self._effects[:] = list(self._effects), []
        return effects

    def phase(self) -> str:
        return self.attempt.phase() if self.attempt is not None else "between rounds"
