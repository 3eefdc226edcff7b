"""Whether a genesis can keep what it promises to people: asked by whoever signs or runs it."""

from __future__ import annotations

from collections.abc import Iterator

from peerd.errors import GroupError
from peerd.group.fields import STATISTICS, refused
from peerd.group.genesis import Genesis
from protocols.aggregation.contract import Aggregator, Private, private
from protocols.record.budget import RoundBudget, most_rounds
from protocols.version import V3

AVERAGED = STATISTICS[2]


def round_budget(genesis: Genesis, rule: Aggregator) -> RoundBudget | None:
    """The budget that every member enforces; None where the rule adds no noise. GroupError where
    there is one of rule and budget alone, more rounds than it buys, or something is opened beside
    the noised sum.
    """
    said, noisy = genesis.privacy, private(rule)
    if said is None or noisy is None:
        _check_both(genesis, noisy)
        return None
    if said.unit != noisy.unit:
        raise refused("privacy.unit", f"is {said.unit}, and {rule.name} hides a {noisy.unit}")
    if genesis.version < V3:
        raise refused(
            "privacy", f"is in version {V3} of the protocol, and the group speaks {genesis.version}"
        )
    for name, why in _bare(genesis):
        raise refused(name, f"{why}; where people are promised anything, nothing is opened bare")
    mechanism = noisy.mechanism(genesis.parameters)
    most = most_rounds(said.budget, mechanism)
    if said.rounds > most:
        raise GroupError(
            f"genesis: privacy.rounds is {said.rounds}, and {rule.name} with these constants stays"
            f" within epsilon {said.epsilon} and delta {said.delta} for {most} rounds",
            "fewer rounds, more noise, or a smaller sampling rate; 'peerd privacy plan' says how"
            " much",
        )
    return RoundBudget(said.unit, said.budget, mechanism, said.rounds)


def _check_both(genesis: Genesis, noisy: Private | None) -> None:
    if genesis.privacy is not None:
        raise GroupError(
            f"genesis: privacy is promised, and the rule {genesis.aggregator} adds no noise",
            "name a rule that does, such as dp-sgd, or leave the promise out",
        )
    if noisy is not None:
        raise GroupError(
            f"genesis: privacy is missing, and the rule {genesis.aggregator} adds noise: that is"
            " for a group that stops where its budget is spent",
            "state one: --epsilon and --privacy-delta",
        )


def _bare(genesis: Genesis) -> Iterator[tuple[str, str]]:
    """What would be computed from rows, and opened without noise, or moves the noised sum by more
    than is counted.
    """
    if genesis.evaluation is not None:
        yield "evaluation", "opens exact counts of held-out rows: leave it off (--no-evaluation)"
    if genesis.rhythm is not None and genesis.rhythm.patience is not None:
        yield "rhythm.patience", "stops the group by exact counts of held-out rows"
    if genesis.statistics == AVERAGED:
        yield "statistics", f"are {AVERAGED}: means and variances of rows are opened as they are"
