"""What must hold of a simulated group's privacy budget."""

from __future__ import annotations

from collections.abc import Iterable

from peerd.laboratory.simulation.violation import demand
from protocols.record.budget import charges_of
from protocols.record.certificate import CertifiedRound, Close
from protocols.record.effects import Completed
from protocols.record.resolution import Resolution
from protocols.record.setting import Setting
from protocols.record.spending import charges_by, most_charged

CHARGED = (Close.OPENED, Close.ABANDONED)
"""Ends of a round in which a cohort was decided."""


def charged(records: Iterable[Completed]) -> int:
    """In so many rounds a cohort was decided."""
    return len({record.round for record in records if record.close in CHARGED})


def is_over(setting: Setting, records: Iterable[Completed]) -> bool:
    """Whether the budget allows no further round."""
    return most_charged(setting) == charged(records)


def check_budget(setting: Setting, records: Iterable[Completed], certified: CertifiedRound) -> None:
    """No cohort is decided beyond the budget, and a handover says what was charged. ``records``:
    all of one peer.
    """
    before = charged(record for record in records if record.round < certified.round)
    most, decided = most_charged(setting), certified.close in CHARGED
    over = most is not None and decided and before >= most
    demand(not over, "budget", f"round {certified.round} is beyond a budget of {most}")
    if isinstance(certified.end, Resolution) and certified.end.hands_over:
        known, said = charges_by(setting, before), certified.end.charges
        demand(charges_of(said) == known, "budget", f"a handover of {known} that says {said}")
