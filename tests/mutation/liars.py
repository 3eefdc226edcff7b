"""Adversaries that only a planted bug rewards, beside those of peerd.laboratory.adversaries."""

from __future__ import annotations

import numpy as np

from peerd.laboratory.adversaries.dealers import HighDegree, Withholder
from peerd.laboratory.adversaries.dealing import LyingDealer
from peerd.laboratory.adversaries.electors import Elector
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.members import FalseDiscloser, IdleRelay, LyingMember
from peerd.laboratory.adversaries.openers import SilentOpener
from peerd.laboratory.adversaries.trick import Shown
from protocols.hashing import digest
from protocols.proof import Dealing, Split, seal, split
from protocols.proof.challenge import draw, forms
from protocols.record.base import Values
from protocols.record.election import Commitments, Election
from protocols.record.evidence import Evidence, Fault
from protocols.record.votes import outcome_hash
from protocols.wire.frames import (
    EvidenceFrame,
    Frame,
    ProposalFrame,
    StatementFrame,
    decode_frame,
)
from protocols.wire.payloads import Ballot, Complaint, Kind, Report, Topic
from protocols.wire.statement import Statement, decode_statement

# -- dealers -----------------------------------------------------------------------------------


class Splitter(LyingDealer):
    """Deals what ``bend`` makes of an honest split."""

    def split(self, values: Values) -> Dealing:
        context = self.context()
        bent = split(self.shape, self.chosen(values), self.at.dealing_secret, context)
        self.bend(bent)
        return seal(self.shape, context, bent)

    def chosen(self, values: Values) -> Values:
        return values

    def bend(self, parts: Split) -> None:
        pass


class MirroredShare(Splitter):
    """One share x becomes 1 - x: C is the same there, so that D alone shows it."""

    def bend(self, parts: Split) -> None:
        seats, threshold = self.at.panel.seats, self.at.panel.plan.threshold
        seat = max(s for s in range(threshold, len(seats)) if seats[s] != self.at.me)
        parts.vectors[seat, 0] = (1 - int(parts.vectors[seat, 0])) % self.at.setting.field.p


class OutsideValues(Splitter):
    """5: a value that is no bit."""

    def chosen(self, values: Values) -> Values:
        return np.concatenate([np.array([9], values.dtype), values[1:]])


class PaddedDealer(Splitter):
    """Something in a padding slot: a value that no parameter has."""

    def bend(self, parts: Split) -> None:
        shape = self.at.setting.shape
        secrets = np.zeros((1, shape.plan.packing), np.uint64)
        secrets[0, -1] = 1
        free = np.zeros((shape.plan.threshold, 1), np.uint64)
        more = shape.sharing.share(secrets, free)[:, 0]
        column = parts.vectors[shape.plan.threshold :, shape.polynomials - 1]
        column[:] = (column.astype(np.uint64) + more) % shape.field.p


class KnownChallenges(OutsideValues):
    """Draws its challenges ahead of its root, and chooses masks that hide the lie from them."""

    def bend(self, parts: Split) -> None:
        shape = self.at.setting.shape
        t, first, p = shape.plan.threshold, shape.polynomials, shape.field.p
        coins = draw(shape, [(self.context(), bytes(32))])
        _, slot = forms(shape, parts.vectors[:, :first], shape.padding_weight, coins)
        masks = parts.vectors[:, first + shape.challenges :].astype(np.uint64)
        known = (slot + masks)[: shape.sharing.quotient_terms] % p
        wanted = shape.sharing.slot_zero_masks(known)
        parts.vectors[t:, first + shape.challenges :] = ((wanted + p - slot) % p)[t:]


class OtherContext(LyingDealer):
    """Deals under challenges of another round."""

    def context(self) -> bytes:
        return digest("lab/context", super().context())


class Starver(Withholder):
    """Withholds from one, and "delivers" to nobody but itself, as its own relay."""

    def answer(self, report: Statement, key: bytes) -> None:
        box = self.at.boxes.seal(key, b"rubbish")
        self.at.tell_self(StatementFrame(self.delivery(report, box).wire))


# -- members -----------------------------------------------------------------------------------


class FramingComplainer(LyingMember):
    """Complains with a package of the right length that does not open the root."""

    def reported(self) -> None:
        for dealer, held in self.at.dealings.items():
            if dealer != self.at.me:
                package = bytes([held.package[0] ^ 1]) + held.package[1:]
                self.tell(Kind.COMPLAINT, Complaint(held.header, package), dealer)


class BorrowedHeader(LyingMember):
    """70: complains about an honest dealer, with the header of its own bad dealing."""

    def reported(self) -> None:
        held = self.at.dealings.get(self.at.me)
        if held is not None:
            self.tell(Kind.COMPLAINT, Complaint(held.header, held.package), self.neighbour)


class WrongKeyDiscloser(FalseDiscloser):
    """69: opens a delivery with another key than the one that it asked with."""

    def disclosed_secret(self, dealer: int) -> bytes:
        return digest("lab/another-key")


class Repeater(LyingMember):
    """Names every input of its proposal twice."""

    def propose(self, shown: Shown) -> Shown | None:
        doubled = tuple(item for statement in shown[1] for item in (statement, statement))
        return self.at.cohort_of(doubled).encode(), doubled


class TwoOutcomes(LyingMember):
    """21: as leader, one outcome to one honest member and another to the rest, and votes for both.

    The other outcome follows from evidence that only the liar has: two reports of its own.
    """

    split = False

    def propose(self, shown: Shown) -> Shown | None:
        if self.split:
            return shown
        self.split = True
        statements = sorted((*shown[1], self._second_report()), key=lambda item: item.hash)
        outcome = self.at.cohort_of(statements).encode()
        others = [seat for seat in self.at.panel.seats if seat != self.at.me]
        alone = max(others)
        self._lead((alone,), (outcome, tuple(statements)))
        self._lead(tuple(seat for seat in others if seat != alone), shown)
        return None

    def _lead(self, peers: tuple[int, ...], shown: Shown) -> None:
        outcome, statements = shown
        ballot = Ballot(outcome_hash(Topic.COHORT, outcome))
        signed = self.at.forge(Kind.PROPOSAL, ballot, Topic.COHORT)
        self.at.send(peers, ProposalFrame(signed.wire, outcome, self.at.brief(statements), ()))
        for kind in (Kind.FIRST_VOTE, Kind.SECOND_VOTE):
            vote = self.at.forge(kind, ballot, Topic.COHORT)
            self.at.send(peers, StatementFrame(vote.wire))

    def _second_report(self) -> Statement:
        words = tuple((dealer, 1, bytes(32)) for dealer in self.at.panel.selected)
        return self.at.forge(Kind.REPORT, Report(words))


class Slanderer(LyingMember):
    """Accuses the honest with evidence that proves nothing, of every kind that it can make up."""

    def heard(self, statement: Statement) -> None:
        if statement.signer != self.at.me and not statement.slot.by_identity:
            self.slander(statement)

    def reported(self) -> None:
        for dealer, held in self.at.dealings.items():
            if dealer != self.at.me:
                self.charge(
                    Fault.MALFORMED_PROOF, decode_statement(held.header, self.at.setting.group)
                )

    def slander(self, statement: Statement) -> None:
        self.charge(Fault.EQUIVOCATION, statement, statement)
        if statement.kind is Kind.REPORT and self.at.can_sign:  # what the other would have said
            words = tuple((dealer, 1, bytes(32)) for dealer in self.at.panel.selected)
            forged = self.at.sign(statement.slot, Report(words))
            self.charge(Fault.EQUIVOCATION, statement, forged)

    def charge(self, fault: Fault, *statements: Statement) -> None:
        election = self.at.flip.certificate if self.at.flip is not None else None
        evidence = Evidence(fault, election, statements).encode()
        self.at.send(self.at.everyone, EvidenceFrame(evidence), again=False)


# -- leaders of the election -------------------------------------------------------------------


class Proposer(Elector):
    """As leader it proposes other commitments than follow, or shows other inputs."""

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, ProposalFrame):
            return frame
        slot = decode_statement(frame.statement, self.at.setting.group).slot
        if slot.subject != Topic.COMMITS:
            return frame
        outcome, inputs = self.other(frame.outcome, frame.inputs)
        ballot = Ballot(outcome_hash(Topic.COMMITS, outcome))
        signed = self.at.forge(Kind.PROPOSAL, ballot, Topic.COMMITS, slot.view)
        return ProposalFrame(signed.wire, outcome, inputs, frame.lock)

    def other(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bytes, tuple[bytes, ...]]:
        raise NotImplementedError


class Sparer(Proposer):
    """7: as leader it leaves out the evidence that the SEENs list."""

    def other(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bytes, tuple[bytes, ...]]:
        frames = {item: decode_frame(item) for item in inputs}
        kept = tuple(item for item in inputs if not isinstance(frames[item], EvidenceFrame))
        listed = [self._read(frames[item]) for item in kept]
        commits = {
            said.signer: (said.signer, said.payload.commitment, said.payload.round_key)
            for said in listed
            if said.kind is Kind.COMMIT
        }
        draws = self.at.setting.draws
        silent = (Commitments if draws else Election).decode(outcome).silent
        everybody = Commitments(tuple(commits[peer] for peer in sorted(commits)), (), silent)
        return everybody.outcome(draws=draws), kept

    def _read(self, frame: Frame) -> Statement:
        assert isinstance(frame, StatementFrame)
        return decode_statement(frame.statement, self.at.setting.group)


MIRRORED = Lie(MirroredShare)
OUTSIDE = Lie(OutsideValues)
PADDED = Lie(PaddedDealer)
KNOWN = Lie(KnownChallenges)
OTHER_CONTEXT = Lie(OtherContext)
FRAMING = Lie(FramingComplainer)
BORROWED = Lie(HighDegree, BorrowedHeader)
WRONG_KEY = Lie(WrongKeyDiscloser)
STARVER = Lie(Starver, IdleRelay, SilentOpener)
REPEATER = Lie(Repeater)
TWO_OUTCOMES = Lie(TwoOutcomes)
SLANDERER = Lie(Slanderer)
