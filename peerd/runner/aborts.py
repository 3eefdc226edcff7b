"""What an attempt that ended without a result tells its operator: who, how long, what to raise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protocols.record.deadlines import Deadlines
from protocols.record.effects import Abort, Aborted, Stop, Stopped

WORDS = {
    Abort.FLIP: ("reveals", "delta_ms"),
    Abort.QUORUM: ("commitments", "delta_ms"),
    Abort.COHORT: ("dealings", "training_seconds or bandwidth_bytes_per_second"),
    Abort.TIMEOUT: ("reports", "bandwidth_bytes_per_second or delta_ms"),
}
"""What was awaited, and which inputs of the deadlines give it more time."""
MEANINGS = {
    Abort.FLIP: "somebody put a secret into the coin flip and did not show it in time, so that no"
    " committee could be drawn; the coin is flipped again",
    Abort.QUORUM: "too few members were heard when the attempt began: nothing can be decided"
    " without a quorum",
    Abort.COHORT: "too few members' updates arrived whole at the committee: fewer than may be"
    " added up, as a smaller sum could tell an update",
    Abort.TIMEOUT: "the committee did not come to agree in time on whose updates count, and gave"
    " the attempt up",
}
"""Why an attempt has no result, for people. The model stays as it was, and the round goes on."""
STOPS = {
    Stop.QUORUM: "it is decided whose updates count, and too few members are there to add them up",
    Stop.UNDECIDED: "too few members are there, or ready, to decide whose updates count",
    Stop.UNCERTIFIED: "the sum is known here, and too few members have signed it",
    Stop.UNDECODABLE: "more members sent wrong sums than the group's plan allows for",
    Stop.FORGOTTEN: "this data directory may be an emptied or an old one, and too few of the others"
    " remember the round",
    Stop.ATTEMPTS: "this round has used up all its attempts, none of which led to a result",
}
"""Why the group stands still, for people."""


def explain(
    effect: Aborted, deadlines: Deadlines, roster: Sequence[str], called: Sequence[str] = ()
) -> dict[str, Any]:
    """The attempt as log, status and rounds show it; described by docs/schemas/round.json.

    ``roster``: peer ids. ``called``: how people call each, for the advice; if empty, so.
    """
    what, inputs = WORDS[effect.reason]
    waited = _waited(effect.reason, deadlines) / 1000
    names = [roster[peer] for peer in effect.awaited]
    people = [(called or roster)[peer] for peer in effect.awaited]
    advice = f"{what} were not agreed on within {waited:g} s; if it lasts, raise {inputs}"
    if names:
        advice = (
            f"no {what} in time, within {waited:g} s, of {', '.join(people)}; unless they are away,"
            f" raise {inputs}"
        )
    return {
        "attempt": effect.attempt,
        "reason": effect.reason.value,
        "meaning": MEANINGS[effect.reason],
        "awaited": names,
        "waited_seconds": waited,
        "advice": advice,
    }


def stopped(effect: Stopped) -> dict[str, Any]:
    """What has happened, and what the operators can do. ``abandon``: the decided cohort, as 'peerd
    abandon' takes it.
    """
    meaning = STOPS[effect.reason]
    if not effect.cohort:
        advice = "bring back the members that are away"
        return {"meaning": meaning, "advice": advice, "abandon": None}
    return {
        "meaning": meaning,
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
