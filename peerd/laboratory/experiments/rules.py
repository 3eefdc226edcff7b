"""The rules that a cell can play: those a group can choose, and rules in floats to compare with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias, cast

import numpy as np

from peerd.errors import ConfigError, GroupError, TaskError
from peerd.group.rule import rule_of
from peerd.laboratory.experiments.cell import CLEAR, Descent, RuleSpec
from peerd.learning.steps import steps_of
from protocols.aggregation import AGGREGATORS, Aggregator, LocalRule, aggregator
from protocols.aggregation import clear as rules
from protocols.aggregation.clear import Changes, Vector
from protocols.aggregation.clear_sum import aggregate
from protocols.aggregation.contract import Constants, Model, Reference, Referenced, Weighted


@dataclass(frozen=True)
class Round:
    """What a rule is given: ``model`` (d,) and everybody's ``updates``, (d,) each, liars' last.

    ``liars``: how many liars a rule in the clear is told to expect; the cell's true number.
    ``samples``: how many each peer has. ``root``: x_0 − w (d,) of the public root data, for rules
    that compare with it.
    """

    number: int
    model: Model
    updates: Sequence[Model]
    liars: int
    samples: Sequence[int]
    root: Model | None

    @property
    def changes(self) -> Changes:
        """x_i − w (n, d) in float64."""
        return np.stack(self.updates).astype(np.float64) - self.model.astype(np.float64)


class LabRule(Protocol):
    """F^C and one aggregation."""

    @property
    def uses_root(self) -> bool:
        """Whether a round needs ``root``."""

    def local_rule(self, round: int) -> LocalRule: ...

    def combine(self, round: Round) -> Model:
        """The next model (d,), not finite where a rule that isn't robust was driven out."""


@dataclass(frozen=True)
class Lifted:
    """F^P, F^R as a plain sum, and the post-processing: the daemon's code but for the sharing."""

    rule: Aggregator

    @property
    def uses_root(self) -> bool:
        return self.rule.uses_reference

    def local_rule(self, round: int) -> LocalRule:
        return steps_of(self.rule, round)

    def combine(self, round: Round) -> Model:
        return aggregate(
            self.rule,
            round.model,
            round.updates,
            round.number,
            weights=self.weights(round),
            reference=self.reference(round),
        )

    def weights(self, round: Round) -> list[int] | None:
        """Sample counts up to the rule's cap; None where all peers count alike."""
        if not self.rule.weighted:
            return None
        cap = cast(Weighted, self.rule).largest_weight
        return [min(count, cap) for count in round.samples]

    def reference(self, round: Round) -> Reference | None:
        """The round's public vector from the root's change, where the rule uses one."""
        if not self.rule.uses_reference:
            return None
        return cast(Referenced, self.rule).reference(_root(round))


Combine: TypeAlias = Callable[[Round, Constants, LocalRule], Vector]
"""From a round, the rule's constants and its F^C to the change (d,) of the common model."""


@dataclass(frozen=True)
class InTheClear:
    """A rule in floats. With an aggregator's name it takes that one's constants and F^C."""

    name: str
    descent: Descent
    of: Aggregator | None
    constants: Constants

    @property
    def uses_root(self) -> bool:
        return self.of is not None and self.of.uses_reference

    def local_rule(self, round: int) -> LocalRule:
        if self.of is not None:
            return steps_of(self.of, round)
        own = self.descent
        return LocalRule(own.steps, own.batch, own.rate, 0.0, False, own.momentum)

    def combine(self, round: Round) -> Model:
        step = CLEAR_RULES[self.name].combine(round, self.constants, self.local_rule(round.number))
        with np.errstate(over="ignore", invalid="ignore"):
            moved: Model = (round.model.astype(np.float64) + step).astype(np.float32)
        return moved


@dataclass(frozen=True)
class ClearRule:
    """``needs``: from the number of liars to the least number of peers."""

    combine: Combine
    needs: Callable[[int], int] = lambda liars: liars + 1


def _rsa(round: Round, constants: Constants, local: LocalRule) -> Vector:
    return rules.rsa_step(
        round.model.astype(np.float64),
        round.changes,
        rate=local.rate,
        penalty=_number(constants, "lambda"),
        regulariser=_number(constants, "mu"),
    )


def _clipping(norm: str) -> Combine:
    def combine(round: Round, constants: Constants, local: LocalRule) -> Vector:
        return rules.centered_clipping(round.changes, _number(constants, "tau"), norm)

    return combine


def _fltrust(round: Round, constants: Constants, local: LocalRule) -> Vector:
    """All vectors at unit length, as the paper lifts it; a step has the length α_k."""
    root = _root(round).astype(np.float64)
    length = float(np.linalg.norm(root))
    step = rules.fltrust(round.changes, root / length if length else root)
    alpha = _number(constants, "alpha")
    decayed = alpha / math.sqrt(round.number + 1) if constants["decay"] == "sqrt" else alpha
    return np.asarray(decayed * step)


def _weighted_mean(round: Round, constants: Constants, local: LocalRule) -> Vector:
    weights = np.minimum(np.array(round.samples, dtype=np.int64), int(constants["cap"]))
    return rules.weighted_mean(round.changes, weights, _number(constants, "tau"))


def _number(constants: Constants, key: str) -> float:
    return float(Fraction(constants[key]))


def _root(round: Round) -> Model:
    if round.root is None:
        raise TaskError("the rule compares with public root data, and the task has none")
    return round.root


CLEAR_RULES: dict[str, ClearRule] = {
    "mean": ClearRule(lambda round, given, local: rules.mean(round.changes)),
    "median": ClearRule(lambda round, given, local: rules.median(round.changes)),
    "trimmed-mean": ClearRule(
        lambda round, given, local: rules.trimmed_mean(round.changes, round.liars),
        lambda liars: 2 * liars + 1,
    ),
    "krum": ClearRule(
        lambda round, given, local: rules.krum(round.changes, round.liars),
        lambda liars: 2 * liars + 3,
    ),
    "multi-krum": ClearRule(
        lambda round, given, local: rules.multi_krum(round.changes, round.liars),
        lambda liars: 2 * liars + 3,
    ),
    "geometric-median": ClearRule(
        lambda round, given, local: rules.geometric_median(round.changes, tolerance=1e-6)
    ),
    "nearest": ClearRule(
        lambda round, given, local: rules.nearest(round.changes, len(round.updates) - round.liars)
    ),
    "rsa": ClearRule(_rsa),
    "centered-clipping": ClearRule(_clipping("linf")),
    "centered-clipping-l2": ClearRule(_clipping("l2")),
    "fltrust": ClearRule(_fltrust),
    "weighted-mean": ClearRule(_weighted_mean),
}


def checked_rule(form: str, name: str, given: Constants, label: str) -> RuleSpec:
    """The specification with complete constants. Raises ConfigError; TaskError: a rule's own code
    failed."""
    if form == CLEAR and name not in CLEAR_RULES:
        known = ", ".join(sorted(CLEAR_RULES))
        raise ConfigError(f"there is no rule {name!r} in the clear", f"there are {known}")
    if form == CLEAR and name not in AGGREGATORS:
        if given:
            raise ConfigError(f"rule {label}: {name} in the clear has no constants")
        return RuleSpec(name, form, label)
    try:
        rule = rule_of(name, given)
        steps_of(rule, 0)
        return RuleSpec(name, form, label, rule.constants())
    except GroupError as error:
        raise ConfigError(f"rule {label}: {error.message}") from None


def least_peers(spec: RuleSpec, liars: int) -> int:
    """Fewer peers than this, and the rule does not exist for so many liars."""
    return CLEAR_RULES[spec.name].needs(liars) if spec.form == CLEAR else liars + 1


def lab_rule(spec: RuleSpec, descent: Descent) -> LabRule:
    """The rule that ``spec`` names."""
    if spec.form == CLEAR:
        of = aggregator(spec.name, spec.constants) if spec.constants else None
        return InTheClear(spec.name, descent, of, spec.constants)
    return Lifted(aggregator(spec.name, spec.constants))
