"""What an attempt that ended without a result tells its operator: who, how long, what to raise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocols.record.deadlines import Deadlines
from protocols.record.effects import Abort, Aborted, Stopped

WORDS = {
    Abort.FLIP: ("reveals", "delta_ms"),
    Abort.QUORUM: ("commitments", "delta_ms"),
    Abort.COHORT: ("dealings", "training_seconds or bandwidth_bytes_per_second"),
    Abort.TIMEOUT: ("reports", "bandwidth_bytes_per_second or delta_ms"),
}
"""What was awaited, and which inputs of the deadlines give it more time."""


def explain(effect: Aborted, deadlines: Deadlines, roster: Sequence[str]) -> dict[str, Any]:
    """The attempt as log, status and rounds show it; described by docs/schemas/round.json."""
    what, inputs = WORDS[effect.reason]
    waited = _waited(effect.reason, deadlines) / 1000
    names = [roster[peer] for peer in effect.awaited]
    advice = f"{what} were not agreed on within {waited:g} s; if it lasts, raise {inputs}"
    if names:
        advice = (
            f"no {what} in time, within {waited:g} s, of {', '.join(names)}; unless they are away,"
            f" raise {inputs}"
        )
    return {
        "attempt": effect.attempt,
        "reason": effect.reason.value,
        "awaited": names,
        "waited_seconds": waited,
        "advice": advice,
    }


def stopped(effect: Stopped) -> dict[str, Any]:
    """What the operators can do. ``abandon``: the decided cohort, as 'peerd abandon' takes it."""
    if not effect.cohort:
        return {"advice": "bring back the members that are away", "abandon": None}
    return {
        "advice": "bring back the members that are away, with their data directories; where these"
        " are lost for good, a quorum of the operators can give the cohort up: 'peerd abandon'",
        "abandon": f"{effect.round}.{effect.attempt}.{effect.cohort.hex()}",
    }


def _waited(reason: Abort, deadlines: Deadlines) -> int:
    match reason:
        case Abort.FLIP | Abort.QUORUM:
            return deadlines.commit
        case Abort.COHORT:
            return deadlines.deal
        case Abort.TIMEOUT:
            return deadlines.patience
