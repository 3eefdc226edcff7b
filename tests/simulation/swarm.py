"""The swarms live in the package: ``peerd simulate`` runs them too."""

from peerd.laboratory.simulation.swarm import (
    EIGHT,
    FOUR,
    NINE,
    SEATED,
    TEN,
    Lies,
    group_id,
    setting_of,
    swarm,
)

__all__ = ["EIGHT", "FOUR", "NINE", "SEATED", "TEN", "Lies", "group_id", "setting_of", "swarm"]
