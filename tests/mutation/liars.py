"""Adversaries that only a planted bug rewards, beside those of peerd.laboratory.adversaries."""

from __future__ import annotations

import numpy as np

from peerd.laboratory.adversaries.dealers import HighDegree, Withholder
from peerd.laboratory.adversaries.forging import Words, forge, parts
from peerd.laboratory.adversaries.members import FalseAsker, IdleRelay, Liar
from peerd.laboratory.adversaries.openers import SilentOpener
from protocols.agreement.machine import Proposal
from protocols.committee.dealer import Dealer
from protocols.committee.member import Member
from protocols.election.inputs import encode_inputs, listed_by
from protocols.election.machine import ElectionMachine
from protocols.hashing import digest
from protocols.proof import Dealing, Split, seal, split
from protocols.proof.challenge import draw, forms
from protocols.record.cohort import decide, gather
from protocols.record.evidence import Evidence, Fault
from protocols.wire.frames import EvidenceFrame, ProposalFrame, StatementFrame
from protocols.wire.statement import (
    Ballot,
    Complaint,
    Delivery,
    Disclosure,
    Kind,
    Report,
    Statement,
    Topic,
)

# -- dealers -----------------------------------------------------------------------------------


class Splitter(Dealer):
    """Deals what ``bend`` makes of an honest split."""

    def split(self, values: Words) -> Dealing:
        shape, context = self.desk.setting.shape, self.context()
        bent = split(shape, self.chosen(values), self.secret.reveal(), context)
        self.bend(bent)
        return seal(shape, context, bent)

    def chosen(self, values: Words) -> Words:
        return values

    def bend(self, parts: Split) -> None:
        pass


class MirroredShare(Splitter):
    """One share x becomes 1 - x: C is the same there, so that D alone shows it."""

    def bend(self, parts: Split) -> None:
        seats, threshold = self.panel.seats, self.panel.plan.threshold
        seat = max(s for s in range(threshold, len(seats)) if seats[s] != self.desk.me)
        parts.vectors[seat, 0] = (1 - int(parts.vectors[seat, 0])) % self.desk.setting.field.p


class OutsideValues(Splitter):
    """5: a value that is no bit."""

    def chosen(self, values: Words) -> Words:
        return np.concatenate([np.array([9], values.dtype), values[1:]])


class PaddedDealer(Splitter):
    """Something in a padding slot: a value that no parameter has."""

    def bend(self, parts: Split) -> None:
        shape = self.desk.setting.shape
        secrets = np.zeros((1, shape.plan.packing), np.uint64)
        secrets[0, -1] = 1
        free = np.zeros((shape.plan.threshold, 1), np.uint64)
        more = shape.sharing.share(secrets, free)[:, 0]
        column = parts.vectors[shape.plan.threshold :, shape.polynomials - 1]
        column[:] = (column.astype(np.uint64) + more) % shape.field.p


class KnownChallenges(OutsideValues):
    """Draws its challenges ahead of its root, and chooses masks that hide the lie from them."""

    def bend(self, parts: Split) -> None:
        shape = self.desk.setting.shape
        t, first, p = shape.plan.threshold, shape.polynomials, shape.field.p
        coins = draw(shape, [(self.context(), bytes(32))])
        _, slot = forms(shape, parts.vectors[:, :first], shape.padding_weight, coins)
        masks = parts.vectors[:, first + shape.challenges :].astype(np.uint64)
        known = (slot + masks)[: shape.sharing.quotient_terms] % p
        wanted = shape.sharing.slot_zero_masks(known)
        parts.vectors[t:, first + shape.challenges :] = ((wanted + p - slot) % p)[t:]


class OtherContext(Dealer):
    """Deals under challenges of another round."""

    def context(self) -> bytes:
        return digest("lab/context", super().context())


class Starver(Withholder):
    """Withholds from one, and "delivers" to nobody but itself, as its own relay."""

    def answer(self, report: Statement, key: bytes) -> None:
        box = self.desk.setting.crypto.seal(key, digest("lab/ephemeral"), b"rubbish")
        errand = self.panel.errand(self.desk.me, report.signer)
        said = forge(self.desk, Kind.DELIVERY, Delivery(report.hash, box), errand)
        self._local(StatementFrame(said.wire))


# -- members -----------------------------------------------------------------------------------


class FramingComplainer(Liar):
    """Complains with a package of the right length that does not open the root."""

    def after_report(self) -> None:
        for dealer in self.panel.selected:
            held = self.dealings.get(dealer)
            if held is not None and dealer != self.desk.me:
                package = bytes([held.package[0] ^ 1]) + held.package[1:]
                payload = Complaint(held.header.wire, package)
                statement = forge(self.desk, Kind.COMPLAINT, payload, dealer)
                self.desk.send(self.panel.seats, StatementFrame(statement.wire))


class BorrowedHeader(Liar):
    """70: complains about an honest dealer, with the header of its own bad dealing."""

    def after_report(self) -> None:
        held = self.dealings.get(self.desk.me)
        if held is not None:
            payload = Complaint(held.header.wire, held.package)
            victim = (self.desk.me + 1) % self.desk.setting.peers
            statement = forge(self.desk, Kind.COMPLAINT, payload, victim)
            self.desk.send(self.panel.seats, StatementFrame(statement.wire))


class WrongKeyDiscloser(FalseAsker):
    """69: opens a delivery with another key than the one that it asked with."""

    def _unpack_delivery(self, dealer: int, asked: Statement, delivery: Statement) -> None:
        payload = Disclosure(asked.hash, delivery.hash, digest("lab/another-key"))
        self.desk.send(self.panel.seats, StatementFrame(delivery.wire))
        statement = forge(self.desk, Kind.DISCLOSURE, payload, delivery.slot.subject)
        self.desk.send(self.panel.seats, StatementFrame(statement.wire))


class Repeater(Member):
    """Names every input of its proposal twice."""

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        statements = sorted(self.pool.values(), key=lambda item: item.hash)
        doubled = [item for statement in statements for item in (statement, statement)]
        findings = gather(self.panel, doubled, self.evidence.guilty.values())
        return decide(self.panel, findings).encode(), tuple(item.wire for item in doubled)


class TwoOutcomes(Member):
    """21: as leader, one outcome to one honest member and another to the rest, and votes for both.

    The other outcome follows from evidence that only the liar has: two reports of its own.
    """

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        proposal = super()._propose()
        if proposal is None or getattr(self, "_split", False):
            return proposal
        self._split = True
        other = self._second_report()
        statements = [*self.pool.values(), other]
        statements.sort(key=lambda item: item.hash)
        findings = gather(self.panel, statements, self.evidence.guilty.values())
        outcome = decide(self.panel, findings).encode()
        alone = max(seat for seat in self.panel.seats if seat != self.desk.me)
        rest = tuple(seat for seat in self.panel.seats if seat not in (self.desk.me, alone))
        for peers, (said, inputs) in (
            ((alone,), (outcome, tuple(s.wire for s in statements))),
            (rest, proposal),
        ):
            ballot = Ballot(self._named(said))
            signed = forge(self.desk, Kind.PROPOSAL, ballot, 3)
            self.desk.send(peers, ProposalFrame(signed.wire, said, inputs, ()))
            for kind in (Kind.FIRST_VOTE, Kind.SECOND_VOTE):
                vote = forge(self.desk, kind, ballot, 3)
                self.desk.send(peers, StatementFrame(vote.wire))
        return None

    def _named(self, outcome: bytes) -> bytes:
        from protocols.record.votes import outcome_hash
        from protocols.wire.statement import Topic

        return outcome_hash(Topic.COHORT, outcome)

    def _second_report(self) -> Statement:
        words = tuple((dealer, 1, bytes(32)) for dealer in self.panel.selected)
        return forge(self.desk, Kind.REPORT, Report(words))


class Sparer(ElectionMachine):
    """7: as leader it leaves out the evidence that the SEENs list."""

    def _propose(self, topic: Topic) -> Proposal | None:
        proposal = super()._propose(topic)
        if proposal is None or topic is Topic.REVEALS:
            return proposal
        chosen = [self._seen[topic][peer] for peer in sorted(self._seen[topic])]
        listed = listed_by(chosen, self._desk.read).values()
        inputs = encode_inputs((frame.statement for frame in chosen), listed, ())
        return self._outcome(topic, listed, {}), inputs


class Slanderer(Liar):
    """Accuses the honest with evidence that proves nothing, of every kind that it can make up."""

    def on_statement(self, statement: Statement) -> None:
        super().on_statement(statement)
        if statement.signer != self.desk.me:
            self.slander(statement)

    def after_report(self) -> None:
        for dealer, held in self.dealings.items():
            if dealer != self.desk.me:
                self.charge(Fault.MALFORMED_PROOF, held.header.wire)

    def slander(self, statement: Statement) -> None:
        self.charge(Fault.EQUIVOCATION, statement.wire, statement.wire)
        forged = self._as_if(statement)
        if forged is not None:
            self.charge(Fault.EQUIVOCATION, statement.wire, forged.wire)

    def _as_if(self, statement: Statement) -> Statement | None:
        """What the other would have said, signed by this liar."""
        if statement.kind is not Kind.REPORT:
            return None
        from protocols.wire.statement import sign

        words = tuple((dealer, 1, bytes(32)) for dealer in self.panel.selected)
        desk = self.desk
        secret = desk._round_secret
        assert secret is not None
        crypto, group = desk.setting.crypto, desk.setting.group
        return sign(crypto, secret.reveal(), group, statement.slot, Report(words))

    def charge(self, fault: Fault, *items: bytes) -> None:
        evidence = Evidence(fault, self.certificate, items).encode()
        others = (peer for peer in self.desk.everyone() if peer != self.desk.me)
        self.desk.send(others, EvidenceFrame(evidence), again=False)


MIRRORED = parts("Mirrored", dealer=MirroredShare)
OUTSIDE = parts("Outside", dealer=OutsideValues)
PADDED = parts("Padded", dealer=PaddedDealer)
KNOWN = parts("Known", dealer=KnownChallenges)
OTHER_CONTEXT = parts("OtherContext", dealer=OtherContext)
FRAMING = parts("Framing", member=FramingComplainer)
BORROWED = parts("Borrowed", dealer=HighDegree, member=BorrowedHeader)
WRONG_KEY = parts("WrongKey", member=WrongKeyDiscloser)
STARVER = parts("StarverAndRelay", dealer=Starver, member=IdleRelay, opener=SilentOpener)
REPEATER = parts("RepeatingLeader", member=Repeater)
TWO_OUTCOMES = parts("TwoOutcomes", member=TwoOutcomes)
SLANDERER = parts("Slandering", member=Slanderer)
