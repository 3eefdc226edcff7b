"""What may go wrong in a run: each operation is one fault, by name and numbers, on one line.

``lie 3 HighDegree; crash 0 17 1 300``: a seed expands to such a list (``dice``), a list is replayed
from its text, and shrinking takes operations away. Each has its own randomness, so that the others
do the same without it. Times are virtual milliseconds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import ClassVar

from peerd.lab.lies import LIES
from peerd.simulation.adversaries import ALL
from peerd.simulation.world import DiskFailed, Node, World
from protocols.round.attempt import Parts
from protocols.round.effects import Effect

ROLES = ("election", "dealer", "member", "opener")
LIARS: dict[str, type[Parts]] = {**ALL, **LIES}
"""Every lie by its name."""


class OperationError(ValueError):
    """An operation that can't be read, or that this group can't have."""


@dataclass(frozen=True)
class Operation:
    """``victims`` are honest peers that it may keep from others for a time; ``traitors`` peers
    that it takes from the honest; after ``end`` it does nothing more.
    """

    name: ClassVar[str]

    @property
    def victims(self) -> frozenset[int]:
        return frozenset()

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset()

    @property
    def end(self) -> int:
        return 0

    def install(self, world: World) -> None:
        raise NotImplementedError

    def __str__(self) -> str:
        values = [getattr(self, item.name) for item in fields(self)]
        return " ".join([self.name, *map(_shown, values)])

    def luck(self, world: World) -> random.Random:
        return random.Random(f"{world.seed}/{self}")


def _shown(value: int | str | tuple[int, ...]) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


# -- peers that are not honest -----------------------------------------------------------------


@dataclass(frozen=True)
class Lie(Operation):
    """One part of the peer's machine is replaced by one that lies; several lies may add up."""

    name = "lie"
    peer: int
    kind: str

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        node = world.nodes[self.peer]
        lies = LIARS[self.kind]
        told = {role: getattr(lies, role) for role in ROLES}
        kept = {role: part for role, part in told.items() if part is not getattr(Parts, role)}
        node.parts = type("Liar", (node.parts,), kept)
        node.honest, node.lying = False, True
        world.faults[f"lie {self.kind}"] += 1


@dataclass(frozen=True)
class Silent(Operation):
    """Connected, and says nothing at all."""

    name = "silent"
    peer: int

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        node = world.nodes[self.peer]
        node.honest, node.silent = False, True
        world.faults[self.name] += 1


@dataclass(frozen=True)
class Rush(Operation):
    """Hears everything at once, and is heard last."""

    name = "rush"
    peer: int
    delay: int

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        world.nodes[self.peer].honest = False
        world.faults[self.name] += 1

        def delayed(sender: int, to: int, data: bytes) -> int | None:
            return self.delay if sender == self.peer else 1 if to == self.peer else None

        _delay(world, delayed)


@dataclass(frozen=True)
class Choosy(Operation):
    """Never says anything to some peers."""

    name = "choosy"
    peer: int
    shunned: tuple[int, ...]

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        world.nodes[self.peer].honest = False
        _drop(world, self, lambda sender, to, data: sender == self.peer and to in self.shunned)


@dataclass(frozen=True)
class Fickle(Operation):
    """Says only part of what it has to say: every message is lost with this probability."""

    name = "fickle"
    peer: int
    percent: int

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        world.nodes[self.peer].honest = False
        luck = self.luck(world)
        _drop(
            world,
            self,
            lambda sender, to, data: sender == self.peer and luck.randrange(100) < self.percent,
        )


# -- the network -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slow(Operation):
    """Every message takes up to so long: within what the deadlines allow for."""

    name = "slow"
    begin: int
    until: int
    delay: int

    @property
    def end(self) -> int:
        return self.until + self.delay

    def install(self, world: World) -> None:
        luck = self.luck(world)

        def delayed(sender: int, to: int, data: bytes) -> int | None:
            within = self.begin <= world.now < self.until
            world.faults[self.name] += within
            return luck.randint(1, self.delay) if within else None

        _delay(world, delayed)


@dataclass(frozen=True)
class Late(Operation):
    """Messages from and to one peer take longer than the deadlines allow for."""

    name = "late"
    peer: int
    begin: int
    until: int
    delay: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset({self.peer})

    @property
    def end(self) -> int:
        return self.until + self.delay

    def install(self, world: World) -> None:
        def delayed(sender: int, to: int, data: bytes) -> int | None:
            within = self.begin <= world.now < self.until and self.peer in (sender, to)
            world.faults[self.name] += within
            return self.delay if within else None

        _delay(world, delayed)


@dataclass(frozen=True)
class Repeat(Operation):
    """Messages come once more, up to so much later."""

    name = "repeat"
    begin: int
    until: int
    percent: int
    later: int

    @property
    def end(self) -> int:
        return self.until + self.later

    def install(self, world: World) -> None:
        luck = self.luck(world)

        def again(sender: int, to: int, data: bytes) -> bool:
            if self.begin <= world.now < self.until and luck.randrange(100) < self.percent:
                world.faults[self.name] += 1
                _again(world, sender, to, data, luck.randint(1, self.later))
            return False

        _drop(world, self, again)


@dataclass(frozen=True)
class Twice(Operation):
    """The message with this number comes once more."""

    name = "twice"
    number: int
    later: int

    def install(self, world: World) -> None:
        count = [0]

        def again(sender: int, to: int, data: bytes) -> bool:
            count[0] += 1
            if count[0] == self.number:
                world.faults[self.name] += 1
                _again(world, sender, to, data, self.later)
            return False

        _drop(world, self, again)


@dataclass(frozen=True)
class Lose(Operation):
    """The message with this number is lost, and nobody notices: its sender is the victim."""

    name = "lose"
    peer: int
    number: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        count = [0]

        def lost(sender: int, to: int, data: bytes) -> bool:
            count[0] += sender == self.peer
            return sender == self.peer and count[0] == self.number

        _drop(world, self, lost)


@dataclass(frozen=True)
class Drop(Operation):
    """Messages from and to one peer are lost; then its connections break and are made anew."""

    name = "drop"
    peer: int
    begin: int
    until: int
    percent: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset({self.peer})

    @property
    def end(self) -> int:
        return self.until

    def install(self, world: World) -> None:
        luck = self.luck(world)

        def lost(sender: int, to: int, data: bytes) -> bool:
            within = self.begin <= world.now < self.until and self.peer in (sender, to)
            return within and luck.randrange(100) < self.percent

        def reconnect() -> None:
            for node in world.nodes:
                if node.index != self.peer:
                    world.reset(world.nodes[self.peer], node)

        _drop(world, self, lost)
        world.happen(self.until, reconnect)


@dataclass(frozen=True)
class Cut(Operation):
    """These peers on one side, the others on the other; ``ways`` 1: only what they say is lost."""

    name = "cut"
    side: tuple[int, ...]
    begin: int
    until: int
    ways: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset(self.side)

    @property
    def end(self) -> int:
        return self.until

    def install(self, world: World) -> None:
        others = [node.index for node in world.nodes if node.index not in self.side]
        links = [(one, other) for one in self.side for other in others]
        if self.ways == 2:
            links += [(other, one) for one, other in links]

        def cut() -> None:
            world.faults[self.name] += 1
            world.cut(links)

        world.happen(self.begin, cut)
        world.happen(self.until, lambda: world.heal(links))


# -- crashes, disks and clocks -----------------------------------------------------------------


@dataclass(frozen=True)
class Crash(Operation):
    """Dies at its effect with this number (for a message: after so many recipients), and is
    started again; ``back`` 0: never.
    """

    name = "crash"
    peer: int
    number: int
    turn: int
    back: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        before, handing, count = world.before, world.handing, [0]

        def at_effect(node: Node, effect: Effect) -> None:
            before(node, effect)
            count[0] += node.index == self.peer
            if node.index == self.peer and count[0] == self.number and not self.turn:
                _die(world, self, node, self.back)

        def at_recipient(node: Node, turn: int) -> None:
            handing(node, turn)
            if node.index == self.peer and count[0] == self.number and turn == self.turn:
                _die(world, self, node, self.back)

        world.before = at_effect
        if self.turn:
            world.handing = at_recipient


@dataclass(frozen=True)
class Disk(Operation):
    """The write with this number fails, and all after it until the restart."""

    name = "disk"
    peer: int
    number: int
    back: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        write, count = world.write, [0]

        def failing(node: Node, key: str) -> None:
            write(node, key)
            count[0] += node.index == self.peer
            if node.index == self.peer and count[0] == self.number:
                world.faults[self.name] += 1
                world.happen(world.now + self.back, lambda: world.boot(node))
                raise DiskFailed(key)

        world.write = failing


@dataclass(frozen=True)
class Power(Operation):
    """These peers go down at once, and come back one after another."""

    name = "power"
    side: tuple[int, ...]
    begin: int
    back: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset(self.side)

    @property
    def end(self) -> int:
        return self.begin + self.back + len(self.side)

    def install(self, world: World) -> None:
        def fail() -> None:
            for turn, peer in enumerate(self.side):
                _die(world, self, world.nodes[peer], self.back + turn)

        world.happen(self.begin, fail)


@dataclass(frozen=True)
class Freeze(Operation):
    """The process stands still; its connections stay, and what comes waits."""

    name = "freeze"
    peer: int
    begin: int
    until: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset({self.peer})

    @property
    def end(self) -> int:
        return self.until

    def install(self, world: World) -> None:
        def stand() -> None:
            world.faults[self.name] += 1
            world.nodes[self.peer].frozen = self.until

        world.happen(self.begin, stand)


@dataclass(frozen=True)
class Pace(Operation):
    """The peer's clock runs at another speed: its deadlines take so many percent of the time."""

    name = "pace"
    peer: int
    percent: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        world.faults[self.name] += 1
        world.nodes[self.peer].pace = self.percent


KINDS: dict[str, type[Operation]] = {
    kind.name: kind
    for kind in (
        Lie, Silent, Rush, Choosy, Fickle, Slow, Late, Repeat, Twice, Lose, Drop, Cut, Crash, Disk,
        Power, Freeze, Pace,
    )
}  # fmt: skip


def parse(text: str) -> list[Operation]:
    """The operations of ``;``-separated text. Raises OperationError, naming the first bad one."""
    return [_parse_one(part) for part in text.split(";") if part.strip()]


def _parse_one(text: str) -> Operation:
    name, *words = text.split()
    if name not in KINDS:
        raise OperationError(f"{name!r} is no operation; there are {', '.join(KINDS)}")
    wanted = fields(KINDS[name])
    if len(words) != len(wanted):
        what = " ".join(item.name.upper() for item in wanted)
        raise OperationError(f"{text.strip()!r}: {name} takes {what}")
    try:
        values = [_value(str(item.type), word) for item, word in zip(wanted, words, strict=True)]
    except ValueError:
        raise OperationError(f"{text.strip()!r}: its arguments are whole numbers") from None
    operation = KINDS[name](*values)
    if isinstance(operation, Lie) and operation.kind not in LIARS:
        raise OperationError(f"{operation.kind!r} is no lie; there are {', '.join(LIARS)}")
    return operation


def _value(kind: str, word: str) -> int | str | tuple[int, ...]:
    if kind == "str":
        return word
    return int(word) if kind == "int" else tuple(int(part) for part in word.split(","))


def render(operations: Iterable[Operation]) -> str:
    return "; ".join(map(str, operations))


# -- hooks -------------------------------------------------------------------------------------


def _drop(world: World, fault: Operation, mine: Callable[[int, int, bytes], bool]) -> None:
    inner = world.drop

    def both(sender: int, to: int, data: bytes) -> bool:
        lost, here = inner(sender, to, data), mine(sender, to, data)
        world.faults[fault.name] += here
        return lost or here

    world.drop = both


def _delay(world: World, mine: Callable[[int, int, bytes], int | None]) -> None:
    inner = world.delay

    def slowest(sender: int, to: int, data: bytes) -> int | None:
        known = [d for d in (inner(sender, to, data), mine(sender, to, data)) if d is not None]
        return max(known, default=None)

    world.delay = slowest


def _again(world: World, sender: int, to: int, data: bytes, later: int) -> None:
    world.at(world.nodes[to], later, lambda session: session.on_message(sender, data))


def _die(world: World, fault: Operation, node: Node, back: int) -> None:
    if node.session is None:
        return
    world.faults[fault.name] += 1
    world.crash(node)
    if back:
        world.happen(world.now + back, lambda: world.boot(node))
