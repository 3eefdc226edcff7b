"""One attempt at a round: election, dealing, agreement, opening, certificate.

The order of things is the paper's Figure 3; docs/protocol.md has the diagram. A frame that comes
before this peer knows the election waits, bounded; every other one is decoded, checked and handed
to the one component that it concerns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocols.agreement import rules
from protocols.agreement.machine import Agreement, Decision
from protocols.committee.dealer import Dealer
from protocols.committee.member import Member
from protocols.committee.opener import Opener, Outcome
from protocols.election.machine import Draw, ElectionMachine
from protocols.errors import WireError
from protocols.record.base import Base, Values
from protocols.record.certificate import ElectionCertificate, committee_electorate, panel_of
from protocols.record.cohort import GIVEN_UP, Cohort, Panel
from protocols.record.contents import signed_in, slot_of
from protocols.record.desk import Desk
from protocols.record.effects import Abort, Effect, Phase, Stop, Stopped
from protocols.record.election import Election
from protocols.record.evidence import Evidence, Fault, Judge
from protocols.record.ledger import Ledger
from protocols.record.setting import Setting
from protocols.record.states import STAGE, Machine, Stage, StageEvent
from protocols.secret import Secret
from protocols.session.awaited import awaited
from protocols.session.waiting import Waiting
from protocols.wire.frames import (
    DealingFrame,
    DecisionFrame,
    Frame,
    HaveFrame,
    NewViewFrame,
    ProposalFrame,
    SeenFrame,
    StatementFrame,
    SumFrame,
)
from protocols.wire.statement import (
    Kind,
    Statement,
    Topic,
)

MAX_EARLY_FRAMES = 256
"""Frames of one sender that wait for the election's outcome."""

BALLOTS = frozenset({Kind.FIRST_VOTE, Kind.SECOND_VOTE})


@dataclass(frozen=True, slots=True)
class Start:
    """What an attempt starts from, the same at every honest peer but for ``secret``."""

    ledger: Ledger
    silent: tuple[int, ...]
    model: npt.NDArray[np.float32]
    base: Base
    previous: bytes
    secret: Secret
    dealing_secret: Secret


class Parts:
    """Which classes play the parts: an adversary replaces one, and lies at one named point."""

    election = ElectionMachine
    dealer = Dealer
    member = Member
    opener = Opener


class Attempt:
    """``voided`` is called when the flip is void, ``ended`` when nothing is to be opened, and
    ``selected`` when the coin says that this peer deals.
    """

    def __init__(
        self,
        setting: Setting,
        me: int,
        identity: Secret,
        place: tuple[int, int],
        start: Start,
        journal: MutableMapping[str, bytes],
        effects: list[Effect],
        judge: Judge,
        *,
        selected: Callable[[], None],
        voided: Callable[[ElectionCertificate], None],
        ended: Callable[[Abort], None],
        certified: Callable[[Outcome], None],
        accuse: Callable[[Evidence], None],
        parts: type[Parts] = Parts,
    ) -> None:
        self.desk = Desk(setting, me, identity, *place, journal, effects)
        self.desk.on_conflict = self._on_conflict
        self.setting = setting
        self.certificate: ElectionCertificate | None = None
        self.panel: Panel | None = None
        self.dealer: Dealer | None = None
        self.member: Member | None = None
        self.opener: Opener | None = None
        self._state = Machine(Stage.ELECTING, STAGE)
        self._start = start
        self._judge = judge
        self._parts = parts
        self._selected = selected
        self._voided = voided
        self._ended = ended
        self._certified = certified
        self._accuse = accuse
        self._draw = Draw.of(start.secret)
        self._values: Values | None = None
        self._early: Waiting[Frame] = Waiting(MAX_EARLY_FRAMES)
        self._phase = ""
        self._present = frozenset(self.desk.everyone())
        self.election = parts.election(
            self.desk, start.ledger, start.silent, self._draw, judge, elected=self._on_elected
        )
        self.election.accused = self._accuse_bytes  # type: ignore[method-assign]

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

    def leave(self) -> None:
        """The round is over: erase the one-round key; late words are still compared."""
        self.forget()
        self._state.move(StageEvent.LEAVE)

    def abandon(self) -> None:
        """This peer has forgotten what it signed here: sign nothing more (fault 47)."""
        self.forget()
        self._state.move(StageEvent.ABANDON)

    def forget(self) -> None:
        """The attempt is over: erase its keys, and the shares that it held (§6)."""
        self.desk.erase_round_secret()
        self._start.secret.forget()
        self._draw.round_secret.forget()
        if self.dealer is not None:
            self.dealer.forget()
        if self.opener is not None:
            self.opener.close()
        if self.member is not None:
            self._forget_shares(self.member)

    def _forget_shares(self, member: Member) -> None:
        for held in member.dealings.values():
            held.share = None
            held.package = b""

    # -- events --------------------------------------------------------------------------------

    def start(self, present: Iterable[int], evidence: Iterable[bytes]) -> None:
        self._present = frozenset(present)
        self.election.start(self._present, evidence)
        self.report_phase()

    def set_present(self, present: Iterable[int]) -> None:
        self._present = frozenset(present)
        self.election.set_present(self._present)
        if self.member is not None:
            self.member.set_present(self._present)
        self.report_phase()

    def on_update(self, values: Values) -> None:
        """This peer's encoded update; dealt as soon as there is a committee."""
        self._values = values
        if self.member is not None and not self.over:
            self.member.take_reference()
        if self.dealer is not None and not self.over:
            self.dealer.on_update(values)
        self.report_phase()

    def on_timer(self, name: tuple[str | int, ...]) -> None:
        if self.over:
            return
        match name:
            case ("view", int(topic), int(view)):
                self._with_agreement(topic, lambda agreement: agreement.on_timeout(view))
            case ("waiting", int(topic), int(view)):
                self._with_agreement(topic, lambda agreement: agreement.on_waiting(view))
            case ("lead", int(topic), int(view)):
                self._with_agreement(topic, lambda agreement: agreement.on_patience(view))
            case ("commit" | "grace" | "reveal" as deadline,):
                self.election.on_deadline(deadline)
            case ("deal" | "hurry" | "check" | "compare" as deadline,):
                if self.member is not None:
                    self.member.on_deadline(deadline)
            case ("relay" | "echo" as deadline, int(number)):
                if self.member is not None:
                    self.member.on_deadline(deadline, number)
            case ("have",):
                if self.member is not None:
                    self.member.on_have_due()
            case ("open",):
                if self.opener is not None:
                    self.desk.timer("stop", delay=self.setting.deadlines.result)
            case ("stop",):
                if self.opener is not None:
                    self.opener.on_last_deadline()
            case ("patience",):
                if self.member is not None:
                    self.member.on_patience()
            case ("undecided",):
                if self._state.state is Stage.AGGREGATING:
                    self._stop(Stop.UNDECIDED)
        self.report_phase()

    def on_frame(self, sender: int, frame: Frame, size: int) -> None:
        """``size``: the frame's bytes. Raises WireError for a frame that breaks a rule; it then
        changes nothing.
        """
        if self.certificate is None and self._needs_election(frame):
            self._early.put(sender, frame, size)
            return
        if self.over:
            self._compare(frame)
            return
        self._handle(sender, frame)
        self.report_phase()

    def _compare(self, frame: Frame) -> None:
        """Late words prove liars, and move nothing: an attempt that is over signs no more."""
        if isinstance(frame, SumFrame) and self.opener is not None:
            self.opener.on_sum(frame)
        elif isinstance(frame, StatementFrame):
            statement = self.desk.read(frame.statement)
            if statement.kind is Kind.RESULT and self.opener is not None:
                self.opener.on_result(statement)
            else:
                self.desk.admit(statement)

    def _needs_election(self, frame: Frame) -> bool:
        if isinstance(frame, DealingFrame | SumFrame | HaveFrame):
            return True
        return not slot_of(frame, self.setting.group).by_identity

    def _handle(self, sender: int, frame: Frame) -> None:
        if isinstance(frame, SeenFrame):
            self.election.on_seen(self._expect(frame.statement, Kind.SEEN), frame)
        elif isinstance(frame, StatementFrame):
            self._on_statement(self.desk.read(frame.statement))
        elif isinstance(frame, ProposalFrame):
            statement = self._expect(frame.statement, Kind.PROPOSAL)
            if statement.signer != sender:  # its inputs are not signed: only the leader's count
                raise WireError(f"a proposal of peer {statement.signer}")
            self._with_agreement(
                statement.slot.subject, lambda agreement: agreement.on_proposal(statement, frame)
            )
        elif isinstance(frame, NewViewFrame):
            moved = self._expect(frame.statement, Kind.NEW_VIEW)
            self._with_agreement(
                moved.slot.subject, lambda agreement: agreement.on_new_view(moved, frame)
            )
        elif isinstance(frame, DecisionFrame):
            topic = slot_of(frame, self.setting.group).subject
            self._with_agreement(topic, lambda agreement: agreement.on_decision(frame))
        else:
            self._on_bulk(sender, frame)

    def _on_bulk(self, sender: int, frame: Frame) -> None:
        assert self.member is not None and self.opener is not None
        if isinstance(frame, DealingFrame):
            if self.member.on_dealing(sender, frame):
                self.opener.send_sum(self.member.dealings)
        elif isinstance(frame, SumFrame):
            self.opener.on_sum(frame)
        elif isinstance(frame, HaveFrame):
            self.member.on_have(sender, frame)

    def _expect(self, data: bytes, kind: Kind) -> Statement:
        statement = self.desk.read(data)
        if statement.kind is not kind:
            raise WireError(f"{kind.name} was expected, not {statement.kind.name}")
        return statement

    def _on_statement(self, statement: Statement) -> None:
        kind, slot = statement.kind, statement.slot
        if kind in BALLOTS:
            self._with_agreement(slot.subject, lambda agreement: agreement.on_vote(statement))
        elif kind in (Kind.COMMIT, Kind.REVEAL):
            self.election.on_statement(statement)
        elif kind is Kind.RESULT and self.opener is not None:
            self.opener.on_result(statement)
        elif self.member is not None and not slot.by_identity:
            self.member.on_statement(statement)
        else:
            raise WireError(f"{kind.name} does not come alone")

    def _with_agreement(self, topic: int, act: Callable[[Agreement], None]) -> None:
        if topic == Topic.COHORT:
            if self.member is not None:
                act(self.member.agreement)
        else:
            act(self.election.agreement(Topic(topic)))

    # -- transitions ---------------------------------------------------------------------------

    def _on_elected(self, certificate: ElectionCertificate) -> None:
        election = certificate.election
        if self.over:
            return
        if election.missing:
            self._state.move(StageEvent.FLIP_VOID)
            self._voided(certificate)
            return
        electorate = committee_electorate(self.setting, election)
        if len(set(electorate.members) & set(election.keys)) < electorate.quorum:
            # Neither a cohort nor its absence could ever be proven: everyone knows that now.
            self._state.move(StageEvent.TOO_FEW)
            self._ended(Abort.QUORUM)
            return
        self._state.move(StageEvent.ELECTED)
        self.certificate = certificate
        self.panel = panel_of(self.setting, election)
        mine = self.setting.crypto.signing_public(self._draw.round_secret.reveal())
        is_mine = election.keys.get(self.desk.me) == mine
        self.desk.take_round_keys(election.keys, self._draw.round_secret if is_mine else None)
        self._seat(certificate, self.panel)
        for sender, frame in self._early.take_all():
            self._retry(sender, frame)

    def _seat(self, certificate: ElectionCertificate, panel: Panel) -> None:
        start, desk, parts = self._start, self.desk, self._parts
        self.opener = parts.opener(
            desk,
            certificate,
            panel,
            start.model,
            start.previous,
            start.secret,
            certified=self._on_outcome,
            accuse=self._accuse,
            stop=self._stop,
        )
        self.member = parts.member(
            desk,
            certificate,
            panel,
            start.base,
            start.secret,
            self._judge,
            decided=self._on_cohort,
            accuse=self._accuse,
            heard=lambda report: dealer.on_report(report),
        )
        dealer = self.dealer = parts.dealer(
            desk, certificate, panel, start.base, start.dealing_secret, local=self._local
        )
        self.member.set_present(self._present)
        self.member.start()
        if self._values is not None:
            self.dealer.on_update(self._values)
        elif self.desk.me in panel.selected:
            self._selected()

    def _local(self, frame: DealingFrame | StatementFrame) -> None:
        self._retry(self.desk.me, frame)

    def _retry(self, sender: int, frame: Frame) -> None:
        try:
            self._handle(sender, frame)
        except WireError as error:
            self.desk.drop(sender, str(error))

    def _on_cohort(self, decision: Decision) -> None:
        """The one opening of this attempt; from here on the round finishes with D or not at all."""
        assert self.opener is not None and self.member is not None
        cohort = Cohort.decode(decision.outcome)
        if self.over:
            return
        if not rules.opens(len(cohort.dealers)):
            given_up = cohort == GIVEN_UP
            self._state.move(StageEvent.GIVEN_UP if given_up else StageEvent.NO_COHORT)
            self._ended(Abort.TIMEOUT if given_up else Abort.COHORT)
            return
        self._state.move(StageEvent.COHORT_DECIDED)
        self._forget_dealing()
        self.opener.on_decision(decision, cohort)
        if self.opener.send_sum(self.member.dealings):
            self._forget_shares(self.member)

    def _forget_dealing(self) -> None:
        """Nothing is dealt any more: what could open this peer's update is erased (§6)."""
        assert self.dealer is not None
        self.dealer.forget()
        self._values = None
        desk = self.desk
        desk.erase("update", dealing_key(desk.attempt))

    def _on_outcome(self, outcome: Outcome) -> None:
        if not self.over:
            self._state.move(StageEvent.CERTIFIED)
            self._certified(outcome)

    def said_by(self, peer: int) -> list[Statement]:
        """What ``peer`` signed in this attempt as far as it came here, read already or not."""
        return self.desk.said_by(peer) + signed_in(self._early.of(peer), self.setting.group, peer)

    def awaited(self, reason: Abort) -> tuple[int, ...]:
        """Whose word was wanting, in an attempt that ends for this reason."""
        flip = self.election.agreement(Topic.REVEALS).decision
        assert flip is not None
        member = self.member
        decision = member.agreement.decision if member is not None else None
        return awaited(
            self.setting,
            reason,
            Election.decode(flip.outcome),
            Cohort.decode(decision.outcome) if decision is not None else None,
            member.evidence.reporters if member is not None else (),
        )

    def closing_frames(self) -> list[DecisionFrame]:
        """What proves to a peer that is still in this attempt that it is over."""
        frames: list[DecisionFrame] = []
        agreements = [self.election.agreement(Topic.REVEALS)]
        agreements += [self.member.agreement] if self.member is not None else []
        for agreement in agreements:
            if agreement.decision is not None:
                decision = agreement.decision
                frames.append(DecisionFrame(decision.outcome, decision.votes))
        return frames

    def _stop(self, reason: Stop) -> None:
        if not self.over:
            self.desk.emit(Stopped(self.desk.round, reason))

    # -- liars ---------------------------------------------------------------------------------

    def _on_conflict(self, first: Statement, second: Statement) -> None:
        certificate = None if first.slot.by_identity else self.certificate
        items = (first.wire, second.wire)
        self._accuse(Evidence(Fault.EQUIVOCATION, certificate, items))
        if self.member is not None:
            self.member.take_conflict(first, second)

    def _accuse_bytes(self, evidence: bytes) -> None:
        self._accuse(Evidence.decode(evidence))

    # -- status --------------------------------------------------------------------------------

    def report_phase(self) -> None:
        phase = self.phase()
        if phase != self._phase:
            self._phase = phase
            self.desk.emit(Phase(self.desk.round, self.desk.attempt, phase))

    def phase(self) -> str:
        stage: Stage = self._state.state
        if stage is Stage.ELECTING:
            return self.election.stage.value
        if stage is Stage.AGGREGATING and self.member is not None:
            return self.member.stage.value
        return str(stage.value)


def secret_key(attempt: int) -> str:
    """The journal's key for the secret that an attempt's nonce and keys come from."""
    return f"secret/{attempt}"


def dealing_key(attempt: int) -> str:
    """The journal's key for the secret that an attempt's masks come from."""
    return f"deal/{attempt}"


def attempt_secrets(attempt: int) -> tuple[str, str]:
    return secret_key(attempt), dealing_key(attempt)
