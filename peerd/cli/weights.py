"""What members state that they weigh, against what the group's rule takes."""

from __future__ import annotations

from collections.abc import Mapping

from peerd.errors import ConfigError
from protocols.aggregation import Aggregator, largest_weight


def check_weights(
    option: str, name: str, rule: Aggregator, stated: Mapping[str, int | None]
) -> None:
    """ConfigError, which names a member, unless ``rule`` takes all weights as they are stated.

    ``stated``: None for whoever states none. Nothing is cut or filled in: a weight is what a site
    agreed to, and the genesis that all sign holds just that.
    """
    if not rule.weighted:
        if any(weight not in (None, 1) for weight in stated.values()):
            raise ConfigError(
                f"{option}: {name} gives every member the weight 1",
                "leave the weights out, or take --aggregator weighted-mean",
            )
        return
    if silent := [who for who, weight in stated.items() if weight is None]:
        more = f" and {len(silent) - 1} more" if silent[1:] else ""
        raise ConfigError(
            f"{option}: {name} weighs its members, and {silent[0]}{more} has no weight",
            "state one for each, such as its number of samples, or 1 for all to count alike",
        )
    most = largest_weight(rule)
    for who, weight in stated.items():
        if weight is not None and weight > most:
            raise ConfigError(
                f"{option}: {who} weighs {weight}, and {name} allows {most} at most",
                f"agree on a smaller weight, or on --constant cap={weight}"
                if "cap" in rule.constants()
                else "agree on a smaller weight",
            )
