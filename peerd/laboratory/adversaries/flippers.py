"""Members that lie in the opening of the coin, as openers do in that of the sum."""

from __future__ import annotations

from peerd.laboratory.adversaries.openers import (
    LateSummer,
    LyingOpener,
    SelectiveOpener,
    SilentOpener,
    TwoSums,
)
from protocols.wire.payloads import Kind


class Flipper(LyingOpener):
    """Says of the coin what an opener says of the sum."""

    role = "flipper"
    of = Kind.COIN


class SilentFlipper(Flipper, SilentOpener):
    """122: no share of the coin; of the sum, once others have opened the coin."""


class SelectiveFlipper(Flipper, SelectiveOpener):
    """122: its share of the coin goes to half of the seats."""


class TwoCoins(Flipper, TwoSums):
    """122: a right share of the coin to some, a wrong one to others, both signed."""


class LateFlipper(Flipper, LateSummer):
    """122: no share of the coin until the others are done; then a wrong one, to each another."""
