"""From a seed to a list of operations: which faults happen, to whom and when."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection

from peerd.laboratory.adversaries import (
    DEALERS,
    ELECTORS,
    FLIPPERS,
    LATE,
    LEADERS,
    MEMBERS,
    NOISY,
    OPENERS,
    RESOLVERS,
    SPENDERS,
)
from peerd.laboratory.adversaries.lies import LIES, OVERCOUNT
from peerd.laboratory.simulation.groups import Group
from peerd.laboratory.simulation.operations import (
    KINDS,
    Choosy,
    Crash,
    Cut,
    Disk,
    Drop,
    Fickle,
    Freeze,
    Handover,
    Late,
    Lie,
    Lose,
    Operation,
    Outage,
    Pace,
    Pause,
    Power,
    Repeat,
    Rest,
    Restore,
    Rhythm,
    Ring,
    Rollback,
    Rush,
    Silent,
    Skew,
    Slow,
    Twice,
)

WITHIN_DELTA = 800
"""Milliseconds that any message may take under the deadlines of a simulated group."""
EFFECTS = 110
"""About how many effects a peer of a small group has in a round."""
ROUND = 2500
"""About how many virtual milliseconds a round without faults takes."""
BACK = (1, 40, 300, 2000, 9000, 60_000)
"""Virtual milliseconds until a process that died is there again."""


TIMED = 4
"""One run in so many has a rhythm, and as many have operators who pause peers."""
EVERY = (3, 5, 20, 300)
"""Seconds between the times at which rounds begin."""
SKEWS = (200, 4000, 45_000, 400_000)
"""Milliseconds by which clocks differ."""


def operations_of(
    seed: int, group: Group, rounds: int, faults: Collection[str], *, beyond: bool = False
) -> list[Operation]:
    """What goes wrong under this seed. ``beyond``: more liars than the plan covers."""
    dice = Dice(random.Random(f"operations/{seed}"), group, rounds, faults)
    traitors = dice.traitors(beyond) + dice.omission(random.Random(f"omission/{seed}"))
    traitors += dice.overcount(random.Random(f"overcount/{seed}"))
    traitors += dice.late_words(random.Random(f"late/{seed}"))
    traitors += dice.noise(random.Random(f"poison/{seed}"))
    traitors += dice.ring(random.Random(f"ring/{seed}"))
    traitors += dice.resolver(random.Random(f"resolver/{seed}"))
    befalls = dice.mishaps() + dice.outage(random.Random(f"outage/{seed}"))
    found = traitors + befalls + dice.orders(random.Random(f"orders/{seed}"))
    # Dice of their own: the other draws of a seed stay what they were.
    timed = dice.rhythm(random.Random(f"rhythm/{seed}"))
    return found + timed + dice.pauses(random.Random(f"pauses/{seed}"), timed)


class Dice:
    def __init__(
        self, rng: random.Random, group: Group, rounds: int, faults: Collection[str]
    ) -> None:
        self._rng = rng
        self._group = group
        self._span = ROUND * rounds
        self._faults = faults
        self._traitors: list[int] = []
        self._victims: list[int] = []

    def traitors(self, beyond: bool) -> list[Operation]:
        """Peers that are not honest, each in one way or in several at once."""
        rng, group = self._rng, self._group
        ways = [way for way in ("lie", "silent", "rush", "choosy", "fickle") if way in self._faults]
        if not ways:
            return []
        if beyond:
            count = rng.randint(group.liars + 1, max(group.liars + 1, group.peers - 2))
        else:
            count = rng.choice([0, *range(1, group.liars + 1), group.liars, group.liars])
        self._traitors = sorted(rng.sample(range(group.peers), count))
        weights = [12 if way == "lie" else 2 for way in ways]
        found: list[Operation] = []
        for peer in self._traitors:
            for way in {rng.choices(ways, weights)[0]: None, rng.choices(ways, weights)[0]: None}:
                found += self._betray(peer, way)
        return found

    def omission(self, rng: random.Random) -> list[Operation]:
        """In one run of six a liar leaves something out of what it proposes, should it lead."""
        if "lie" not in self._faults or not self._traitors or rng.randrange(6):
            return []
        return [Lie(rng.choice(self._traitors), rng.choice(list(LEADERS)))]

    def overcount(self, rng: random.Random) -> list[Operation]:
        """Where held-out rows are counted a liar counts more than it has, every other time."""
        if "lie" not in self._faults or not (self._traitors and self._group.evaluates):
            return []
        return [Lie(rng.choice(self._traitors), OVERCOUNT)] if rng.randrange(2) else []

    def late_words(self, rng: random.Random) -> list[Operation]:
        """In one run of six a liar speaks once the others are done, or never again."""
        if "lie" not in self._faults or not self._traitors or rng.randrange(6):
            return []
        return [Lie(rng.choice(self._traitors), rng.choice(list(LATE)))]

    def noise(self, rng: random.Random) -> list[Operation]:
        """Where there is noise liars lie about the coin, or in their noise, or both."""
        if "lie" not in self._faults or not self._traitors or self._group.rule != "dp-sgd":
            return []
        chosen = [rng.choice([*family, None]) for family in (list(FLIPPERS), list(NOISY))]
        return [Lie(rng.choice(self._traitors), name) for name in chosen if name is not None]

    def ring(self, rng: random.Random) -> list[Operation]:
        """In every other run two liars or more know each other. Of as many as bring a wrong sum to
        a quorum with delta honest ones nothing is promised: so many are more than t.
        """
        plan = self._group.plan
        count = min(len(self._traitors), plan.quorum - plan.degree - 1)
        if "ring" not in self._faults or count < 2 or rng.random() < 0.5:
            return []
        return [Ring(tuple(sorted(rng.sample(self._traitors, count))))]

    def outage(self, rng: random.Random) -> list[Operation]:
        """In one run of twelve all honest peers lose power at once, in the middle of a step."""
        if "outage" not in self._faults or rng.randrange(12):
            return []
        honest = [peer for peer in range(self._group.peers) if peer not in self._traitors]
        number = rng.randint(1, EFFECTS * self._span // ROUND)
        return [Outage(tuple(honest), rng.choice(honest), number, rng.choice(BACK))]

    def rhythm(self, rng: random.Random) -> list[Operation]:
        """Rounds have their time in some groups, and clocks differ."""
        if "rhythm" not in self._faults or rng.randrange(TIMED):
            return []
        found: list[Operation] = [Rhythm(rng.choice(EVERY))]
        peers = range(self._group.peers) if "skew" in self._faults else range(0)
        for peer in rng.sample(peers, rng.randint(0, len(peers))):
            found.append(Skew(peer, rng.choice(SKEWS) * rng.choice((1, -1))))
        return found

    def pauses(self, rng: random.Random, timed: Collection[Operation]) -> list[Operation]:
        """Operators pause one peer or several, of those that something may befall."""
        if "pause" not in self._faults or not self._victims or rng.randrange(TIMED):
            return []
        every = max((item.every for item in timed if isinstance(item, Rhythm)), default=0)
        span = max(1000 * every * self._span // ROUND, self._span)
        found: list[Operation] = []
        for _ in range(rng.choice([1, 1, 2, 3])):
            begin = rng.randrange(span)
            lasts = rng.choice([0, 500, 4000, 12_000, 1000 * every])
            found.append(Pause(rng.choice(self._victims), begin, lasts and begin + lasts))
        return found

    def resolver(self, rng: random.Random) -> list[Operation]:
        """In one run of four a liar lies about what operators approve."""
        if "lie" not in self._faults or not self._traitors or rng.randrange(4):
            return []
        return [Lie(rng.choice(self._traitors), rng.choice(list(RESOLVERS)))]

    def orders(self, rng: random.Random) -> list[Operation]:
        """In one run of four the operators want a pause; in one of four a handover, and sometimes
        half of them another than the others.
        """
        rest, handover = not rng.randrange(4), not rng.randrange(4)
        found: list[Operation] = []
        if rest and Rest.name in self._faults:
            begin, back = rng.randrange(-1000, self._span), rng.choice([1, 2000, 9000, 0])
            found.append(Rest(max(1, begin), back))
        if handover and Handover.name in self._faults:
            first = rng.randrange(max(1, self._span // ROUND))
            last = first + rng.choice([0, 1, 100])
            begin = max(1, rng.randrange(-1000, self._span))
            found.append(Handover(begin, first, last, int(not rng.randrange(4))))
        return found

    def _betray(self, peer: int, way: str) -> list[Operation]:
        rng, size = self._rng, self._group.peers
        if way == "lie":
            return [Lie(peer, name) for name in self._lies()]
        if way == "silent":
            return [Silent(peer)]
        if way == "rush":
            return [Rush(peer, rng.choice([300, WITHIN_DELTA, 3900]))]
        if way == "fickle":
            return [Fickle(peer, rng.choice([10, 50, 90]))]
        others = [other for other in range(size) if other != peer]
        return [Choosy(peer, tuple(sorted(rng.sample(others, rng.randint(1, size - 1)))))]

    def _lies(self) -> list[str]:
        """One lie, or one in each of several roles."""
        rng = self._rng
        families = [list(DEALERS), [*MEMBERS, *SPENDERS], list(OPENERS), list(ELECTORS)]
        if rng.random() < 0.4:
            alone = [name for name in LIES if name != OVERCOUNT]  # which has a die of its own
            return [rng.choice([*alone, *(name for family in families for name in family)])]
        kept = [family for family in families[:3] if rng.random() < 0.7]
        kept += [families[3]] if rng.random() < 0.25 else []
        return [rng.choice(family) for family in kept]

    # -- what befalls the honest ---------------------------------------------------------------

    def mishaps(self) -> list[Operation]:
        """Up to four, on peers that the plan can do without, or (every third seed) on any."""
        rng, group = self._rng, self._group
        honest = [peer for peer in range(group.peers) if peer not in self._traitors]
        spare = max(0, group.liars + group.plan.absent - len(self._traitors))
        self._victims = honest if rng.random() < 0.35 else rng.sample(honest, min(spare, 2))
        chosen = [name for name in MISHAPS if name in self._faults]
        if not chosen:
            return []
        drawn = [self._mishap(rng.choice(chosen)) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4]))]
        return [operation for operation in drawn if operation is not None]

    def _mishap(self, name: str) -> Operation | None:
        if not self._victims and name not in ("slow", "repeat", "twice"):
            return None
        return MISHAPS[name](self)

    def _victim(self) -> int:
        return self._rng.choice(self._victims)

    def _side(self) -> tuple[int, ...]:
        most = min(len(self._victims), max(1, self._group.peers // 2))
        return tuple(sorted(self._rng.sample(self._victims, self._rng.randint(1, most))))

    def _begin(self) -> int:
        return self._rng.randrange(self._span)

    def _window(self) -> tuple[int, int]:
        begin = self._begin()
        return begin, begin + self._rng.choice([150, 600, 2000, 9000, 45_000])

    def _back(self) -> int:
        return self._rng.choice(BACK)

    def _number(self) -> int:
        return self._rng.randint(1, EFFECTS * self._span // ROUND)

    def slow(self) -> Operation:
        return Slow(*self._window(), self._rng.choice([300, WITHIN_DELTA]))

    def late(self) -> Operation:
        return Late(self._victim(), *self._window(), self._rng.choice([3000, 6000, 45_000]))

    def repeat(self) -> Operation:
        later = self._rng.choice([50, 1000, 12_000])
        return Repeat(*self._window(), self._rng.choice([5, 30]), later)

    def twice(self) -> Operation:
        number = self._number() * self._group.peers
        return Twice(number, self._rng.choice([1, 400, 12_000]))

    def lose(self) -> Operation:
        return Lose(self._victim(), self._number())

    def drop(self) -> Operation:
        return Drop(self._victim(), *self._window(), self._rng.choice([10, 50, 100]))

    def cut(self) -> Operation:
        return Cut(self._side(), *self._window(), self._rng.choice([1, 2, 2]))

    def crash(self) -> Operation:
        turn = self._rng.choice([0, 0, 1, 2])
        return Crash(self._victim(), self._number(), turn, self._back())

    def die(self) -> Operation:
        return Crash(self._victim(), self._number(), 0, 0)

    def disk(self) -> Operation:
        return Disk(self._victim(), self._rng.randint(1, 40), self._back())

    def power(self) -> Operation:
        return Power(self._side(), self._begin(), self._back())

    def freeze(self) -> Operation:
        return Freeze(self._victim(), *self._window())

    def pace(self) -> Operation:
        return Pace(self._victim(), self._rng.choice([30, 80, 130, 300]))

    def restore(self) -> Operation:
        later = self._rng.choice([300, 2000, 6000, 20_000])
        return Restore(self._victim(), self._number(), later, self._back())


MISHAPS: dict[str, Callable[[Dice], Operation]] = {
    "slow": Dice.slow,
    "late": Dice.late,
    "repeat": Dice.repeat,
    "twice": Dice.twice,
    "lose": Dice.lose,
    "drop": Dice.drop,
    "cut": Dice.cut,
    "crash": Dice.crash,
    "die": Dice.die,
    "disk": Dice.disk,
    "power": Dice.power,
    "freeze": Dice.freeze,
    "pace": Dice.pace,
    "restore": Dice.restore,
}
FAULTS = frozenset({*KINDS, *MISHAPS} - {Rollback.name})
"""What ``--faults`` takes; ``die`` is a crash for good. A rollback is replayed only: what may come
of it depends on who is left that remembers."""
