"""Differential privacy: what rounds cost, and the noise that they cost it for (docs/privacy.md)."""

from protocols.privacy.accountant import (
    MAX_ROUNDS,
    epsilon_of,
    fits,
    least_noise,
    rounds_within,
)
from protocols.privacy.divergence import ORDERS
from protocols.privacy.mechanism import (
    LARGEST_EPSILON,
    NOISE_GRID,
    Budget,
    Mechanism,
    Phase,
    PrivacyError,
)
from protocols.privacy.noise import ENTROPY_BYTES, skellam
from protocols.privacy.table import NoiseTable, noise_table

ACCOUNTANT = "skellam-rdp-1"
"""Names orders, bounds and rounding: whoever changes one of them changes R_max, and this name."""

__all__ = [
    "ACCOUNTANT",
    "ENTROPY_BYTES",
    "LARGEST_EPSILON",
    "MAX_ROUNDS",
    "NOISE_GRID",
    "ORDERS",
    "Budget",
    "Mechanism",
    "NoiseTable",
    "Phase",
    "PrivacyError",
    "epsilon_of",
    "fits",
    "least_noise",
    "noise_table",
    "rounds_within",
    "skellam",
]
