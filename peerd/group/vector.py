"""The vector that a group certifies: the model's own numbers, and an optimizer's behind them."""

from __future__ import annotations

from peerd.errors import GroupError
from peerd.group.genesis import Genesis
from peerd.group.rule import rule_of
from protocols.aggregation import AggregationError
from protocols.aggregation.contract import Model, own_parameters


def own_part(genesis: Genesis, vector: Model) -> Model:
    """The model's own (d,). GroupError; TaskError where a rule of the group's own fails."""
    try:
        return vector[: own_parameters(rule_of(genesis.aggregator, genesis.constants), vector.size)]
    except AggregationError as error:
        raise GroupError(f"genesis: {error}") from None
