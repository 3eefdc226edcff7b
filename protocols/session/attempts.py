"""The attempts of a round, as its peer makes them: begun, void, ended, made again, left behind.

A transition that an attempt calls for from within only sets what comes next; the session makes it
once the attempt has returned (``retry``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.aggregation.contract import Reference
from protocols.committee.opener import Outcome
from protocols.errors import ProtocolError
from protocols.record.base import Base, Values, decode_reference
from protocols.record.certificate import CertifiedRound, ElectionCertificate
from protocols.record.cohort import Exclusion
from protocols.record.effects import (
    Abort,
    Aborted,
    CatchUp,
    Completed,
    Effect,
    Erase,
    FetchPolynomials,
    Stop,
    Stopped,
    Timer,
    Train,
)
from protocols.record.evidence import Evidence, Judge
from protocols.record.position import Position
from protocols.record.setting import Setting
from protocols.record.transcript import Transcript
from protocols.secret import Secret
from protocols.session.attempt import Attempt, Parts, Start, attempt_secrets
from protocols.session.company import Company
from protocols.session.docket import Docket
from protocols.session.ended import Ended, ended_key
from protocols.wire.frames import Frame
from protocols.wire.statement import MAX_ATTEMPT, Statement

MAX_RETRY_DELAY = 8
"""Attempts without a quorum follow each other at up to so many times the result's deadline."""


class Attempts:
    """``secrets``, ``journal`` and ``parts`` are the session's. ``begun`` is called when an attempt
    takes frames, ``accuse`` with proof against a liar. ``pending`` is the certified outcome whose
    model is still to come. ``closed``: by attempt, the decisions that ended it.
    """

    def __init__(
        self,
        setting: Setting,
        me: int,
        identity: Secret,
        position: Position,
        secrets: Callable[[int, str], Secret],
        journal: MutableMapping[str, bytes],
        effects: list[Effect],
        judge: Judge,
        docket: Docket,
        company: Company,
        *,
        begun: Callable[[], None],
        accuse: Callable[[Evidence], None],
        parts: type[Parts],
    ) -> None:
        self.setting = setting
        self.me = me
        self.position = position
        self.current: Attempt | None = None
        self.previous: Attempt | None = None
        self.values: Values | None = None
        self.closed: list[tuple[Frame, ...]] = []
        self.pending: Outcome | None = None
        self._identity = identity
        self._secrets = secrets
        self._journal = journal
        self._effects = effects
        self._judge = judge
        self._docket = docket
        self._company = company
        self._begun = begun
        self._accuse = accuse
        self._parts = parts
        self._silent: tuple[int, ...] = ()
        self._lifted = False
        self._void: list[ElectionCertificate] = []
        self._said: dict[int, list[Statement]] = {}
        self._said_last_round: dict[int, list[Statement]] = {}
        self._base = Base(setting, model_hash(position.model))
        self._training = False
        self._retry_later: int | None = None
        self._waits_to_retry = False

    @property
    def journal(self) -> Mapping[str, bytes]:
        """What this peer has signed in its current round, and its secrets there."""
        return self._journal

    @property
    def place(self) -> tuple[int, int]:
        """(round, attempt) in which this peer stands."""
        return self.position.round, self.current.desk.attempt if self.current else 0

    # -- beginning -----------------------------------------------------------------------------

    def begin_round(self) -> None:
        """Behind the attempts that an earlier life of this peer saw end."""
        self._silent = ()
        self._lifted = False
        self._void = []
        self._said, self._said_last_round = {}, self._said
        self.closed = []
        self._base = Base(self.setting, model_hash(self.position.model))
        self.values = self._remembered_update()
        self.pending = None
        self._training = False
        if self.setting.clients is None or self.setting.aggregator.uses_reference:
            self._train()
        number = self._restore_ended() + 1
        if self._may_begin(number):
            self._begin(number)
        else:
            self._effects.append(Stopped(self.position.round, Stop.ATTEMPTS))

    def _train(self) -> None:
        """At the start of the round beside the election, unless the coin first says who deals.

        A reference is everybody's: who does not deal checks with it.
        """
        if not self._training:
            self._training = True
            self._effects.append(Train(self.position.round, self.position.model))

    def _remembered_update(self) -> Values | None:
        """The update of an earlier life; its reference is taken up again with it."""
        data, reference = self._journal.get("update"), self._journal.get("reference")
        if data is None:
            return None
        if reference is not None:
            self._base.take(decode_reference(self.setting, reference))
        return np.frombuffer(data, dtype="<i8").astype(np.int64)

    def take_update(self, values: Values, reference: Reference | None) -> None:
        """Journaled before it is dealt: a restart deals the same bytes (fault 77)."""
        assert self.current is not None
        if reference is not None:
            self._base.take(reference)
            self.current.desk.persist("reference", self._base.reference)
        if self._base.awaits_reference:
            raise ProtocolError(f"{self.setting.aggregator.name} needs the round's reference")
        if self.current.cohort_decided:
            return  # trained too late: the round ends without it
        self.current.desk.persist("update", values.astype("<i8").tobytes())
        self.values = values
        self.current.on_update(values)

    def _restore_ended(self) -> int:
        """Attempts of this round that an earlier life saw end; the last one's number, or -1.

        Their keys are erased, and nobody else needs this peer in them: what ended an attempt was
        decided, and is shown to whoever asks.
        """
        number = -1
        while (record := self._journal.get(ended_key(number + 1))) is not None:
            number += 1
            ended = Ended.decode(record)
            self.closed.append(ended.frames)
            self._silent = ended.silent
            self._lifted = self._lifted or ended.reason is Abort.QUORUM
            if ended.flip:
                self._void.append(ended.void(self.position.round, number))
            self._effects.append(Erase(self.position.round, attempt_secrets(number)))
        return number

    def _begin(self, number: int) -> None:
        self._waits_to_retry = False
        if self.current is not None:
            self._remember_said(self.current)
        position = self.position
        start = Start(
            position.ledger.lifted() if self._lifted else position.ledger,
            self._silent,
            position.model,
            self._base,
            position.previous,
            *(self._secrets(position.round, key) for key in attempt_secrets(number)),
        )
        self.current = Attempt(
            self.setting,
            self.me,
            self._identity,
            (position.round, number),
            start,
            self._journal,
            self._effects,
            self._judge,
            selected=self._train,
            voided=self._on_void,
            ended=self._on_ended,
            certified=self._on_certified,
            accuse=self._accuse,
            parts=self._parts,
        )
        self.current.start(self._company.present, self._docket.pieces())
        if self.values is not None:
            self.current.on_update(self.values)
        self._begun()

    # -- void or ended, and once more ----------------------------------------------------------

    def _on_void(self, certificate: ElectionCertificate) -> None:
        """A flip that somebody spoiled by silence: once more, without them (§2)."""
        self._void.append(certificate)
        self._silent = tuple(sorted({*self._silent, *certificate.election.missing}))
        self._next_attempt(Abort.FLIP)

    def _on_ended(self, reason: Abort) -> None:
        self._next_attempt(reason)

    def _next_attempt(self, reason: Abort) -> None:
        assert self.current is not None
        desk, number = self.current.desk, self.current.desk.attempt
        awaited = self.current.awaited(reason)
        self._effects.append(Aborted(self.position.round, number, reason, awaited))
        if reason is not Abort.FLIP:
            self._silent = ()  # with those that failed to reveal there may be enough
        if reason is Abort.QUORUM:
            self._lifted = True  # or with those that are locked out
        frames = tuple(self.current.closing_frames())
        self.closed.append(frames)
        desk.persist(ended_key(number), Ended(reason, self._silent, frames).encode())
        desk.erase(*attempt_secrets(number))
        self.current.forget()
        if not self._may_begin(number + 1):
            self._effects.append(Stopped(self.position.round, Stop.ATTEMPTS))
        elif reason is Abort.QUORUM:
            self._wait_to_retry(number)
        else:
            self._retry_later = number + 1

    def _may_begin(self, number: int) -> bool:
        """The plan's bound on a bad committee pays for no further draw (§1, §2). Where the roster
        sits a round may wait for members as long as attempts have numbers.
        """
        if self.setting.roster_sits:
            return number <= MAX_ATTEMPT
        return number < self.setting.max_attempts

    def _wait_to_retry(self, number: int) -> None:
        """Those that were missing need time to come back: attempts that end at once would leave
        them ever further behind.
        """
        delay = self.setting.deadlines.result * min(number + 1, MAX_RETRY_DELAY)
        self._effects.append(Timer((self.position.round, number, "retry"), delay))
        self._waits_to_retry = True
        self.retry_with_others()

    def retry_with_others(self) -> None:
        """An honest peer has waited long enough and begun: whoever began to wait later, because it
        restarted, would else come too late to every attempt that there will be.
        """
        if self._waits_to_retry and self._company.beyond(self.place) > self.setting.liars:
            self._retry_later = self.place[1] + 1

    def on_retry(self, number: int) -> None:
        """The time to wait after attempt ``number`` is over."""
        here = self.current.desk.attempt if self.current is not None else -1
        if number == here:
            self._retry_later = here + 1

    def retry(self) -> bool:
        """Begin the attempt that is to follow; False where none is."""
        if self._retry_later is None:
            return False
        number, self._retry_later = self._retry_later, None
        self._begin(number)
        return True

    # -- what others said ----------------------------------------------------------------------

    def _remember_said(self, attempt: Attempt) -> None:
        """Of each peer, what it signed in the last attempt in which it was heard: a store that
        knows all of that knows all that its peer signed before.
        """
        for peer in range(self.setting.peers):
            said = attempt.said_by(peer)
            if said:
                self._said[peer] = said

    def said_by(self, peer: int) -> list[Statement]:
        """What this peer holds that ``peer`` signed, in this round and the last."""
        held = [*self._said_last_round.get(peer, ()), *self._said.get(peer, ())]
        for attempt in (self.previous, self.current):
            held += attempt.said_by(peer) if attempt is not None else []
        return held

    def abandon(self) -> None:
        """Sign nothing more in this round: the journal may lack what was signed in it."""
        self._retry_later, self._waits_to_retry, self.pending = None, False, None
        if self.current is not None:
            self._remember_said(self.current)
            self.current.abandon()
            self.current = None

    # -- the round's end -----------------------------------------------------------------------

    def _on_certified(self, outcome: Outcome) -> None:
        attempt = self.current
        assert attempt is not None and attempt.opener is not None
        self.pending = outcome
        if attempt.opener.polynomials is None:
            peers = tuple(peer for peer in outcome.signers if peer != self.me)
            self._effects.append(
                FetchPolynomials(self.position.round, outcome.result.polynomials, peers)
            )

    @property
    def has_model(self) -> bool:
        """Whether the model of the certified round is here."""
        attempt = self.current
        return (
            attempt is not None
            and attempt.opener is not None
            and (attempt.opener.model is not None)
        )

    def resync(self, outcome: Outcome) -> None:
        """This machine computes another model from the certified sum: take the model itself, by
        its hash, from those who signed it (fault 67).
        """
        self.pending = None
        for peer in outcome.signers:
            if peer != self.me:
                self._effects.append(CatchUp(self.position.round, peer))

    def completed(
        self, certified: CertifiedRound, attempt: Attempt, model: npt.NDArray[np.float32]
    ) -> Completed:
        assert attempt.opener is not None and attempt.member is not None
        assert attempt.panel is not None
        dealt = set(certified.cohort.peers)
        guilty = {peer for peer, why in certified.cohort.excluded if why == Exclusion.GUILTY}
        guilty |= self._docket.blamed_in(certified.round)
        absent = sorted(
            set(range(self.setting.peers))
            - dealt
            - guilty
            - self.position.ledger.guilty
            - {peer for peer, _ in certified.election.guilty}
            - (set(certified.election.keys) - set(attempt.panel.selected))  # not drawn
        )
        transcript = Transcript(
            tuple(self._void),
            attempt.member.agreement.decision.votes if attempt.member.agreement.decision else (),
            tuple(s.wire for _, s in sorted(attempt.member.pool.items())),
            self._docket.pieces(),
            attempt.opener.outcome.certificate if attempt.opener.outcome else b"",
            self._base.items(),
        )
        return Completed(
            certified.round,
            transcript.certificate,
            transcript.encode(),
            attempt.opener.encoded_polynomials(),
            model,
            certified.result.model,
            certified.cohort.peers,
            tuple(absent),
        )

    def leave(self) -> None:
        """Erase what could hurt later (§6); keep the attempt to compare late words with."""
        if self.current is not None:
            self.current.leave()
        self.previous = self.current
        self.current = None
        self.values = None
        self._effects.append(Erase(self.position.round))
        self._journal = {}
