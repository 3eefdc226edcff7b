"""F^C of rules whose peers take minibatch steps, for what can do no other (no torch here)."""

from __future__ import annotations

from peerd.errors import TaskError
from protocols.aggregation import Aggregator, LocalRule
from protocols.aggregation.contract import RowRule


def steps_of(rule: Aggregator, round: int) -> LocalRule:
    """The steps in ``round``. TaskError for a rule that sums clipped gradients of rows instead."""
    local = rule.local_rule(round)
    if isinstance(local, RowRule):
        raise TaskError(
            f"the rule {rule.name} sums the clipped gradients of single rows, and here peers take"
            " steps on minibatches",
            "take a rule without differential privacy",
        )
    return local
