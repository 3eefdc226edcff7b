"""One flip of the coin: commit, agree, reveal, agree (docs/protocol.md §2).

A committed peer that does not reveal voids the flip, is locked out and not blamed: if the seed
were made of whatever was revealed, silent peers could choose among seeds. The next attempt has
fresh nonces and keys.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass

from protocols.agreement.machine import Agreement, Decision, Proposal
from protocols.election.inputs import (
    MAX_SHOWN_EVIDENCE,
    check_listed,
    decode_inputs,
    encode_inputs,
    listed_by,
    shown,
    unnamed,
)
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.record.certificate import ElectionCertificate, roster_electorate
from protocols.record.desk import Admission, Desk
from protocols.record.election import Commitments, Election
from protocols.record.evidence import Evidence, Fault, Judge, evidence_hash
from protocols.record.ledger import Ledger
from protocols.record.states import FLIP, Flip, FlipEvent, Machine
from protocols.secret import Secret
from protocols.wire.frames import SeenFrame, StatementFrame, decode_frame, encode_frame
from protocols.wire.statement import Commit, Kind, Reveal, Seen, Statement, Topic


@dataclass(frozen=True, slots=True)
class Draw:
    """This peer's part in a flip, all derived from the attempt's secret."""

    nonce: bytes
    round_secret: Secret

    @classmethod
    def of(cls, attempt_secret: Secret) -> Draw:
        seed = attempt_secret.reveal()
        return cls(digest("peerd/nonce", seed), Secret(digest("peerd/round-key", seed)))

    def __repr__(self) -> str:
        return "Draw(…)"


class ElectionMachine:
    """``elected`` is called once, with the certificate of a flip that may be void."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        silent: Iterable[int],
        draw: Draw,
        judge: Judge,
        *,
        elected: Callable[[ElectionCertificate], None],
    ) -> None:
        self._state = Machine(Flip.WAITING, FLIP)
        self.commitments: Commitments | None = None
        self._desk = desk
        self._silent = tuple(sorted(set(silent)))
        self._draw = draw
        self._judge = judge
        self._elected = elected
        everyone = frozenset(desk.everyone())
        self._eligible = (ledger.eligible(desk.setting.peers, desk.round) & everyone) - frozenset(
            self._silent
        )
        self._present: frozenset[int] = frozenset()
        self._familiar = ledger.present
        self._grace = False
        self._commits: dict[int, Statement] = {}
        self._reveals: dict[int, Statement] = {}
        self._evidence: dict[bytes, bytes] = {}
        self._seen: dict[Topic, dict[int, SeenFrame]] = {Topic.COMMITS: {}, Topic.REVEALS: {}}
        self._early_reveals: dict[int, Statement] = {}
        leaders = leader_order(desk, ledger, self._silent)
        self._agreements = {
            Topic.COMMITS: self._agreement(Topic.COMMITS, leaders),
            Topic.REVEALS: self._agreement(Topic.REVEALS, leaders),
        }

    @property
    def stage(self) -> Flip:
        return self._state.state

    # -- events --------------------------------------------------------------------------------

    def start(self, present: Iterable[int], evidence: Iterable[bytes]) -> None:
        """Commit. ``present`` are the peers whose word is awaited, not only allowed."""
        self._state.move(FlipEvent.START)
        self._present = frozenset(present) | {self._desk.me}
        for item in evidence:
            self.take_evidence(item)
        self._desk.timer("commit", delay=self._desk.setting.deadlines.commit)
        if self._desk.me in self._eligible:
            self._commit()
        self._advance()

    def set_present(self, present: Iterable[int]) -> None:
        self._present = frozenset(present) | {self._desk.me}
        self._advance()

    def take_evidence(self, data: bytes) -> None:
        """Evidence enters through the commitment set (§0); only what convicts is kept."""
        finding = self._judge.judge(data)
        if finding.culprit in self._eligible:
            self._evidence.setdefault(evidence_hash(data), data)

    def on_statement(self, statement: Statement) -> None:
        if statement.kind is Kind.COMMIT:
            self._on_commit(statement)
        else:
            self._on_reveal(statement)
        self._advance()

    def on_seen(self, statement: Statement, frame: SeenFrame) -> None:
        self._take_attachments(statement, frame)
        if self._desk.admit(statement) in (Admission.NEW, Admission.KNOWN):
            topic = Topic(statement.slot.subject)
            self._seen[topic].setdefault(statement.signer, frame)
        self._advance()
        self._agreements[Topic(statement.slot.subject)].refresh()

    def agreement(self, topic: Topic) -> Agreement:
        return self._agreements[topic]

    def on_deadline(self, name: str) -> None:
        if name in ("commit", "grace") and self.stage is Flip.COMMITTING:
            self._say_seen(Topic.COMMITS)
        elif name == "reveal" and self.stage is Flip.REVEALING:
            self._say_seen(Topic.REVEALS)

    # -- commit and reveal ---------------------------------------------------------------------

    def _commit(self) -> None:
        desk, setting = self._desk, self._desk.setting
        commitment = setting.commitment(desk.round, desk.attempt, desk.me, self._draw.nonce)
        key = setting.crypto.signing_public(self._draw.round_secret.reveal())
        statement = desk.sign(Kind.COMMIT, Commit(commitment, key))
        self._commits[desk.me] = statement
        self.say(statement)

    def _reveal(self) -> None:
        statement = self._desk.sign(Kind.REVEAL, Reveal(self._draw.nonce))
        self._reveals[self._desk.me] = statement
        self.say(statement)

    def say(self, statement: Statement) -> None:
        """Tell everyone. An adversary may override it."""
        self._desk.send(self._desk.everyone(), StatementFrame(statement.wire))

    def _on_commit(self, statement: Statement) -> None:
        if statement.signer in self._eligible and self._desk.admit(statement) is Admission.NEW:
            self._commits[statement.signer] = statement

    def _on_reveal(self, statement: Statement) -> None:
        if statement.signer not in self._eligible:
            return
        if self._desk.admit(statement) in (Admission.NEW, Admission.KNOWN):
            if self._reveals.get(statement.signer) is statement:
                return  # it opens its commitment: every SEEN brings it once more
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
                self._reveals.setdefault(peer, statement)
            elif self._holds(peer, committed[peer]):
                self._accuse(peer, statement)

    def _holds(self, peer: int, commitment: bytes) -> bool:
        """Whether the COMMIT that is here is the certified one: of a liar that signed two, the
        reveal may open the other, and proves nothing against this one.
        """
        commit = self._commits.get(peer)
        return commit is not None and commit.payload.commitment == commitment

    def _opens(self, peer: int, commitment: bytes, reveal: Statement) -> bool:
        desk = self._desk
        nonce = reveal.payload.nonce
        return desk.setting.commitment(desk.round, desk.attempt, peer, nonce) == commitment

    def _accuse(self, peer: int, reveal: Statement) -> None:
        commit = self._commits[peer]
        items = (commit.wire, reveal.wire)
        self.accused(Evidence(Fault.WRONG_REVEAL, None, items).encode())

    def accused(self, evidence: bytes) -> None:
        """Evidence found here; the attempt passes it on (it replaces this hook)."""

    # -- the deadline: what was seen -----------------------------------------------------------

    def _advance(self) -> None:
        if self.stage is Flip.COMMITTING:
            self._await_commits()
        if self.stage is Flip.REVEALING and self.commitments is not None:
            committed = {peer for peer, _, _ in self.commitments.commits}
            if committed <= set(self._reveals):
                self._say_seen(Topic.REVEALS)

    def _await_commits(self) -> None:
        """Peers that took part in the last round are awaited; one that returns gets a grace.

        A connected peer that stays silent round after round costs the grace, not the deadline.
        """
        if len(self._present) < self._desk.setting.roster_quorum:
            return  # cut off from the others: whoever comes back before the deadline still counts
        missing = (self._present & self._eligible) - set(self._commits)
        if not missing:
            self._say_seen(Topic.COMMITS)
        elif self._familiar and not missing & self._familiar and not self._grace:
            self._grace = True
            delay = self._desk.setting.deadlines.grace
            self._desk.timer("grace", delay=delay)

    def _say_seen(self, topic: Topic) -> None:
        commits = topic is Topic.COMMITS
        self._state.move(FlipEvent.COMMITS_SEEN if commits else FlipEvent.REVEALS_SEEN)
        frame = self._seen_frame(topic)
        self._seen[topic][self._desk.me] = frame
        self._desk.send(self._desk.everyone(), frame)
        self._agreements[topic].begin()

    def _seen_frame(self, topic: Topic) -> SeenFrame:
        """What this peer held at the deadline; the same bytes again after a restart."""
        key = f"seen/{self._desk.attempt}/{int(topic)}"
        earlier = self._desk.remembered(key)
        if earlier is not None:
            held_then = decode_frame(earlier)
            assert isinstance(held_then, SeenFrame)
            frame = self._signed_seen(topic, held_then.statements, held_then.evidence)
            self._take_attachments(self._desk.read(frame.statement), frame)
            return frame
        held = self._commits if topic is Topic.COMMITS else self._reveals
        statements = sorted(held.values(), key=lambda item: item.hash)
        convicting = self._convicting(self._evidence.values()) if topic is Topic.COMMITS else ()
        evidence = sorted(shown(convicting).values(), key=evidence_hash)
        attached = tuple(s.wire for s in statements), tuple(evidence)
        # Before it is signed: a statement whose list is lost can't be sent after a restart.
        self._desk.persist(key, encode_frame(SeenFrame(b"", *attached)))
        return self._signed_seen(topic, *attached)

    def _signed_seen(
        self, topic: Topic, statements: tuple[bytes, ...], evidence: tuple[bytes, ...]
    ) -> SeenFrame:
        hashes = tuple(self._desk.read(item).hash for item in statements)
        said = Seen(hashes, tuple(evidence_hash(item) for item in evidence))
        signed = self._desk.sign(Kind.SEEN, said, int(topic))
        return SeenFrame(signed.wire, statements, evidence)

    def _take_attachments(self, statement: Statement, frame: SeenFrame) -> None:
        """WireError unless everything listed is attached and valid; then it counts as heard."""
        topic = Topic(statement.slot.subject)
        attached = [self._desk.read(item) for item in frame.statements]
        hashes = tuple(sorted(item.hash for item in attached))
        evidence = tuple(sorted(evidence_hash(item) for item in frame.evidence))
        if hashes != statement.payload.statements or evidence != statement.payload.evidence:
            raise WireError("a SEEN statement without what it lists")
        if sum(map(len, frame.evidence)) > MAX_SHOWN_EVIDENCE:
            raise WireError("a SEEN statement with more evidence than a proposal shows")
        culprits = [self._judge.judge(item).culprit for item in frame.evidence]
        check_listed(topic, attached, culprits)
        self._hear(attached)

    def _hear(self, listed: Iterable[Statement]) -> None:
        """Whatever somebody lists counts as heard."""
        for found in listed:
            if found.kind is Kind.COMMIT:
                self._on_commit(found)
            else:
                self._on_reveal(found)

    def _convicting(self, evidence: Iterable[bytes]) -> list[tuple[int, bytes]]:
        """(culprit, piece) of what proves somebody guilty who was not yet."""
        judged = [(self._judge.judge(piece).culprit, piece) for piece in evidence]
        return [(culprit, piece) for culprit, piece in judged if culprit in self._eligible]

    # -- agreement -----------------------------------------------------------------------------

    def _agreement(self, topic: Topic, leaders: list[int]) -> Agreement:
        return Agreement(
            self._desk,
            topic,
            roster_electorate(self._desk.setting),
            leaders,
            propose=lambda: self._propose(topic),
            judge=lambda outcome, inputs: self._accepts(topic, outcome, inputs),
            decided=lambda decision: self._decided(topic, decision),
        )

    def _propose(self, topic: Topic) -> Proposal | None:
        frames = self._seen[topic]
        if len(frames) < self._desk.setting.roster_quorum:
            return None
        if topic is Topic.REVEALS and self.commitments is None:
            return None
        chosen = [frames[peer] for peer in sorted(frames)]
        listed = listed_by(chosen, self._desk.read).values()
        pieces = dict.fromkeys(piece for frame in chosen for piece in frame.evidence)
        proofs = shown(self._convicting(pieces)) if topic is Topic.COMMITS else {}
        inputs = encode_inputs((frame.statement for frame in chosen), listed, proofs.values())
        return self._outcome(topic, listed, proofs), inputs

    def _accepts(self, topic: Topic, outcome: bytes, inputs: tuple[bytes, ...]) -> bool:
        """The outcome is the union of what a quorum saw, each with all that it lists."""
        if topic is Topic.REVEALS and self.commitments is None:
            return False
        try:
            found = decode_inputs(topic, self._desk.read, inputs)
            proofs = {self._judge.judge(piece).culprit: piece for piece in found.evidence.values()}
        except WireError:
            return False
        if len(proofs) != len(found.evidence) or not proofs.keys() <= self._eligible:
            return False
        self._hear(found.listed.values())
        for statement in found.seen.values():
            self._desk.admit(statement)
        accused = {name for said in found.seen.values() for name in said.payload.evidence}
        if topic is Topic.COMMITS and unnamed(proofs, self._held(accused)):
            return False
        enough = len(found.seen) >= self._desk.setting.roster_quorum
        return enough and self._outcome(topic, found.listed.values(), proofs) == outcome

    def _held(self, names: Container[bytes]) -> list[tuple[int, bytes]]:
        """What this peer has of the evidence that these SEENs list: its own, and what came with
        SEENs. A leader that leaves it out would spare a liar."""
        heard = (piece for frame in self._seen[Topic.COMMITS].values() for piece in frame.evidence)
        held = {evidence_hash(piece): piece for piece in heard} | self._evidence
        return self._convicting(piece for name, piece in held.items() if name in names)

    def _outcome(
        self, topic: Topic, listed: Iterable[Statement], proofs: Mapping[int, bytes]
    ) -> bytes:
        return (
            self._union_of_commits(listed, proofs).encode()
            if topic is Topic.COMMITS
            else self._union_of_reveals(listed).encode()
        )

    def _union_of_commits(
        self, listed: Iterable[Statement], proofs: Mapping[int, bytes]
    ) -> Commitments:
        guilty = {culprit: evidence_hash(piece) for culprit, piece in proofs.items()}
        by_peer: dict[int, set[Statement]] = {}
        for statement in listed:
            by_peer.setdefault(statement.signer, set()).add(statement)
        commits = []
        for peer in sorted(by_peer):
            said = {statement.body: statement for statement in by_peer[peer]}
            if peer in self._eligible and peer not in guilty and len(said) == 1:
                (statement,) = said.values()
                payload = statement.payload
                commits.append((peer, payload.commitment, payload.round_key))
        return Commitments(tuple(commits), tuple(sorted(guilty.items())), self._silent)

    def _union_of_reveals(self, listed: Iterable[Statement]) -> Election:
        assert self.commitments is not None
        revealed: dict[int, Statement] = {}
        committed = {peer: commitment for peer, commitment, _ in self.commitments.commits}
        for statement in listed:
            peer = statement.signer
            if peer in committed and self._opens(peer, committed[peer], statement):
                revealed[peer] = statement
        seats = tuple(
            (peer, key, revealed[peer].payload.nonce)
            for peer, _, key in self.commitments.commits
            if peer in revealed
        )
        missing = tuple(peer for peer in sorted(committed) if peer not in revealed)
        return Election(seats, missing, self.commitments.guilty, self.commitments.silent)

    def _decided(self, topic: Topic, decision: Decision) -> None:
        if topic is Topic.COMMITS:
            self.commitments = Commitments.decode(decision.outcome)
            if not self._state.allows(FlipEvent.COMMITS_DECIDED):
                return  # the reveals were decided first: somebody passed that decision on
            self._state.move(FlipEvent.COMMITS_DECIDED)
            self._desk.timer("reveal", delay=self._desk.setting.deadlines.commit)
            if any(peer == self._desk.me for peer, _, _ in self.commitments.commits):
                self._reveal()
            self._match_reveals()
            self._advance()
            return
        self._state.move(FlipEvent.REVEALS_DECIDED)
        desk = self._desk
        self._elected(
            ElectionCertificate(desk.round, desk.attempt, decision.outcome, decision.votes)
        )


def leader_order(desk: Desk, ledger: Ledger, silent: tuple[int, ...]) -> list[int]:
    """Leaders of the election's views: by the hash of the place, doubtful peers last.

    A leader that is silent costs a view's timeout; the order is a function of certified sets, so
    everyone has the same.
    """

    def rank(peer: int) -> tuple[bool, bool, bytes]:
        place = desk.round.to_bytes(8, "little"), desk.attempt.to_bytes(8, "little")
        doubtful = peer in ledger.guilty or peer in silent or ledger.locked_out(peer, desk.round)
        away = bool(ledger.present) and peer not in ledger.present
        return doubtful, away, digest("peerd/leader", *place, desk.setting.roster[peer])

    return sorted(desk.everyone(), key=rank)
