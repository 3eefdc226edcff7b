"""What a peer has heard in a flip of the coin, and what follows from it (docs/protocol.md §2)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from protocols.election.inputs import (
    Inputs,
    check_listed,
    encode_inputs,
    listed_by,
    shown,
    sort_inputs,
    unnamed,
)
from protocols.errors import WireError
from protocols.record.approval import approved, check_approval
from protocols.record.door import read_frame, read_statement
from protocols.record.effects import Step
from protocols.record.election import Commitments, Election
from protocols.record.evidence import Evidence, Fault, evidence_hash, judge_bytes
from protocols.record.inbox import Admission
from protocols.record.outcomes import Accused
from protocols.record.party import Party, Role
from protocols.record.resolution import Tip
from protocols.record.setting import shown_evidence
from protocols.wire.frames import SeenFrame
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import Statement


class Heard(Role):
    """``eligible`` may commit; ``silent`` voided earlier flips of this round; the round goes on
    from ``tip``. ``commitments`` are those that the roster has agreed on, None before that.
    ``approvals`` are what operators approved, as far as it is here as the attempt begins.
    """

    def __init__(
        self, party: Party, tip: Tip, eligible: frozenset[int], silent: tuple[int, ...]
    ) -> None:
        super().__init__(party)
        self.tip = tip
        self.approvals: tuple[Statement, ...] = ()
        self.eligible = eligible
        self.silent = silent
        self.commitments: Commitments | None = None
        self.commits: dict[int, Statement] = {}
        self.reveals: dict[int, Statement] = {}
        self.evidence: dict[bytes, bytes] = {}
        self.seen: dict[Topic, dict[int, SeenFrame]] = {Topic.COMMITS: {}, Topic.REVEALS: {}}
        self._early_reveals: dict[int, Statement] = {}

    # -- what others say -----------------------------------------------------------------------

    def take_evidence(self, data: bytes) -> None:
        """Evidence enters through the commitment set (§0); only what convicts is kept."""
        finding = judge_bytes(self.party.setting, data)
        if finding.culprit in self.eligible:
            self.evidence.setdefault(evidence_hash(data), data)

    def take(self, statement: Statement) -> Step:
        """A COMMIT or a REVEAL."""
        self._take(statement)
        return self.done()

    def take_seen(self, statement: Statement, frame: SeenFrame) -> Step:
        """Whatever it lists counts as heard. WireError unless all of that is attached and valid."""
        self._take_attachments(statement, frame)
        if self.admit(statement).counts:
            self.seen[Topic(statement.slot.subject)].setdefault(statement.signer, frame)
        return self.done()

    def take_commitments(self, commitments: Commitments) -> Step:
        """The roster's decision: reveals are sorted by it."""
        self.commitments = commitments
        self._match_reveals()
        return self.done()

    def all_revealed(self) -> bool:
        if self.commitments is None:
            return False
        return {peer for peer, _, _ in self.commitments.commits} <= set(self.reveals)

    def _take(self, statement: Statement) -> None:
        signer, is_commit = statement.signer, statement.kind is Kind.COMMIT
        if (self.commits if is_commit else self.reveals).get(signer) is statement:
            return  # every SEEN brings it once more
        if is_commit:
            self._on_commit(statement)
        else:
            self._on_reveal(statement)

    def _on_commit(self, statement: Statement) -> None:
        if statement.signer in self.eligible and self.admit(statement) is Admission.NEW:
            self.commits[statement.signer] = statement

    def _on_reveal(self, statement: Statement) -> None:
        if statement.signer not in self.eligible:
            return
        if self.admit(statement).counts:
            self._early_reveals.setdefault(statement.signer, statement)
            self._match_reveals()

    def _match_reveals(self) -> None:
        """Sort what was revealed once it is certified what was committed to."""
        if self.commitments is None:
            return
        committed = {peer: commitment for peer, commitment, _ in self.commitments.commits}
        for peer, statement in list(self._early_reveals.items()):
            del self._early_reveals[peer]
            if peer not in committed:
                continue
            if self._opens(peer, committed[peer], statement):
                self.reveals.setdefault(peer, statement)
            elif (commit := self._certified(peer, committed[peer])) is not None:
                said = commit, statement
                self.emit(Accused(Evidence(Fault.WRONG_REVEAL, None, said)))

    def _certified(self, peer: int, commitment: bytes) -> Statement | None:
        """The COMMIT that is here, if it is the certified one: of a liar that signed two, the
        reveal may open the other, and proves nothing against this one.
        """
        commit = self.commits.get(peer)
        fits = commit is not None and commit.payload.commitment == commitment
        return commit if fits else None

    def _opens(self, peer: int, commitment: bytes, reveal: Statement) -> bool:
        nonce = reveal.payload.nonce
        return self.party.setting.commitment(*self.party.place, peer, nonce) == commitment

    def _take_attachments(self, statement: Statement, frame: SeenFrame) -> None:
        topic, setting = Topic(statement.slot.subject), self.party.setting
        attached = [self.party.inbox.read(item) for item in frame.statements]
        hashes = tuple(sorted(item.hash for item in attached))
        evidence = tuple(sorted(evidence_hash(item) for item in frame.evidence))
        if hashes != statement.payload.statements or evidence != statement.payload.evidence:
            raise WireError("a SEEN statement without what it lists")
        if sum(map(len, frame.evidence)) > shown_evidence(setting):
            raise WireError("a SEEN statement with more evidence than a proposal shows")
        culprits = [judge_bytes(setting, item).culprit for item in frame.evidence]
        check_listed(topic, attached, culprits)
        for found in attached:
            self._take(found)

    # -- what this peer says -------------------------------------------------------------------

    def listed(self, topic: Topic) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """What its SEEN lists now: statements by their hash, and evidence."""
        held = self.commits if topic is Topic.COMMITS else self.reveals
        statements = sorted(held.values(), key=lambda item: item.hash)
        convicting = self.convicting(self.evidence.values()) if topic is Topic.COMMITS else ()
        evidence = sorted(
            shown(convicting, shown_evidence(self.party.setting)).values(), key=evidence_hash
        )
        return tuple(s.wire for s in statements), tuple(evidence)

    def convicting(self, evidence: Iterable[bytes]) -> list[tuple[int, bytes]]:
        """(culprit, piece) of what proves somebody guilty who was not yet."""
        setting = self.party.setting
        judged = [(judge_bytes(setting, piece).culprit, piece) for piece in evidence]
        return [(culprit, piece) for culprit, piece in judged if culprit in self.eligible]


class Union:
    """The inputs of one of the election's agreements: the union of what a quorum has seen. With a
    quorum of approvals beside them they make a resolution instead of commitments.
    """

    def __init__(self, heard: Heard, topic: Topic) -> None:
        self._heard = heard
        self._topic = topic

    @property
    def _begun(self) -> bool:
        """Reveals are agreed on behind the commitments."""
        return self._topic is Topic.COMMITS or self._heard.commitments is not None

    def propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        heard, party = self._heard, self._heard.party
        frames = heard.seen[self._topic]
        if len(frames) < party.setting.roster_quorum or not self._begun:
            return None
        chosen = [frames[peer] for peer in sorted(frames)]
        listed = listed_by(chosen, party.inbox.read).values()
        pieces = dict.fromkeys(piece for frame in chosen for piece in frame.evidence)
        first = self._topic is Topic.COMMITS
        room = shown_evidence(party.setting)
        proofs = shown(heard.convicting(pieces), room) if first else {}
        approvals = self._approved(heard.approvals) if first else ()
        seen = (frame.statement for frame in chosen)
        inputs = encode_inputs(seen, listed, proofs.values(), approvals)
        return self._outcome(listed, proofs, approvals), inputs

    def judge(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bool, Step]:
        """The outcome is the union of what a quorum saw, each with all that it lists."""
        if not self._begun:
            return False, self._heard.done()
        setting = self._heard.party.setting
        try:
            frames = [read_frame(setting, item) for item in inputs]
            found = sort_inputs(self._topic, self._read, frames)
            judged = [(judge_bytes(setting, p).culprit, p) for p in found.evidence.values()]
        except WireError:
            return False, self._heard.done()
        accepted = self._follows(outcome, found, dict(judged))
        return accepted, self._heard.done()

    def _read(self, data: bytes) -> Statement:
        """A statement of this attempt, or an approval, which is of none."""
        setting = self._heard.party.setting
        said = read_statement(setting, data)
        if said.kind is Kind.APPROVE:
            return check_approval(setting, said)
        return self._heard.party.inbox.verify(said)

    def _approved(self, approvals: Iterable[Statement]) -> tuple[Statement, ...]:
        heard = self._heard
        return approved(approvals, heard.tip, heard.party.setting.roster_quorum)

    def _follows(self, outcome: bytes, found: Inputs, proofs: Mapping[int, bytes]) -> bool:
        heard = self._heard
        if len(proofs) != len(found.evidence) or not proofs.keys() <= heard.eligible:
            return False
        for statement in found.listed.values():
            heard._take(statement)
        for statement in found.seen.values():
            heard.admit(statement)
        accused = {name for said in found.seen.values() for name in said.payload.evidence}
        room = shown_evidence(heard.party.setting)
        if self._topic is Topic.COMMITS and unnamed(proofs, self._held(accused), room):
            return False
        approvals = self._approved(found.approvals.values())
        if len(approvals) != len(found.approvals):
            return False
        enough = len(found.seen) >= heard.party.setting.roster_quorum
        return enough and self._outcome(found.listed.values(), proofs, approvals) == outcome

    def _held(self, names: Container[bytes]) -> list[tuple[int, bytes]]:
        """What this peer has of the evidence that these SEENs list: its own, and what came with
        SEENs. A leader that leaves it out would spare a liar."""
        frames = self._heard.seen[Topic.COMMITS].values()
        came = (piece for frame in frames for piece in frame.evidence)
        held = {evidence_hash(piece): piece for piece in came} | self._heard.evidence
        return self._heard.convicting(piece for name, piece in held.items() if name in names)

    def _outcome(
        self,
        listed: Iterable[Statement],
        proofs: Mapping[int, bytes],
        approvals: tuple[Statement, ...],
    ) -> bytes:
        heard = self._heard
        if approvals:
            guilty = {culprit: evidence_hash(piece) for culprit, piece in proofs.items()}
            return heard.tip.resolution(approvals[0].payload, guilty, heard.silent)
        if heard.commitments is None or self._topic is Topic.COMMITS:
            return _commitments(heard, listed, proofs).outcome(draws=heard.party.setting.draws)
        return _election(heard.party, heard.commitments, listed).encode()


def _commitments(
    heard: Heard, listed: Iterable[Statement], proofs: Mapping[int, bytes]
) -> Commitments:
    """Whoever has two commitments, or is proven guilty in this very set, is left out of it."""
    guilty = {culprit: evidence_hash(piece) for culprit, piece in proofs.items()}
    by_peer: dict[int, dict[bytes, Statement]] = {}
    for statement in listed:
        by_peer.setdefault(statement.signer, {})[statement.body] = statement
    commits = []
    for peer, said in sorted(by_peer.items()):
        if peer in heard.eligible and peer not in guilty and len(said) == 1:
            (statement,) = said.values()
            commits.append((peer, statement.payload.commitment, statement.payload.round_key))
    return Commitments(tuple(commits), tuple(sorted(guilty.items())), heard.silent)


def _election(party: Party, agreed: Commitments, listed: Iterable[Statement]) -> Election:
    committed = {peer: commitment for peer, commitment, _ in agreed.commits}
    nonces: dict[int, bytes] = {}
    for statement in listed:
        peer, nonce = statement.signer, statement.payload.nonce
        if peer in committed:
            opens = party.setting.commitment(*party.place, peer, nonce) == committed[peer]
            nonces |= {peer: nonce} if opens else {}
    seats = tuple((peer, key, nonces[peer]) for peer, _, key in agreed.commits if peer in nonces)
    missing = tuple(peer for peer in sorted(committed) if peer not in nonces)
    return Election(seats, missing, agreed.guilty, agreed.silent)
