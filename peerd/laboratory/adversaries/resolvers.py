"""Leaders and operators that lie about pauses and handovers (docs/protocol.md §6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from peerd.laboratory.adversaries.trick import Trick
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.privacy import Mechanism
from protocols.record.budget import Charge, Told, charge_of, together
from protocols.record.door import read_statement
from protocols.record.election import Commitments
from protocols.record.evidence import evidence_hash, judge_bytes
from protocols.record.resolution import NO_DRAFT, Resolution, is_resolution
from protocols.record.votes import outcome_hash
from protocols.wire.frames import (
    EvidenceFrame,
    Frame,
    ProposalFrame,
    StatementFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.payloads import Act, Approve, Ballot, Kind, Topic
from protocols.wire.statement import Slot, Statement

DRAFT = digest("lab/draft")
"""What a liar would have the group go on as."""
Inputs = tuple[bytes, ...]


class Resolver(Trick):
    """Changes what its session proposes in the first agreement, where it has no lock to defend."""

    role = "resolution"

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, ProposalFrame) or frame.lock:
            return frame
        said = self.at.read(frame.statement)
        if said is None or (said.signer, said.slot.subject) != (self.at.me, Topic.COMMITS):
            return frame
        changed = self.changed(peer, frame.outcome, frame.inputs)
        return frame if changed is None else self._proposal(said.slot.view, *changed)

    def changed(self, peer: int, outcome: bytes, inputs: Inputs) -> tuple[bytes, Inputs] | None:
        """What ``peer`` is shown in place of this; None: the same."""
        raise NotImplementedError

    def _proposal(self, view: int, outcome: bytes, inputs: Inputs) -> ProposalFrame:
        ballot = Ballot(outcome_hash(Topic.COMMITS, outcome))
        signed = self.at.forge(Kind.PROPOSAL, ballot, Topic.COMMITS, view)
        return ProposalFrame(signed.wire, outcome, inputs, ())

    # -- what its tricks are made of -----------------------------------------------------------

    def resolution(self, said: Approve, inputs: Inputs) -> bytes:
        """What a leader with a quorum of these would propose; nobody voided a flip before."""
        return self.at.tip.resolution(said, self.guilty(inputs), ())

    def guilty(self, inputs: Inputs) -> dict[int, bytes]:
        proofs = (f.evidence for f in map(decode_frame, inputs) if isinstance(f, EvidenceFrame))
        return {judge_bytes(self.at.setting, p).culprit: evidence_hash(p) for p in proofs}

    def listed(self, inputs: Inputs) -> list[tuple[bytes, Statement | None]]:
        """Each input, with the statement that it is there for."""
        frames = ((item, decode_frame(item)) for item in inputs)
        return [
            (
                item,
                read_statement(self.at.setting, frame.statement)
                if isinstance(frame, StatementFrame)
                else None,
            )
            for item, frame in frames
        ]

    def without_approvals(self, inputs: Inputs) -> Inputs:
        kept = self.listed(inputs)
        return tuple(item for item, said in kept if said is None or said.kind is not Kind.APPROVE)

    def commitments(self, inputs: Inputs) -> bytes:
        """What would be agreed on if nobody had approved anything."""
        guilty, commits = self.guilty(inputs), dict[int, list[Statement]]()
        for _, said in self.listed(inputs):
            if said is not None and said.kind is Kind.COMMIT:
                commits.setdefault(said.signer, []).append(said)
        agreed = tuple(
            (peer, said[0].payload.commitment, said[0].payload.round_key)
            for peer, said in sorted(commits.items())
            if len(said) == 1 and peer not in guilty
        )
        union = Commitments(agreed, tuple(sorted(guilty.items())), ())
        return union.outcome(draws=self.at.setting.draws)

    def shown(self, approvals: Iterable[Statement]) -> Inputs:
        return tuple(encode_frame(StatementFrame(said.wire)) for said in approvals)


class Usurper(Resolver):
    """Proposes that the group goes on as the liar's, with its own approval and forged ones."""

    def changed(self, peer: int, outcome: bytes, inputs: Inputs) -> tuple[bytes, Inputs] | None:
        at, own = self.at, Approve(int(Act.HANDOVER), DRAFT, self.at.round, self.at.round)
        signers = [at.me, *at.next_of(at.everyone)][: at.setting.roster_quorum]
        slots = (Slot(at.round, 0, Kind.APPROVE, 0, 0, signer) for signer in signers)
        forged = self.shown(at.sign(slot, own) for slot in slots)
        kept = self.without_approvals(inputs)
        return self.resolution(own, inputs), (*kept, *forged)


class FewApprover(Resolver):
    """Proposes what some approve, with fewer than a quorum, or one of them twice; where nobody
    does, what it approves alone.
    """

    def changed(self, peer: int, outcome: bytes, inputs: Inputs) -> tuple[bytes, Inputs] | None:
        at = self.at
        live = [said for said in at.approvals.values() if at.tip.agrees(said.payload)]
        own = Approve(int(Act.PAUSE), at.tip.since, at.round, at.round)
        mine = at.sign(Slot(at.round, 0, Kind.APPROVE, 0, 0, at.me), own)
        chosen = [*(said for said in live if said.signer != at.me), mine]
        alike = [said for said in chosen if said.payload.about == chosen[0].payload.about]
        few = alike[: at.setting.roster_quorum - 1]
        shown = [*few, few[-1]] if at.round % 2 else few
        kept = self.without_approvals(inputs)
        return self.resolution(few[0].payload, inputs), (*kept, *self.shown(shown))


class StaleApprover(Resolver):
    """Shows a quorum of approvals that count no more, or not yet: of an earlier pause, of rounds
    that are over, of going on.
    """

    def changed(self, peer: int, outcome: bytes, inputs: Inputs) -> tuple[bytes, Inputs] | None:
        at, by_act = self.at, dict[tuple[int, bytes], dict[int, Statement]]()
        for said in at.approvals.values():
            if not at.tip.agrees(said.payload):
                of_act = by_act.setdefault((said.payload.act, said.payload.about), {})
                of_act.setdefault(said.signer, said)
        quorum = at.setting.roster_quorum
        for (act, about), signers in sorted(by_act.items()):
            if len(signers) >= quorum:
                chosen = [signers[peer] for peer in sorted(signers)][:quorum]
                wanted = Act.PAUSE if act == Act.RESUME else Act(act)
                claimed = Approve(int(wanted), about, at.round, at.round)
                kept = self.without_approvals(inputs)
                return self.resolution(claimed, inputs), (*kept, *self.shown(chosen))
        return None


class ForgetfulResolver(Resolver):
    """Has all approvals, and forgets who was proven guilty; or changes the model, or the past."""

    def changed(self, peer: int, outcome: bytes, inputs: Inputs) -> tuple[bytes, Inputs] | None:
        if not is_resolution(outcome):
            return None
        sound, turn = Resolution.decode(outcome), (self.at.round + self.at.attempt) % 4
        other = digest("lab/other")
        changed = (
            replace(sound, guilty=(), named=(), lockouts=()),
            replace(sound, model=other),
            replace(sound, previous=other),
            replace(sound, act=int(Act.PAUSE), draft=NO_DRAFT)
            if sound.hands_over
            else replace(sound, act=int(Act.HANDOVER), draft=other),
        )[turn]
        if changed == sound:
            changed = replace(sound, model=other)
        return changed.encode(), inputs


class Miscounter(Resolver):
    """Has all approvals, and hands over with another count of what the lineage was charged: none,
    a round less, a round more, or one of a group that has no budget.
    """

    def changed(self, peer: int, outcome: bytes, inputs: Inputs) -> tuple[bytes, Inputs] | None:
        if not is_resolution(outcome):
            return None
        sound = Resolution.decode(outcome)
        if not sound.hands_over:
            return None
        return replace(sound, charges=self._miscounted(sound.charges)).encode(), inputs

    def _miscounted(self, charges: tuple[Told, ...]) -> tuple[Told, ...]:
        if not charges:
            return (Charge("record", Mechanism(Fraction(1), 1), 1).told(),)
        first, *others = map(charge_of, charges)
        turn = (self.at.round + self.at.attempt) % 3
        rounds = (0, first.rounds - 1, first.rounds + 1)[turn]
        miscounted = together([replace(first, rounds=rounds), *others])
        return tuple(each.told() for each in miscounted)


class ApprovalOmitter(Resolver):
    """Leaves approvals out: the round goes on as if nobody wanted anything else."""

    def changed(self, peer: int, outcome: bytes, inputs: Inputs) -> tuple[bytes, Inputs] | None:
        if not is_resolution(outcome) or self.at.attempt:
            return None
        return self.commitments(inputs), self.without_approvals(inputs)


class TwoFacedResolver(ApprovalOmitter):
    """Shows some a resolution, and the others commitments."""

    def changed(self, peer: int, outcome: bytes, inputs: Inputs) -> tuple[bytes, Inputs] | None:
        return super().changed(peer, outcome, inputs) if peer % 2 else None


class TwoDrafter(Trick):
    """Its operator approves one draft before half of the roster, and another before the rest: the
    one that others approve, if there is one.
    """

    role = "resolution"

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, StatementFrame) or peer % 2:
            return frame
        try:
            said = read_statement(self.at.setting, frame.statement)
        except WireError:
            return frame
        if said.signer != self.at.me or said.kind is not Kind.APPROVE:
            return frame
        if said.payload.act != Act.HANDOVER:
            return frame
        drafts = {
            other.payload.about
            for other in self.at.approvals.values()
            if other.payload.act == Act.HANDOVER
        }
        about = min(drafts - {said.payload.about}, default=DRAFT)
        return StatementFrame(self.at.sign(said.slot, replace(said.payload, about=about)).wire)
