"""From the decided cohort to a certificate: sum, open, sign the result (docs/protocol.md §6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.agreement.machine import Decision
from protocols.committee.recipient import Held
from protocols.errors import WireError
from protocols.hashing import digest
from protocols.opening import (
    Opened,
    Undecodable,
    decode_polynomials,
    decode_words,
    encode_polynomials,
    encode_words,
    open_sum,
    polynomial_path,
    polynomial_root,
    sum_shares,
    values_of,
    word_path,
    word_root,
)
from protocols.proof import Verdict
from protocols.record.certificate import (
    Certificate,
    ElectionCertificate,
    signatures_needed,
)
from protocols.record.cohort import Cohort, Panel
from protocols.record.desk import Admission, Desk
from protocols.record.effects import Stop
from protocols.record.evidence import Evidence, Fault, contradicts, wrong_sum_items
from protocols.record.votes import outcome_hash
from protocols.secret import Secret
from protocols.wire.frames import StatementFrame, SumFrame
from protocols.wire.statement import Kind, Result, Statement, Sum, Topic

Words = npt.NDArray[np.unsignedinteger]
"""Field elements: one member's sums (L,), shares (n, L), or polynomials (L, δ + 1)."""


@dataclass(frozen=True)
class Outcome:
    """A certified result as this peer holds it; polynomials and model once it knows them."""

    certificate: bytes
    result: Result
    signers: tuple[int, ...]


class Opener:
    """Runs from the decision on. ``certified`` is called once, ``opened`` when a model is known."""

    def __init__(
        self,
        desk: Desk,
        certificate: ElectionCertificate,
        panel: Panel,
        base: npt.NDArray[np.float32],
        previous: bytes,
        secret: Secret,
        *,
        certified: Callable[[Outcome], None],
        accuse: Callable[[Evidence], None],
        stop: Callable[[Stop], None],
    ) -> None:
        self.desk = desk
        self.panel = panel
        self.cohort: Cohort | None = None
        self.outcome: Outcome | None = None
        self.polynomials: Words | None = None
        self.model: npt.NDArray[np.float32] | None = None
        self._decision: Decision | None = None
        self._certificate = certificate
        self._base = base
        self._previous = previous
        self._secret = secret
        self._certified = certified
        self._accuse = accuse
        self._stop = stop
        self._sums: dict[int, tuple[Statement, bytes]] = {}
        self._words: dict[int, Words] = {}
        self._results: dict[int, Statement] = {}
        self._accused: set[int] = set()
        self._right: set[int] = set()
        self._hopeless = False
        self._over = False

    # -- the sum -------------------------------------------------------------------------------

    def on_decision(self, decision: Decision, cohort: Cohort) -> None:
        self.cohort = cohort
        self._decision = decision
        self.desk.timer("open", delay=self.desk.setting.deadlines.open)
        for seat_peer, (statement, data) in list(self._sums.items()):
            self._take_words(seat_peer, statement, data)
        self._try_open()
        self._try_certify()

    def send_sum(self, dealings: Mapping[int, Held]) -> bool:
        """S_j, if every dealing in D passed this member's own check; else silence (§6)."""
        desk = self.desk
        if self.cohort is None or desk.me not in self.panel.seats or desk.me in self._words:
            return False
        words = self._remembered_words()
        if words is None:
            words = self._sum(dealings)
        if words is None or not desk.can_sign(Kind.SUM):
            return False
        data = encode_words(desk.setting.shape, words)
        desk.persist(f"sum/{desk.attempt}", data)
        payload = Sum(self._cohort_hash, word_root(desk.setting.shape, words))
        statement = desk.sign(Kind.SUM, payload)
        self.send(statement, data)
        self._take_words(desk.me, statement, data)
        self._try_open()
        return True

    def send(self, statement: Statement, words: bytes) -> None:
        self.desk.send(self.panel.seats, SumFrame(statement.wire, words))

    def _remembered_words(self) -> Words | None:
        data = self.desk.remembered(f"sum/{self.desk.attempt}")
        return None if data is None else decode_words(self.desk.setting.shape, data)

    def _sum(self, dealings: Mapping[int, Held]) -> Words | None:
        assert self.cohort is not None
        rows = []
        for dealer, header in self.cohort.dealers:
            held = dealings.get(dealer)
            if held is None or held.verdict is not Verdict.VALID or held.header.hash != header:
                return None
            rows.append(held.share)
        return self.sum_rows(np.stack([row for row in rows if row is not None]))

    def sum_rows(self, rows: Words) -> Words:
        """S_j from the shares of the cohort, (|D|, opened)."""
        assert self.cohort is not None
        setting = self.desk.setting
        return sum_shares(setting.shape, rows, setting.weights_of(self.cohort.peers))

    @property
    def _cohort_hash(self) -> bytes:
        assert self._decision is not None
        return outcome_hash(Topic.COHORT, self._decision.outcome)

    def on_sum(self, frame: SumFrame) -> None:
        statement = self.desk.read(frame.statement)
        if statement.kind is not Kind.SUM or statement.signer not in self.panel.seats:
            raise WireError("a sum from a peer that has no seat")
        if self.desk.admit(statement) not in (Admission.NEW, Admission.KNOWN):
            return
        if statement.signer in self._sums:
            return
        words = decode_words(self.desk.setting.shape, frame.words)
        if word_root(self.desk.setting.shape, words) != statement.payload.root:
            raise WireError("a sum whose words are not the ones that were signed")
        self._sums[statement.signer] = (statement, frame.words)
        if self.cohort is not None:
            self._take_words(statement.signer, statement, frame.words)
            self._try_open()
            self._accuse_liars()

    def _take_words(self, peer: int, statement: Statement, data: bytes) -> None:
        self._sums[peer] = (statement, data)
        if statement.payload.cohort == self._cohort_hash:
            self._words[peer] = decode_words(self.desk.setting.shape, data)

    def close(self) -> None:
        """Open nothing any more: what projections are drawn from is erased."""
        self._over = True

    def on_last_deadline(self) -> None:
        """Nor did anybody who was asked since send a certificate: what is not here won't come."""
        self._hopeless = True
        self._try_open()
        opened = self.polynomials is not None or self.desk.me not in self.panel.seats
        if opened and self.outcome is None:
            self._stop(Stop.UNCERTIFIED)

    # -- the opening ---------------------------------------------------------------------------

    def _try_open(self) -> None:
        """Decode as soon as enough words agree: with lies among them it takes more to come."""
        if self.polynomials is not None or self.cohort is None or not self.cohort.dealers:
            return
        if self._over or self.desk.me not in self.panel.seats:
            return
        if len(self._words) < self.panel.plan.quorum:
            if self._hopeless:
                self._stop(Stop.QUORUM)
            return
        keyed = {peer for peer in self.panel.seats if peer in self._certificate.election.keys}
        try:
            self._open()
        except Undecodable:
            if self._hopeless or keyed <= set(self._words):
                self._stop(Stop.UNDECODABLE)

    def _open(self) -> None:
        shape = self.desk.setting.shape
        words = {self.panel.seats.index(peer): word for peer, word in self._words.items()}
        opened = open_sum(shape, words, self._entropy())
        self._adopt(opened)
        assert self.cohort is not None
        self.sign_result(opened)

    def _entropy(self) -> bytes:
        """Private, and drawn after the words came: they are part of what it is drawn from."""
        said = [self._sums[peer][0].payload.root for peer in sorted(self._words)]
        return digest("peerd/projections", self._secret.reveal(), *said)

    def _adopt(self, opened: Opened) -> None:
        assert self.cohort is not None
        self.polynomials = opened.polynomials
        self._right.clear()
        setting = self.desk.setting
        weight = sum(setting.weights_of(self.cohort.peers))
        self.model = setting.aggregator.apply(self._base, opened.values, weight, self.desk.round)

    def sign_result(self, opened: Opened) -> None:
        desk = self.desk
        assert self.cohort is not None and self.model is not None
        payload = Result(
            self._certificate.hash(desk.setting),
            self._previous,
            self._cohort_hash,
            len(self.cohort.dealers),
            polynomial_root(desk.setting.shape, opened.polynomials),
            model_hash(self.model),
        )
        if desk.can_sign(Kind.RESULT):
            statement = desk.sign(Kind.RESULT, self.result(payload))
            desk.send(desk.everyone(), StatementFrame(statement.wire))
            self.on_result(statement)

    def result(self, payload: Result) -> Result:
        """What this member signs as the result."""
        return payload

    # -- the certificate -----------------------------------------------------------------------

    def on_result(self, statement: Statement) -> None:
        if statement.signer not in self.panel.seats:
            raise WireError("a result from a peer that has no seat")
        if self.desk.admit(statement) not in (Admission.NEW, Admission.KNOWN):
            return
        self._results.setdefault(statement.signer, statement)
        self._try_certify()
        self._accuse_liars()

    def _try_certify(self) -> None:
        """t + e + 1 signatures under one result, once the cohort that it names is known here."""
        if self.outcome is not None or self._decision is None:
            return
        by_payload: dict[Result, list[Statement]] = {}
        for statement in self._results.values():
            by_payload.setdefault(statement.payload, []).append(statement)
        for payload, statements in by_payload.items():
            if len(statements) < signatures_needed(self.desk.setting):
                continue
            if payload.cohort != self._cohort_hash or payload.previous != self._previous:
                continue
            results = tuple(s.wire for s in sorted(statements, key=lambda s: s.signer))
            record = Certificate(self._certificate, self._decision.outcome, results).encode()
            self.outcome = Outcome(record, payload, tuple(s.signer for s in statements))
            self._certified(self.outcome)
            self._accuse_liars()
            return

    def on_polynomials(self, data: bytes) -> bool:
        """The opened polynomials from anyone: True if they are the certified ones."""
        assert self.outcome is not None and self.cohort is not None
        shape = self.desk.setting.shape
        polynomials = decode_polynomials(shape, data)
        if polynomial_root(shape, polynomials) != self.outcome.result.polynomials:
            return False
        self._adopt(Opened(polynomials, values_of(shape, polynomials), ()))
        return True

    def encoded_polynomials(self) -> bytes:
        assert self.polynomials is not None
        return encode_polynomials(self.desk.setting.shape, self.polynomials)

    # -- liars ---------------------------------------------------------------------------------

    def _accuse_liars(self) -> None:
        """Wrong words and wrong results, each proven against the certificate (§6)."""
        if self.outcome is None or self.polynomials is None:
            return
        for peer, word in sorted(self._words.items()):
            if peer != self.desk.me and peer not in self._accused | self._right:
                self._compare(peer, word)
        for peer, statement in sorted(self._results.items()):
            if peer not in self._accused and contradicts(statement.payload, self.outcome.result):
                self._accused.add(peer)
                items = (statement.wire, self.outcome.certificate)
                self._accuse(Evidence(Fault.WRONG_RESULT, self._certificate, items))

    def _compare(self, peer: int, word: Words) -> None:
        setting = self.desk.setting
        shape, seat = setting.shape, self.panel.seats.index(peer)
        assert self.polynomials is not None and self.outcome is not None
        powers = shape.sharing.seat_powers[: shape.sharing.degree + 1, seat : seat + 1]
        polynomials = self.polynomials
        expected = shape.field.matmul(polynomials, powers)[:, 0]
        wrong = np.flatnonzero(expected != word)
        if not wrong.size:
            self._right.add(peer)
            return
        self._accused.add(peer)
        index = int(wrong[0])
        coefficients = shape.field.encode(polynomials[index])
        coordinate = (
            index,
            int(word[index]),
            word_path(shape, word, index),
            coefficients,
            polynomial_path(shape, polynomials, index),
        )
        statement, _ = self._sums[peer]
        items = wrong_sum_items(statement, self.outcome.certificate, coordinate)
        self._accuse(Evidence(Fault.WRONG_SUM, self._certificate, items))
