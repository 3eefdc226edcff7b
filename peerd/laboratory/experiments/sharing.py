"""A round of a cell with real sharing, proof and opening; only the transport is left out.

Every peer deals, every member of the committee checks every dealing and sums its shares, the sum
is opened, and must be the plain one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from peerd.errors import ConfigError, TaskError
from peerd.laboratory.experiments.rules import Lifted, Round
from protocols.aggregation.clear_sum import opened_part
from protocols.aggregation.contract import Encoded, Model
from protocols.field import Elements, field_for
from protocols.hashing import digest
from protocols.opening import open_sum, sum_shares
from protocols.plan import CommitteePlan, PlanError, plan_group
from protocols.proof import DealingShape, Verdict, check_many, deal

# The plan expects liars even where a cell has none.
LEAST_ADVERSARY = Fraction(1, 10)


class SharedRounds:
    """Rounds of ``rule`` on shares. ``seconds``: CPU time by role, summed over ``rounds``."""

    def __init__(self, rule: Lifted, peers: int, liars: int, seed: int) -> None:
        self.rule = rule
        self.plan = committee_plan(peers, liars)
        self.rounds = 0
        self.seconds = {"deal": 0.0, "check": 0.0, "sum": 0.0, "open": 0.0}
        self._seed = seed

    def combine(self, round: Round) -> Model:
        """The next model (d,) from the opened sum. Raises TaskError if it is not the plain sum."""
        rule, reference = self.rule.rule, self.rule.reference(round)
        encoded = [rule.encode(round.model, each, reference) for each in round.updates]
        weights = self.rule.weights(round) or [1] * len(encoded)
        total = sum(weights)
        relation = rule.relation(round.model.size, reference)
        points = self.plan.committee + self.plan.packing
        largest = rule.largest_sum(round.model.size, total)
        field = field_for(largest, points, relation.least_modulus)
        shape = DealingShape(self.plan, field, relation)
        opened = self._shared(shape, encoded, weights, round.number)
        plain = sum(
            weight * opened_part(relation, each)
            for weight, each in zip(weights, encoded, strict=True)
        )
        if not np.array_equal(opened, plain):
            raise TaskError(f"the opened sum of round {round.number} is not the plain sum")
        self.rounds += 1
        return rule.apply(round.model, opened, total, round.number)

    def averages(self) -> dict[str, float]:
        """CPU seconds a round: ``deal`` of one dealer, ``check``, ``sum`` and ``open`` of one
        member, and ``member``, the last three together. Empty before a round was shared."""
        if not self.rounds:
            return {}
        each = {name: seconds / self.rounds for name, seconds in self.seconds.items()}
        each["member"] = each["check"] + each["sum"] + each["open"]
        return each

    def _shared(
        self,
        shape: DealingShape,
        encoded: Sequence[Encoded],
        weights: Sequence[int],
        number: int,
    ) -> Encoded:
        started = time.process_time()
        items = []
        for index, values in enumerate(encoded):
            place = (self._seed, number, index)
            name = b"".join(each.to_bytes(8, "little") for each in place)
            context = digest("peerd/lab/context", name)
            dealt = deal(shape, values, digest("peerd/lab/secret", name), context)
            items.append((context, dealt.root, dealt.proof, dealt.packages))
        dealt_at = self._count("deal", started, len(encoded))
        shares = [self._checked(shape, seat, items) for seat in range(shape.plan.committee)]
        checked_at = self._count("check", dealt_at, shape.plan.committee)
        words = {seat: sum_shares(shape, held, weights) for seat, held in enumerate(shares)}
        summed_at = self._count("sum", checked_at, shape.plan.committee)
        entropy = digest("peerd/lab/opening", number.to_bytes(8, "little"))
        opened = open_sum(shape, words, entropy)
        self._count("open", summed_at, 1)
        return opened.values

    def _checked(
        self,
        shape: DealingShape,
        seat: int,
        items: Sequence[tuple[bytes, bytes, bytes, Sequence[bytes]]],
    ) -> list[Elements]:
        held = [(context, root, proof, each[seat]) for context, root, proof, each in items]
        verdicts, shares = check_many(shape, seat, held)
        if any(verdict is not Verdict.VALID for verdict in verdicts):
            raise TaskError(f"seat {seat} refused a valid dealing")
        return [share for share in shares if share is not None]

    def _count(self, role: str, started: float, shared_by: int) -> float:
        now = time.process_time()
        self.seconds[role] += (now - started) / shared_by
        return now


def committee_plan(peers: int, liars: int) -> CommitteePlan:
    """The plan of a group with so many liars. Raises ConfigError where there is none."""
    try:
        return plan_group(peers, max(Fraction(liars, peers), LEAST_ADVERSARY))
    except PlanError as error:
        raise ConfigError(
            f"no committee of {peers} peers stands {liars} liars: {error}", "leave secured out"
        ) from None
