"""The vector that a group certifies: the model's own numbers, and an optimizer's behind them."""

from __future__ import annotations

from peerd.errors import GroupError, PeerdError
from peerd.group.genesis import Genesis
from peerd.group.rule import rule_of
from protocols.aggregation import AggregationError
from protocols.aggregation.contract import Model, own_parameters


def own_part(genesis: Genesis, vector: Model) -> Model:
    """The model's own (d,), which come first. GroupError; TaskError where a rule of the group's own
    fails.
    """
    return vector[: _own_size(genesis)]


def state_size(genesis: Genesis) -> int:
    """How many numbers lie behind the model's own; 0 as well where the rule can't be built here."""
    try:
        return genesis.parameters - _own_size(genesis)
    except PeerdError:
        return 0


def _own_size(genesis: Genesis) -> int:
    try:
        rule = rule_of(genesis.aggregator, genesis.constants)
        return own_parameters(rule, genesis.parameters)
    except AggregationError as error:
        raise GroupError(f"genesis: {error}") from None
