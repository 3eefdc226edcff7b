"""What a round costs a peer, computed: bytes by message, processor and time, for groups that no
machine here can run.

Frames and bytes follow from what the protocol sends (docs/protocol.md §7), for a group of which
nobody lies, at its first attempt. Constants of time are fitted to measured rounds of daemons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from statistics import fmean
from typing import Any

from peerd.cli.rule_arguments import typed_rule
from peerd.errors import ConfigError
from peerd.laboratory.bench.scene import Scene
from protocols.plan import CommitteePlan, PlanError, liars_of, plan_group, plan_swarm
from protocols.plan.committee import LARGEST_GROUP

DELAYS = 14
"""One-way delays of a round (docs/protocol.md §7, "Delays")."""
FLIPPED, FETCHED = 5, 2
"""Those of a coin, and of the sum for who has no seat."""
LARGEST_MODELLED = 1_000_000

VOTE = 152
"""Bytes of a frame with a vote, or a reveal."""
LISTED = 148
"""Of a statement of that size in a list."""
COMMIT = 186
NAMED = 34
"""Of a hash in a list."""
FRAME = 125
"""Of a frame with a list, without it."""
RESENT = 0.5
"""Of the commitments: to whoever says that it has begun later."""
SOCKET = 1.005
"""Bytes at the socket for one of a frame, on a machine that is not late: Noise, yamux,
acknowledgements and pings. Where rounds take long these are more: 1.3 where they took 18 s.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """Of one kind, by a peer and round (the mean of all): how many frames, and each one's bytes.
    ``statements``: signed ones in a frame, itself and those that it lists. ``by_seats``: members of
    the committee alone send it.
    """

    frames: float
    size: float
    statements: float = 1
    by_seats: bool = False

    @property
    def bytes(self) -> float:
        return self.frames * self.size


@dataclass(frozen=True, slots=True)
class Constants:
    """CPU seconds of a daemon: of a round, of a statement that is read (with its share of frames,
    lists and votes), of a parameter that is dealt, checked, summed and decoded. ``error``: the
    largest of a measured round, as a share.
    """

    round: float
    statement: float
    parameter: float
    error: float


MEASURED = Constants(round=0.0483, statement=7.01e-5, parameter=3.12e-7, error=0.06)
"""Least squares, relative, of the six rounds that docs/performance.md has of 2026-12-01: 4 to 20
daemons, 10^4 to 10^6 parameters.
"""


@dataclass(frozen=True)
class RoundModel:
    """A round of ``scene``'s group, which stands ``liars``."""

    scene: Scene
    liars: int

    @classmethod
    def create(
        cls, name: str, constants: Mapping[str, int | str], peers: int, params: int, beta: Fraction
    ) -> RoundModel:
        """The group as ``peerd plan`` would have it; a small one as ``peerd bench round`` has it.
        Above the largest group that a genesis can name, with that one's committee. ConfigError.
        """
        if peers > LARGEST_MODELLED:
            raise ConfigError(f"--peers {peers}: at most {LARGEST_MODELLED} are modelled")
        liars, plan = planned(peers, beta)
        return cls(Scene(peers, params, typed_rule(name, constants), plan), liars)

    @cached_property
    def quorum(self) -> int:
        """Q_r, of an agreement of all."""
        return self.scene.peers - self.liars - self.scene.plan.absent

    @cached_property
    def messages(self) -> dict[str, Message]:
        """By kind."""
        n = self.scene.peers
        return {**self._election(n, n - 1), **self.after_election()}

    @property
    def _drawn(self) -> bool:
        """A coin is flipped where not all sit."""
        return self.scene.plan.committee < self.scene.peers

    def _election(self, n: int, others: int) -> dict[str, Message]:
        """All to all, and twice with a coin: whatever grows as n² a peer is here."""
        quorum, times = self.quorum, 2 if self._drawn else 1
        said = (COMMIT + VOTE) / 2 if self._drawn else COMMIT
        list_of_seen = quorum * (NAMED * n + FRAME)
        decision = Message(times * others, LISTED * quorum + 70 * n + 14, 1 + quorum)
        proposal = list_of_seen + (said + 72) * n + FRAME
        return {
            "commit": Message(others * (1 + RESENT), COMMIT),
            **({"reveal": Message(others, VOTE)} if self._drawn else {}),
            "seen": Message(1 + times * others, (said + 30) * n + FRAME, 1 + n),
            "proposal": Message(times * others / n, proposal, 1 + quorum + n),
            "vote": Message(2 * times * others, VOTE),
            "decision": decision,
        }

    def _dealings(self, n: int, m: int) -> dict[str, Message]:
        shape = self.scene.shape
        package = fmean(map(shape.package_bytes, range(m)))
        return {"dealing": Message(m * (n - 1) / n, shape.header_bytes + package + 161)}

    def _cohort(self, n: int, m: int) -> dict[str, Message]:
        """Among the seats, but for the decision, which all pass on, and the reports."""
        quorum, among = self.scene.plan.quorum, m * (m - 1) / n
        bits = m * -(-n // 8) + quorum * -(-m // 4)
        proposal = 72 * n + bits + 72 * (m + quorum) + FRAME
        return {
            "report": Message(m * (n - 1) / n, 37 * n + FRAME, 1, True),
            "have": Message(among, NAMED * m + 8, 0, True),
            "list": Message(among, NAMED * m + FRAME, 1, True),
            "cohort proposal": Message((m - 1) / n, proposal, 1 + m + quorum, True),
            "cohort vote": Message(2 * among, VOTE, 1, True),
            "cohort decision": Message(n - 1, LISTED * quorum + 36 * n + 14, 1 + quorum),
        }

    def _opening(self, n: int, m: int) -> dict[str, Message]:
        shape = self.scene.shape
        opened = shape.opened_polynomials * shape.field.element_bytes
        return {
            "sum": Message(m * (m - 1) / n, opened + 189, 1, True),
            "result": Message(m * (n - 1) / n, 290, 1, True),
            "polynomials": Message((n - m) / n, opened * (shape.sharing.degree + 1), 0, True),
        }

    @property
    def frames(self) -> float:
        return sum(each.frames for each in self.messages.values())

    @property
    def frame_bytes(self) -> float:
        return sum(each.bytes for each in self.messages.values())

    @property
    def socket_bytes(self) -> float:
        """Of the mean peer."""
        return SOCKET * self.frame_bytes

    @property
    def seat_bytes(self) -> float:
        """Of one with a seat, who sends most."""
        more = self.scene.peers / self.scene.plan.committee
        seats = (each.bytes * (more if each.by_seats else 1) for each in self.messages.values())
        return SOCKET * sum(seats)

    @property
    def statements(self) -> float:
        """That a peer reads."""
        return sum(each.frames * each.statements for each in self.messages.values())

    @property
    def cpu_seconds(self) -> float:
        """Of one daemon, its training left out."""
        return self.cpu_of(self.statements)

    def cpu_of(self, statements: float) -> float:
        """The same, where so many statements are read."""
        read = MEASURED.statement * statements
        return MEASURED.round + read + MEASURED.parameter * self.scene.params

    def after_election(self) -> dict[str, Message]:
        """What an election of another kind leaves as it is."""
        n, m = self.scene.peers, self.scene.plan.committee
        return {**self._dealings(n, m), **self._cohort(n, m), **self._opening(n, m)}

    def seconds(self, latency: float, bandwidth: float) -> float:
        """Of a round in which each daemon has a core and a link of ``bandwidth`` bytes a second for
        itself: delays, computing and sending one after another, so rather too long.
        """
        delays = DELAYS + (FLIPPED + FETCHED if self._drawn else 0)
        return delays * latency + self.cpu_seconds + self.seat_bytes / bandwidth

    def document(self, latency: float, bandwidth: float) -> dict[str, Any]:
        """docs/schemas/bench-model.json."""
        plan = self.scene.plan
        return {
            "role": "model",
            "aggregator": self.scene.rule.name,
            "peers": self.scene.peers,
            "params": self.scene.params,
            "plan": {
                "committee": plan.committee,
                "threshold": plan.threshold,
                "packing": plan.packing,
                "absent": plan.absent,
            },
            "latency_seconds": latency,
            "bandwidth_bytes": bandwidth,
            "bytes_sent": round(self.socket_bytes),
            "bytes_sent_seat": round(self.seat_bytes),
            "frames_sent": round(self.frames, 1),
            "cpu_seconds_daemon": round(self.cpu_seconds, 4),
            "wall_seconds": round(self.seconds(latency, bandwidth), 4),
            "error": MEASURED.error,
            "messages": {
                name: {"frames": round(each.frames, 1), "bytes": round(each.bytes)}
                for name, each in self.messages.items()
            },
        }


def planned(peers: int, beta: Fraction) -> tuple[int, CommitteePlan]:
    """b, at least one, and the plan that bears it. ConfigError, which names the options."""
    liars = max(1, liars_of(peers, beta))
    try:
        return liars, plan_of(peers, liars, beta)
    except PlanError as error:
        raise ConfigError(f"--peers, --adversary: {error}") from None


def plan_of(peers: int, liars: int, beta: Fraction) -> CommitteePlan:
    """Everybody sits in a group of up to 50. Raises PlanError."""
    if peers <= 50:
        return plan_swarm(peers, liars)
    return plan_group(min(peers, LARGEST_GROUP), beta)
