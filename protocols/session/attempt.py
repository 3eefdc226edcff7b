"""One attempt at a round: election, dealing, agreement, opening, certificate.

A message that comes before this peer knows the election waits, bounded; every other one is verified
and handed to the one role that it concerns. What a role comes to moves the attempt on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from protocols.agreement import rules
from protocols.committee.committee import Committee
from protocols.committee.dealer import Dealer
from protocols.committee.member import Member
from protocols.committee.opening import Previous
from protocols.committee.sums import Sums
from protocols.election.flip import Draw, Flip, Outset
from protocols.errors import WireError
from protocols.presence.waiting import Waiting
from protocols.record.base import Base, Values
from protocols.record.cohort import GIVEN_UP
from protocols.record.door import Message, open_message, own_message, signed_in
from protocols.record.effects import (
    NOTHING,
    Abort,
    Dropped,
    Outcome,
    Phase,
    Step,
    Stop,
    Stopped,
    Timer,
)
from protocols.record.elected import Elected, panel_of
from protocols.record.evidence import Evidence, Fault
from protocols.record.ledger import Ledger
from protocols.record.outcomes import (
    Abandoned,
    Aborting,
    Accused,
    Certified,
    CohortDecided,
    Conflict,
    Drawn,
    Flipped,
    Hopeless,
    Reported,
    Resolved,
    RoundOver,
    SumOpened,
    Told,
    Wasted,
)
from protocols.record.party import Party, Role
from protocols.record.resolution import Tip
from protocols.record.states import Machine
from protocols.record.timers import FetchAgain, StillUndecided
from protocols.secret import Secret
from protocols.session.ending import dealing_key
from protocols.session.fetch import Fetch
from protocols.session.phases import Aggregating, Electing, Summing
from protocols.session.states import STAGE, Stage, StageEvent
from protocols.wire.frames import (
    DealingFrame,
    DecisionFrame,
    HaveFrame,
    StatementFrame,
    SumFrame,
)
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement

MAX_EARLY_FRAMES = 256
"""Frames of one sender that wait for the election's outcome."""

RUNNING = (Stage.ELECTING, Stage.AGGREGATING)
BALLOTS = frozenset({Kind.FIRST_VOTE, Kind.SECOND_VOTE})


@dataclass(frozen=True, slots=True)
class Start:
    """What an attempt starts from, the same at every honest peer but for the secrets."""

    tip: Tip
    ledger: Ledger
    silent: tuple[int, ...]
    model: npt.NDArray[np.float32] = field(repr=False)
    base: Base
    secret: Secret
    dealing_secret: Secret


class Attempt(Role):
    """Comes to ``RoundOver``, or to ``Aborting``; on the way to ``Drawn``, where this peer deals
    and has no update yet, and to ``Certified``.
    """

    def __init__(self, party: Party, start: Start) -> None:
        super().__init__(party)
        self._state = Machine(Stage.ELECTING, STAGE)
        self._start = start
        self._draw = Draw.of(start.secret)
        flip = Flip(party, start.tip, start.ledger, start.silent, self._draw)
        self.phase: Electing = Electing(party, flip)
        self._values: Values | None = None
        self._early: Waiting[bytes] = Waiting(MAX_EARLY_FRAMES)
        self._fetch: Fetch | None = None
        self._shown: Enum | None = None
        self._present = frozenset(party.everyone())

    @property
    def over(self) -> bool:
        """Nothing more comes of this attempt."""
        return self._state.state in (Stage.VOID, Stage.ENDED, Stage.LEFT)

    @property
    def cohort_decided(self) -> bool:
        """Nobody deals any more in this round, which ends with this cohort."""
        return self._state.state in (Stage.OPENING, Stage.CERTIFIED)

    @property
    def awaits_certificate(self) -> bool:
        return self._state.state is Stage.OPENING

    @property
    def lacks_sum(self) -> bool:
        """Whether it is certified, and the opened sum is still to come."""
        return isinstance(self.phase, Summing) and self.phase.opening.lacks_sum and not self.over

    @property
    def standing(self) -> Enum:
        """Where it stands, as it is shown."""
        return self.phase.state if self._state.state in RUNNING else self._state.state

    # -- events --------------------------------------------------------------------------------

    def start(self, outset: Outset) -> Step:
        self._present = outset.present
        self._hear(self.phase.flip.start(outset))
        return self._done()

    def set_present(self, present: Iterable[int]) -> Step:
        self._present = frozenset(present)
        self._hear(self.phase.flip.set_present(self._present))
        if isinstance(self.phase, Aggregating):
            self._hear(self.phase.member.set_present(self._present))
        return self._done()

    def on_update(self, values: Values) -> Step:
        """This peer's encoded update; dealt as soon as there is a committee."""
        self._values = values
        if isinstance(self.phase, Aggregating) and not self.over:
            self._hear(self.phase.member.take_reference())
            self._hear(self.phase.dealer.on_update(values))
        return self._done()

    def on_timer(self, timer: Timer) -> Step:
        """A timer of something that is over does nothing."""
        if isinstance(timer.event, FetchAgain):
            self._ask_for_sum()
        elif isinstance(timer.event, StillUndecided):
            if self._state.state is Stage.AGGREGATING:
                self._stop(Stop.UNDECIDED)
        elif not self.over:
            self._hear(self.phase.on_timer(timer.event))
        return self._done()

    def on_message(self, message: Message, data: bytes) -> Step:
        """WireError where it breaks a rule; it changes nothing then. ``data``: should it wait."""
        if not isinstance(self.phase, Aggregating) and _needs_election(message):
            self._early.put(message.sender, data, len(data))
        elif self.over:
            self._compare(message)
        else:
            self._handle(message)
        return self._done()

    def follow(self, step: Step) -> Step:
        """What its operator ordered (protocols.session.abandonments)."""
        self._hear(step)
        return self._done()

    def on_polynomials(self, data: bytes) -> Step:
        """What somebody gives as the opened sum; empty where it gives nothing."""
        if isinstance(self.phase, Summing) and self.lacks_sum:
            try:
                self._hear(self.phase.opening.on_polynomials(data) if data else NOTHING)
            except WireError as error:
                self.emit(Dropped(self.party.me, str(error)))
            self._ask_for_sum()
        return self._done()

    def _ask_for_sum(self) -> None:
        if self.lacks_sum and self._fetch:
            self.absorb(self._fetch.ask())

    def _done(self) -> Step:
        if (standing := self.standing) is not self._shown:
            self._shown = standing
            self.emit(Phase(*self.party.place, str(standing.value)))
        return self.done()

    def _compare(self, message: Message) -> None:
        """Late words prove liars, and move nothing: an attempt that is over signs no more."""
        if isinstance(message.frame, SumFrame | StatementFrame) and message.statement is not None:
            statement = self.party.inbox.verify(message.statement)
            self._hear(self.phase.compare(statement, message.frame))

    def _handle(self, message: Message) -> None:
        said = self.party.inbox.verify(message.statement) if message.statement else None
        self._hear(self.phase.on_message(message, said))

    # -- what the roles come to ----------------------------------------------------------------

    def _hear(self, step: Step) -> None:
        for outcome in self.absorb(step):
            self._take(outcome)

    def _take(self, outcome: Outcome) -> None:
        match outcome, self.phase:
            case Flipped(flip), _ if not self.over:
                self._elected(flip)
            case Resolved() as resolved, _ if not self.over:
                self._state.move(StageEvent.RESOLVED)
                self.emit(RoundOver((), (), (), resolved, b"", self._start.model))
            case CohortDecided(), Aggregating() as phase if not self.over:
                self._decided(phase, outcome)
            case Certified(_, _, signers), _ if not self.over:
                self._state.move(StageEvent.CERTIFIED)
                others = tuple(peer for peer in signers if peer != self.party.me)
                self._fetch = Fetch(self.party.place, others)
                self._ask_for_sum()
            case SumOpened() as opened, Summing() as phase if not self.over:
                self.emit(phase.over(opened))
            case Abandoned() as given_up, Summing() as phase if not self.over:
                self.emit(phase.given_up(given_up))
            case Hopeless(reason), _:
                self._stop(reason)
            case Conflict(), phase:
                self.emit(_equivocation(phase, outcome))
                if isinstance(phase, Aggregating):
                    self._hear(phase.member.on_conflict(outcome))
            case Accused() | Wasted(), _:
                self.emit(outcome)
            case Told(said, frame), _:
                self._try(own_message(self.party.me, frame, said))
            case Reported(report, keys), Aggregating() as phase:
                self._hear(phase.dealer.on_report(report, keys))

    def _elected(self, flip: Elected) -> None:
        if flip.election.missing:
            self._state.move(StageEvent.FLIP_VOID)
            self.emit(Aborting(Abort.FLIP, flip))
            return
        setting, keyed = self.party.setting, set(flip.seats) & set(flip.keys)
        if len(keyed) < setting.plan.quorum:
            # neither a cohort nor its absence could ever be proven: everyone knows that now
            self._state.move(StageEvent.TOO_FEW)
            self.emit(Aborting(Abort.QUORUM, flip))
            return
        self._state.move(StageEvent.ELECTED)
        secret = self._draw.round_secret
        mine = flip.keys.get(self.party.me) == setting.crypto.signing_public(secret.reveal())
        self.party.take_round_keys(flip.keys, secret if mine else None)
        self._seat(Committee(flip, panel_of(setting, flip), self._start.base))
        for sender, data in self._early.take_all():
            self._try(open_message(setting, sender, data))

    def _seat(self, committee: Committee) -> None:
        party, start = self.party, self._start
        dealer = Dealer(party, committee, start.dealing_secret)
        member = Member(party, committee, start.secret)
        sums = Sums(party, committee.panel)
        self.phase = Aggregating(party, self.phase.flip, committee, dealer, member, sums)
        self._hear(member.start(self._present))
        if self._values is not None:
            self._hear(dealer.on_update(self._values))
        elif party.me in committee.panel.selected:
            self.emit(Drawn())

    def _try(self, message: Message) -> None:
        try:
            self._handle(message)
        except WireError as error:
            self.emit(Dropped(message.sender, str(error)))

    def _decided(self, phase: Aggregating, decided: CohortDecided) -> None:
        """The one opening of this attempt; from here on the round finishes with D or not at all."""
        if not rules.opens(len(decided.cohort.dealers)):
            event, aborting = _without_cohort(phase, decided)
            self._state.move(event)
            self.emit(aborting)
            return
        self._state.move(StageEvent.COHORT_DECIDED)
        # Nothing is dealt any more: what could open this peer's update is erased (§6).
        phase.dealer.forget()
        self._values, start = None, self._start
        self.erase("update", dealing_key(self.party.attempt))
        previous = Previous(start.model, start.tip.previous)
        self.phase = summing = Summing.of(phase, decided, previous, start.secret)
        self._hear(summing.opening.start(phase.member.receiver))
        self._hear(summing.abandoning.start())

    def _stop(self, reason: Stop) -> None:
        if not self.over:
            self.emit(Stopped(self.party.round, reason, self.party.attempt, self.phase.decided))

    # -- the end -------------------------------------------------------------------------------

    def leave(self) -> None:
        """The round is over: erase the one-round key; late words are still compared."""
        self.forget()
        self.party.sent.clear()  # whoever asks gets the certificate
        self._state.move(StageEvent.LEAVE)

    def abandon(self) -> None:
        """This peer has forgotten what it signed here: sign nothing more (fault 47)."""
        self.forget()
        self._state.move(StageEvent.ABANDON)

    def forget(self) -> None:
        """The attempt is over: erase its keys, and the shares that it held (§6)."""
        self.party.erase_round_secret()
        self._start.secret.forget()
        self._draw.round_secret.forget()
        if isinstance(self.phase, Summing):
            self.phase.opening.close()
        if isinstance(self.phase, Aggregating):
            self.phase.dealer.forget()
            self.phase.member.receiver.forget()

    def said_by(self, peer: int) -> list[Statement]:
        """What ``peer`` signed in this attempt as far as it came here, read already or not."""
        party, early = self.party, self._early.of(peer)
        return party.inbox.said_by(peer) + signed_in(party.setting, early, peer)

    def closing_frames(self) -> list[DecisionFrame]:
        """What proves to a peer that is still in this attempt that it is over."""
        made = (agreement.decision for agreement in self.phase.closing())
        return [DecisionFrame(each.outcome, each.votes) for each in made if each is not None]


def _without_cohort(phase: Aggregating, decided: CohortDecided) -> tuple[StageEvent, Aborting]:
    given_up, flip = decided.cohort == GIVEN_UP, phase.committee.flip
    event = StageEvent.GIVEN_UP if given_up else StageEvent.NO_COHORT
    reason = Abort.TIMEOUT if given_up else Abort.COHORT
    return event, Aborting(reason, flip, decided.cohort, phase.member.reporters)


def _equivocation(phase: Electing, conflict: Conflict) -> Accused:
    election = None
    if isinstance(phase, Aggregating) and not conflict.first.slot.by_identity:
        election = phase.committee.flip.certificate
    both = conflict.first, conflict.second
    return Accused(Evidence(Fault.EQUIVOCATION, election, both))


def _needs_election(message: Message) -> bool:
    """Whether it says nothing before the election's outcome is known: of one-round keys."""
    if isinstance(message.frame, DealingFrame | SumFrame | HaveFrame):
        return True
    return message.slot is not None and not message.slot.by_identity
