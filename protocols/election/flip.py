"""One election: commit and agree; where a coin draws, reveal and agree too (docs/protocol.md §2).

A committed peer that does not reveal voids the flip, is locked out and not blamed: if the seed
were made of whatever was revealed, silent peers could choose among seeds. The next attempt has
fresh nonces and keys. Where everybody sits and deals nothing is drawn, and nothing revealed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from protocols.agreement.machine import Agreement
from protocols.agreement.terms import Terms
from protocols.election.heard import Heard, Union
from protocols.election.states import FLIP, FlipEvent, FlipState
from protocols.errors import ProtocolError
from protocols.hashing import digest, numbers
from protocols.record.certificate import ResolutionCertificate
from protocols.record.effects import Step
from protocols.record.elected import ElectionCertificate, elected, roster_electorate
from protocols.record.election import Commitments
from protocols.record.evidence import evidence_hash
from protocols.record.ledger import Ledger
from protocols.record.outcomes import Decision, Flipped, Resolved, Wasted
from protocols.record.party import Party, Role
from protocols.record.resolution import Resolution, Tip, is_resolution
from protocols.record.setting import NO_HEAD
from protocols.record.spending import is_spent
from protocols.record.states import Machine
from protocols.record.timers import CommitsDue, RevealsDue
from protocols.secret import Secret
from protocols.wire.frames import SeenFrame, StatementFrame, decode_frame, encode_frame
from protocols.wire.payloads import Commit, Kind, Reveal, Seen, Topic
from protocols.wire.statement import Statement


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


@dataclass(frozen=True, slots=True)
class Outset:
    """What this peer sees as an attempt begins. ``present`` are connected: their word is awaited,
    not only allowed; for ``hasty`` ones alone nobody waits longer than the grace. ``evidence`` is
    what it holds against others, ``approvals`` what it holds of operators'. ``head``: its trail's
    last hash, which it commits to where nothing is drawn.
    """

    present: frozenset[int]
    hasty: frozenset[int] = frozenset()
    evidence: tuple[bytes, ...] = field(default=(), repr=False)
    approvals: tuple[Statement, ...] = field(default=(), repr=False)
    head: bytes = field(default=NO_HEAD, repr=False)


class Flip(Role):
    """Comes to ``Flipped``, once: the flip may be void. Or to ``Resolved``. Who lets the deadline
    for commitments pass has ``Wasted`` it. ``ledger`` says whom this attempt excludes.
    """

    def __init__(
        self, party: Party, tip: Tip, ledger: Ledger, silent: tuple[int, ...], draw: Draw
    ) -> None:
        super().__init__(party)
        eligible = ledger.eligible(party.setting.peers, party.round) - frozenset(silent)
        if is_spent(party.setting, ledger):
            eligible = frozenset()  # the group may hand over in this round, and do nothing else
        self._state = Machine(FlipState.WAITING, FLIP)
        self._heard = Heard(party, tip, eligible, silent)
        self._draw = draw
        self._present: frozenset[int] = frozenset()
        self._hasty: frozenset[int] = frozenset()
        self._grace = False
        leaders = leader_order(party, ledger, silent)
        self._agreements = {
            topic: Agreement(
                party,
                Terms(topic, roster_electorate(party.setting), leaders, Union(self._heard, topic)),
            )
            for topic in (Topic.COMMITS, Topic.REVEALS)
        }

    @property
    def state(self) -> FlipState:
        return self._state.state

    # -- events --------------------------------------------------------------------------------

    def start(self, outset: Outset) -> Step:
        """Commit."""
        self._state.move(FlipEvent.START)
        self._present = outset.present | {self.party.me}
        self._hasty = outset.hasty
        self._heard.approvals = outset.approvals
        for item in outset.evidence:
            self._heard.take_evidence(item)
        self.timer(CommitsDue(), self.party.setting.deadlines.commit)
        if self.party.me in self._heard.eligible:
            self._commit(outset.head)
        self._advance()
        return self.done()

    def set_present(self, present: Iterable[int]) -> Step:
        self._present = frozenset(present) | {self.party.me}
        self._advance()
        return self.done()

    def on_statement(self, statement: Statement) -> Step:
        """A COMMIT or a REVEAL."""
        self._hear(self._heard.take(statement))
        self._advance()
        return self.done()

    def on_seen(self, statement: Statement, frame: SeenFrame) -> Step:
        self._hear(self._heard.take_seen(statement, frame))
        self._advance()
        agreement = self._agreements[Topic(statement.slot.subject)]
        return self.on_agreement(agreement.refresh())

    def on_timer(self, event: CommitsDue | RevealsDue) -> Step:
        if isinstance(event, CommitsDue) and self.state is FlipState.COMMITTING:
            if not event.grace:
                self.emit(Wasted(self._missing()))
            self._say_seen(Topic.COMMITS)
        elif isinstance(event, RevealsDue) and self.state is FlipState.REVEALING:
            self._say_seen(Topic.REVEALS)
        return self.done()

    def agreement(self, topic: Topic) -> Agreement:
        return self._agreements[topic]

    def on_agreement(self, step: Step) -> Step:
        """What one of the agreements calls for, and what follows from it here."""
        self._hear(step)
        return self.done()

    def _hear(self, step: Step) -> None:
        for outcome in self.absorb(step):
            if isinstance(outcome, Decision):
                self._decided(outcome)
            else:
                self.emit(outcome)

    # -- commit and reveal ---------------------------------------------------------------------

    def _commit(self, head: bytes) -> None:
        """A commitment to the nonce; where nobody ever opens one, to the trail's head."""
        party = self.party
        setting = party.setting
        if setting.draws:
            commitment = setting.commitment(*party.place, party.me, self._draw.nonce)
        else:
            commitment = setting.head_commitment(*party.place, party.me, head)
        key = setting.crypto.signing_public(self._draw.round_secret.reveal())
        statement = self.sign(Kind.COMMIT, Commit(commitment, key))
        self._heard.commits[party.me] = statement
        self._say(statement)

    def _reveal(self) -> None:
        statement = self.sign(Kind.REVEAL, Reveal(self._draw.nonce))
        self._heard.reveals[self.party.me] = statement
        self._say(statement)

    def _say(self, statement: Statement) -> None:
        self.send(self.party.everyone(), StatementFrame(statement.wire))

    # -- the deadline: what was seen -----------------------------------------------------------

    def _advance(self) -> None:
        if self.state is FlipState.COMMITTING:
            self._await_commits()
        if self.state is FlipState.REVEALING and self._heard.all_revealed():
            self._say_seen(Topic.REVEALS)

    def _await_commits(self) -> None:
        """Who is connected is awaited: if only hasty ones are missing, as long as the grace."""
        if len(self._present) < self.party.setting.roster_quorum:
            return  # cut off from the others: whoever comes back before the deadline still counts
        missing = self._missing()
        if not missing:
            self._say_seen(Topic.COMMITS)
        elif missing <= self._hasty and not self._grace:
            self._grace = True
            self.timer(CommitsDue(grace=True), self.party.setting.deadlines.grace)

    def _missing(self) -> frozenset[int]:
        """Connected peers whose commitment is not here."""
        return (self._present & self._heard.eligible) - frozenset(self._heard.commits)

    def _say_seen(self, topic: Topic) -> None:
        commits = topic is Topic.COMMITS
        self._state.move(FlipEvent.COMMITS_SEEN if commits else FlipEvent.REVEALS_SEEN)
        frame = self._seen_frame(topic)
        self._heard.seen[topic][self.party.me] = frame
        self.send(self.party.everyone(), frame)
        self._hear(self._agreements[topic].begin())

    def _seen_frame(self, topic: Topic) -> SeenFrame:
        """What this peer held at the deadline; the same bytes again after a restart."""
        key = f"seen/{self.party.attempt}/{int(topic)}"
        earlier = self.party.journal.get(key)
        if earlier is None:
            listed = self._heard.listed(topic)
            # Before it is signed: a statement whose list is lost can't be sent after a restart.
            self.persist(key, encode_frame(SeenFrame(b"", *listed)))
            return self._signed_seen(topic, *listed)[1]
        held_then = decode_frame(earlier)
        if not isinstance(held_then, SeenFrame):
            raise ProtocolError(f"the journal's {key} is no list of what was seen")
        statement, frame = self._signed_seen(topic, held_then.statements, held_then.evidence)
        self._hear(self._heard.take_seen(statement, frame))
        return frame

    def _signed_seen(
        self, topic: Topic, statements: tuple[bytes, ...], evidence: tuple[bytes, ...]
    ) -> tuple[Statement, SeenFrame]:
        hashes = tuple(self.party.inbox.read(item).hash for item in statements)
        said = Seen(hashes, tuple(evidence_hash(item) for item in evidence))
        signed = self.sign(Kind.SEEN, said, int(topic))
        return signed, SeenFrame(signed.wire, statements, evidence)

    # -- agreement -----------------------------------------------------------------------------

    def _decided(self, decision: Decision) -> None:
        if decision.topic is Topic.COMMITS and is_resolution(decision.outcome):
            self._resolved(decision)
        elif decision.topic is self.party.setting.elects_by:
            self._state.move(FlipEvent.ELECTED)
            certificate = ElectionCertificate(*self.party.place, decision.outcome, decision.votes)
            self.emit(Flipped(elected(self.party.setting, certificate)))
        elif decision.topic is Topic.COMMITS:
            self._committed(Commitments.decode(decision.outcome))

    def _committed(self, commitments: Commitments) -> None:
        """They are to be revealed."""
        if not self._state.allows(FlipEvent.COMMITS_DECIDED):
            self._heard.commitments = commitments
            return  # the reveals were decided first: somebody passed that decision on
        self._state.move(FlipEvent.COMMITS_DECIDED)
        self.timer(RevealsDue(), self.party.setting.deadlines.commit)
        if any(peer == self.party.me for peer, _, _ in commitments.commits):
            self._reveal()
        self._hear(self._heard.take_commitments(commitments))
        self._advance()

    def _resolved(self, decision: Decision) -> None:
        """Nobody reveals anything, and the round is over. Where others were elected in its place
        more lie than anything is promised for.
        """
        if not self._state.allows(FlipEvent.RESOLVED):
            return
        self._state.move(FlipEvent.RESOLVED)
        place, found = self.party.place, Resolution.decode(decision.outcome)
        certificate = ResolutionCertificate(*place, decision.outcome, decision.votes)
        voters = (self.party.inbox.read(vote).signer for vote in decision.votes)
        self.emit(Resolved(certificate.encode(), found, tuple(voters)))


def leader_order(party: Party, ledger: Ledger, silent: tuple[int, ...]) -> tuple[int, ...]:
    """Leaders of the election's views: by the hash of the place, doubtful peers last.

    A leader that is silent costs a view's timeout; the order is a function of certified sets, so
    everyone has the same.
    """

    def rank(peer: int) -> tuple[bool, bool, bytes]:
        doubtful = peer in ledger.guilty or peer in silent or ledger.locked_out(peer, party.round)
        away = bool(ledger.present) and peer not in ledger.present
        drawn = digest("peerd/leader", *numbers(*party.place), party.setting.roster[peer])
        return doubtful, away, drawn

    return tuple(sorted(party.everyone(), key=rank))
