"""What an election would send that is not all to all: estimates of designs that don't exist.

Both name who has said what by a bit for each member of the roster, where today's lists have hashes
and statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

from peerd.laboratory.bench.model import (
    COMMIT,
    DELAYS,
    FLIPPED,
    FRAME,
    LISTED,
    VOTE,
    RoundModel,
)

SIGNATURE_SECONDS = 86e-6
"""Of CPU to check one by Ed25519."""
ELECTION_DELAYS = 10
"""Of those of a round."""
FANOUT = 6
"""To how many peers each passes on what it hears for the first time: all hear it but for one in
e^6 = 400, who asks."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes that the busiest peer sends in a round, and the round's seconds."""

    bytes: float
    seconds: float


def sampled(model: RoundModel, latency: float, bandwidth: float) -> Estimate:
    """A sample of the roster, as large as the committee, takes down what all say, agrees on it, and
    tells everybody what came of it, once: a certificate proves itself.
    """
    n, plan = model.scene.peers, model.scene.plan
    seats = plan.committee
    bits = FRAME + n / 8
    agreement = 2 * (seats - 1) * (bits + 2 * VOTE)
    outcome = n / seats * (n * (COMMIT + VOTE) + 2 * LISTED * plan.quorum)
    statements = 2 * n + 2 * 3 * seats
    return _round(model, agreement + outcome, statements, 2, (latency, bandwidth))


def gossiped(model: RoundModel, latency: float, bandwidth: float) -> Estimate:
    """All vote; each statement reaches all over some FANOUT peers of each."""
    n = model.scene.peers
    said = COMMIT + VOTE + 2 * (FRAME + n / 8) + 4 * VOTE
    hops = ceil(log(max(n, 2)) / log(FANOUT))
    more = ELECTION_DELAYS * (hops - 1)
    return _round(model, FANOUT * n * said, 8 * n, more, (latency, bandwidth))


def _round(
    model: RoundModel, sent: float, statements: float, more: int, link: tuple[float, float]
) -> Estimate:
    """With dealings, cohort and opening as they are, but for what all or the seats send to all,
    which goes to the seats and once to everybody else.
    """
    latency, bandwidth = link
    n, seats = model.scene.peers, model.scene.plan.committee
    rest, once = model.after_election(), seats - 1 + n / seats
    told = [rest.pop("report"), rest.pop("cohort decision")]
    bytes_ = sent + once * sum(each.size for each in told)
    bytes_ += sum(each.bytes * (n / seats if each.by_seats else 1) for each in rest.values())
    read = seats * sum(each.statements for each in told)
    read += sum(each.frames * each.statements for each in rest.values())
    cpu = model.cpu_of(read) + SIGNATURE_SECONDS * statements
    return Estimate(bytes_, (DELAYS + FLIPPED + more) * latency + cpu + bytes_ / bandwidth)
