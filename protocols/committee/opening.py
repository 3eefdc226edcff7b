"""From the decided cohort to a certificate: sum, open, sign the result (docs/protocol.md §6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt

from protocols.aggregation import model_hash
from protocols.committee.committee import Committee
from protocols.committee.liars import Liars
from protocols.committee.own_sum import OwnSum
from protocols.committee.receiver import Receiver
from protocols.committee.states import OPENING, OpeningEvent, Openness
from protocols.committee.sums import Sum, Sums, Words
from protocols.hashing import digest
from protocols.opening import (
    Undecodable,
    decode_polynomials,
    encode_polynomials,
    open_sum,
    polynomial_root,
    values_of,
)
from protocols.record.certificate import Certificate
from protocols.record.effects import Step, Stop
from protocols.record.outcomes import Accused, Certified, CohortDecided, Hopeless, SumOpened
from protocols.record.party import Role
from protocols.record.states import Machine
from protocols.record.timers import SumsDue
from protocols.secret import Secret
from protocols.wire.frames import StatementFrame
from protocols.wire.payloads import Kind, Result
from protocols.wire.statement import Statement


@dataclass(frozen=True, slots=True)
class Previous:
    """What the round's result stands on: the certified model, and the certificate's hash."""

    model: npt.NDArray[np.float32] = field(repr=False)
    certificate: bytes


class Opening(Role):
    """Comes to ``Certified``, and to ``SumOpened`` once the model is here as well."""

    def __init__(
        self,
        sums: Sums,
        committee: Committee,
        decided: CohortDecided,
        previous: Previous,
        secret: Secret,
    ) -> None:
        super().__init__(sums.party)
        self.own = OwnSum(sums, committee.panel, decided)
        first = Openness.SUMMING if self.own.flipped else Openness.FLIPPING
        self._state = Machine(first, OPENING)
        self._sums = sums
        self._committee = committee
        self._decided = decided
        self._previous = previous
        self._secret = secret
        self._opened: tuple[bytes, npt.NDArray[np.float32]] | None = None
        self._certified: Certified | None = None
        self._liars = Liars(sums.party.setting, committee.flip)
        self._hopeless = False

    @property
    def state(self) -> Openness:
        return self._state.state

    @property
    def dealers(self) -> tuple[int, ...]:
        return self._decided.cohort.peers

    @property
    def model(self) -> npt.NDArray[np.float32]:
        """What the round started from."""
        return self._previous.model

    @property
    def votes(self) -> tuple[bytes, ...]:
        """The second votes that decided the cohort."""
        return self._decided.decision.votes

    @property
    def lacks_sum(self) -> bool:
        """Whether the round is certified, and its opened sum is still to come."""
        return self.state is Openness.CERTIFIED

    @property
    def hopeless(self) -> bool:
        """Whether all time is over, and neither sums enough have come nor a certificate."""
        return self._hopeless and self._certified is None

    @property
    def _words(self) -> dict[int, Words]:
        return self._sums.over(self._decided.hash)

    @property
    def _seated(self) -> bool:
        return self.party.me in self._committee.panel.seats

    # -- events --------------------------------------------------------------------------------

    def start(self, receiver: Receiver) -> Step:
        """``receiver``: what this member holds of the dealings."""
        self.timer(SumsDue(), self.party.setting.deadlines.open)
        self._look(receiver)
        return self.done()

    def follow(self, step: Step, receiver: Receiver) -> Step:
        """A sum or a result has come, or a dealing that this member may have lacked: what it called
        for by itself, and what follows from it here.
        """
        for outcome in self.absorb(step):
            self.emit(outcome)
        self._look(receiver)
        return self.done()

    def on_timer(self, event: SumsDue) -> Step:
        """Behind the last one: nor did anybody who was asked since send a certificate."""
        if not event.last:
            self.timer(SumsDue(last=True), self.party.setting.deadlines.result)
            return self.done()
        self._hopeless = True
        self._try_open()
        opened = self._opened is not None or not self._seated
        if opened and self._certified is None:
            self.emit(Hopeless(Stop.UNCERTIFIED))
        return self.done()

    def on_polynomials(self, data: bytes) -> Step:
        """The opened polynomials from anyone; others than the certified ones change nothing."""
        if self._certified is not None and self.lacks_sum:
            shape = self.party.setting.shape
            polynomials = decode_polynomials(shape, data)
            if polynomial_root(shape, data) == self._certified.result.polynomials:
                self._take(data, values_of(shape, polynomials))
                self._accuse_liars()
        return self.done()

    def close(self) -> None:
        """Open nothing any more: what projections are drawn from is erased."""
        self._state.move(OpeningEvent.CLOSE)
        self._let_go()

    # -- the opening ---------------------------------------------------------------------------

    def _look(self, receiver: Receiver) -> None:
        if self.state is not Openness.CLOSED:
            self.absorb(self.own.say(receiver, lambda: self._entropy(self._sums.coins)))
        if self.own.flipped and self._state.allows(OpeningEvent.FLIP):
            self._state.move(OpeningEvent.FLIP)
        self._try_open()
        self._try_certify()
        self._accuse_liars()

    def _try_open(self) -> None:
        """Decode as soon as enough words agree: with lies among them it takes more to come."""
        if not self._seated or not self._state.allows(OpeningEvent.OPEN):
            return
        if self.party.has_signed(Kind.ABANDON):
            return  # who has given it up does not look at it any more (§6)
        words = self._words
        if not self.own.flipped or len(words) < self._committee.panel.plan.quorum:
            if self._hopeless:
                self.emit(Hopeless(Stop.QUORUM))
            return
        panel, shape = self._committee.panel, self.party.setting.shape
        by_seat = {panel.seats.index(peer): word for peer, word in words.items()}
        try:
            opened = open_sum(shape, by_seat, self._entropy(self._sums.sums))
        except Undecodable:
            if self._hopeless or words.keys() >= set(self._committee.keyed):
                self.emit(Hopeless(Stop.UNDECODABLE))
            return
        certified, values = opened.polynomials, opened.values
        del opened  # the polynomials lie in memory once
        if self.own.coin is not None and self.own.coin.polynomials is not None:
            certified = np.concatenate([certified, self.own.coin.polynomials])
        encoded = encode_polynomials(shape, certified)
        del certified
        self._sign_result(encoded, self._take(encoded, values))

    def _entropy(self, said: Mapping[int, Sum]) -> bytes:
        """Private, and drawn after the words came: they are part of what it is drawn from."""
        roots = [said[peer].statement.payload.root for peer in sorted(said)]
        return digest("peerd/projections", self._secret.reveal(), *roots)

    def _take(self, encoded: bytes, values: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The opened polynomials, and what they stand for: the next model."""
        setting = self.party.setting
        weight = sum(setting.weights_of(self.dealers))
        update = values[: setting.opened_update]
        model = setting.aggregator.apply(self._previous.model, update, weight, self.party.round)
        self._opened = encoded, model
        self._state.move(OpeningEvent.OPEN)
        self._complete()
        return model

    def _sign_result(self, encoded: bytes, model: npt.NDArray[np.float32]) -> None:
        if not self.party.can_sign(Kind.RESULT):
            return
        payload = Result(
            self._committee.flip.hash,
            self._previous.certificate,
            self._decided.hash,
            len(self.dealers),
            polynomial_root(self.party.setting.shape, encoded),
            model_hash(model),
        )
        statement = self.sign(Kind.RESULT, payload)
        self.send(self.party.everyone(), StatementFrame(statement.wire))
        self.absorb(self._sums.on_result(statement))
        self._try_certify()
        self._accuse_liars()

    # -- the certificate -----------------------------------------------------------------------

    def _try_certify(self) -> None:
        """A quorum of signatures under one result of this cohort."""
        if self._certified is not None:
            return
        agreeing = self._sums.agreeing(self._decided.hash, self._previous.certificate)
        if agreeing:
            self._certify(agreeing[0].payload, agreeing)

    def _certify(self, payload: Result, statements: list[Statement]) -> None:
        results = tuple(s.wire for s in sorted(statements, key=lambda s: s.signer))
        election, outcome = self._committee.flip.certificate, self._decided.decision.outcome
        record = Certificate(election, outcome, results).encode()
        signers = tuple(s.signer for s in statements)
        self._certified = Certified(record, payload, signers)
        self._state.move(OpeningEvent.CERTIFY)
        self.emit(self._certified)
        self._complete()

    def _complete(self) -> None:
        if self._certified is not None and self._opened is not None:
            self.emit(SumOpened(self._certified, *self._opened))

    # -- liars ---------------------------------------------------------------------------------

    def _accuse_liars(self) -> None:
        """Wrong words and wrong results, once it is certified which are right (§6)."""
        certified, opened = self._certified, self._opened
        if certified is None or opened is None:
            return
        others = {peer: self._sums.sums[peer] for peer in self._words if peer != self.party.me}
        in_sums = self._liars.in_sums(certified, opened[0], others)
        flipped = {} if self.own.coin is None else self.own.coin.words
        coins = {peer: self._sums.coins[peer] for peer in flipped if peer != self.party.me}
        in_coins = self._liars.in_sums(certified, opened[0], coins)
        in_results = self._liars.in_results(certified, self._sums.results)
        for evidence in chain(in_coins, in_sums, in_results):
            self.emit(Accused(evidence))
        if self.state is Openness.CLOSED:
            self._let_go()

    def _let_go(self) -> None:
        """The next round goes on without what late words are not compared with."""
        judged = self._liars.judged(Kind.SUM) | {self.party.me}
        self._sums.let_go(judged)
        if self.own.coin is not None:
            judged &= self._liars.judged(Kind.COIN) | {self.party.me}
        if self._opened is not None and judged.issuperset(self._committee.keyed):
            self._opened = b"", self._opened[1]
