"""What a group has spent of its privacy budget: pure functions of its certificates (§6)."""

from __future__ import annotations

from protocols.record.budget import Charge, together
from protocols.record.ledger import Ledger
from protocols.record.setting import Setting


def inherited(setting: Setting) -> tuple[Charge, ...]:
    """What the groups before were charged."""
    return () if setting.origin is None else setting.origin.charges


def most_charged(setting: Setting) -> int | None:
    """So many rounds this group may be charged; None where nothing is counted."""
    return None if setting.budget is None else setting.budget.limit(inherited(setting))


def is_spent(setting: Setting, ledger: Ledger) -> bool:
    """Whether no honest peer commits to anything any more: the privacy budget is spent."""
    most = most_charged(setting)
    return most is not None and ledger.charged >= most


def charges_by(setting: Setting, charged: int) -> tuple[Charge, ...]:
    """What this group with so many rounds, and those before it, were charged."""
    own = () if setting.budget is None else (setting.budget.charge(charged),)
    return together((*inherited(setting), *own))
