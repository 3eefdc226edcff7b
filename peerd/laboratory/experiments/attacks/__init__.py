"""Lies of poisonous clients, told before F^P (paper §B.5): for tests, swarms and the laboratory.

Every lie passes through the encoding of any aggregator and is a well-formed member of V: no proof
can catch it (Definition 1), robustness has to. ``forge`` is what a daemon of a test swarm tells
by itself; ``catalogue`` has all attacks, those of liars who see the honest updates included. No
torch here: the daemon imports this.
"""

from peerd.laboratory.experiments.attacks.alone import (
    ATTACKS,
    DEFAULT_SCALE,
    forge,
    forge_sum,
)
from peerd.laboratory.experiments.attacks.catalogue import CATALOGUE, AttackSpec, attack_spec
from peerd.laboratory.experiments.attacks.view import Attack, View, said

__all__ = [
    "ATTACKS",
    "CATALOGUE",
    "DEFAULT_SCALE",
    "Attack",
    "AttackSpec",
    "View",
    "attack_spec",
    "forge",
    "forge_sum",
    "said",
]
