"""Crashes, disks and clocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from peerd.laboratory.simulation.node import Backup, DiskFailed, Node
from peerd.laboratory.simulation.operations.operation import Mishap, Mishaps
from peerd.laboratory.simulation.world import World
from protocols.record.effects import Effect, Persist, Timer
from protocols.record.timers import RecallOver


@dataclass(frozen=True)
class Crash(Mishap):
    """Dies at its effect with this number (for a message: after so many recipients), and is
    started again; ``back`` 0: never.
    """

    name = "crash"
    number: int
    turn: int
    back: int

    def install(self, world: World) -> None:
        before, handing, count = world.before, world.handing, [0]

        def at_effect(node: Node, effect: Effect) -> None:
            before(node, effect)
            count[0] += node.index == self.peer
            if node.index == self.peer and count[0] == self.number and not self.turn:
                self.kills(world, node, self.back)

        def at_recipient(node: Node, turn: int) -> None:
            handing(node, turn)
            if node.index == self.peer and count[0] == self.number and turn == self.turn:
                self.kills(world, node, self.back)

        world.before = at_effect
        if self.turn:
            world.handing = at_recipient


@dataclass(frozen=True)
class Disk(Mishap):
    """The write with this number fails, and all after it until the restart."""

    name = "disk"
    number: int
    back: int

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
class Power(Mishaps):
    """These peers go down at once, and come back one after another."""

    name = "power"
    begin: int
    back: int

    @property
    def end(self) -> int:
        return self.begin + self.back + len(self.side)

    def install(self, world: World) -> None:
        def fail() -> None:
            for turn, peer in enumerate(self.side):
                self.kills(world, world.nodes[peer], self.back + turn)

        world.happen(self.begin, fail)


@dataclass(frozen=True)
class Outage(Mishaps):
    """These peers go down at once, ahead of this one's effect with this number, and come back one
    after another. A cut at a time almost never falls between two effects of one step.
    """

    name = "outage"
    peer: int
    number: int
    back: int

    def install(self, world: World) -> None:
        before, count = world.before, [0]

        def at_effect(node: Node, effect: Effect) -> None:
            before(node, effect)
            count[0] += node.index == self.peer
            if node.index == self.peer and count[0] == self.number:
                for turn, peer in enumerate(self.side):
                    self.kills(world, world.nodes[peer], self.back + turn)

        world.before = at_effect


@dataclass(frozen=True)
class Freeze(Mishap):
    """The process stands still; its connections stay, and what comes waits."""

    name = "freeze"
    begin: int
    until: int

    @property
    def end(self) -> int:
        return self.until

    def install(self, world: World) -> None:
        def stand() -> None:
            world.nodes[self.peer].frozen = self.until

        self.happens(world, self.begin, stand)


@dataclass(frozen=True)
class Pace(Mishap):
    """The peer's clock runs at another speed: its deadlines take so many percent of the time."""

    name = "pace"
    percent: int

    def install(self, world: World) -> None:
        world.faults[self.name] += 1
        world.nodes[self.peer].pace = self.percent


@dataclass(frozen=True)
class Restore(Mishap):
    """A backup of its store is made ahead of its effect with this number; so much later the peer
    goes down, and comes up with the backup as its store. It asks where the group stands first.

    What it signed since is told by whoever holds it, and the peer then sits out. Where no honest
    peer that has answered holds any of it, and the peer does sign a slot anew, it is ``exposed``:
    what happens to it then is promised to nobody (protocols/session/recall.py).
    """

    name = "restore"
    number: int
    later: int
    back: int

    def install(self, world: World) -> None:
        before, count = world.before, [0]
        signed: dict[tuple[int, str], bytes] = {}
        told = _Told(world, world.nodes[self.peer])
        old: set[int] = set()

        def at_effect(node: Node, effect: Effect) -> None:
            before(node, effect)
            if node.index != self.peer or not node.up:
                return
            count[0] += 1
            if count[0] == self.number:
                backup = Backup.of(node)
                world.happen(world.now + self.later, lambda: self._lose(world, node))
                world.happen(
                    world.now + self.later + self.back,
                    lambda: self._restore(world, node, backup, old),
                )
            if old:
                told.look(effect)
            if isinstance(effect, Persist) and effect.key.startswith("slot/"):
                slot = effect.round, effect.key
                if signed.setdefault(slot, effect.value) != effect.value:
                    told.excuse()

        world.before = at_effect

    def _lose(self, world: World, node: Node) -> None:
        world.faults[self.name] += 1
        world.crash(node)

    def _restore(self, world: World, node: Node, backup: Backup, old: set[int]) -> None:
        """``old``: its lives that begin with the backup."""
        if node.session is not None:
            return
        backup.put_back(node)
        world.boot(node)
        old.add(node.lives)


@dataclass(frozen=True)
class Rollback(Mishaps):
    """At ``begin`` these peers go down, and come up one after another with their data directories
    as they were at ``since`` (0: empty).

    One whose store is so old that it must doubt it never signs a slot anew, however few answer,
    unless as many as a quorum have lost theirs: that is how a group begins. Of a younger one the
    same is promised as of ``Restore``.
    """

    name = "rollback"
    since: int
    begin: int
    back: int

    @property
    def end(self) -> int:
        return self.begin + self.back + len(self.side)

    def install(self, world: World) -> None:
        copies: dict[int, Backup] = {}
        young: dict[int, bool] = {}

        def copy() -> None:
            copies.update((peer, Backup.of(world.nodes[peer])) for peer in self.side)

        def lose() -> None:
            for turn, peer in enumerate(self.side):
                node, copied = world.nodes[peer], copies[peer]
                young[peer] = not _must_doubt(Backup.of(node), copied)
                self.kills(world, node, 0)
                copied.put_back(node)
                world.happen(world.now + self.back + turn, partial(world.boot, node))

        world.happen(self.since, copy)
        world.happen(self.begin, lose)
        many = len(self.side) >= world.setting.roster_quorum
        for peer in self.side:
            _excuse(world, world.nodes[peer], lambda peer=peer: many or young[peer])  # type: ignore[misc]


def _must_doubt(lost: Backup, copied: Backup) -> bool:
    """No crash leaves a peer so far behind, or so without a journal."""
    start, reached = (0 if b.position is None else b.position.round for b in (copied, lost))
    return reached - start > 1 or (reached > start and not copied.journal.get(start))


def _excuse(world: World, node: Node, may: Callable[[], bool]) -> None:
    """Where ``may`` says so, and nobody who knew better was heard, a slot that is signed anew is no
    fault of the protocol: the peer is ``exposed``.
    """
    before, told = world.before, _Told(world, node)
    signed: dict[tuple[int, str], bytes] = {}

    def at_effect(at: Node, effect: Effect) -> None:
        before(at, effect)
        if at is not node or node.session is None:
            return
        told.look(effect)
        if isinstance(effect, Persist) and effect.key.startswith("slot/"):
            slot = effect.round, effect.key
            anew = signed.setdefault(slot, effect.value) != effect.value
            if anew and may():
                told.excuse()

    world.before = at_effect


class _Told:
    """Whether a peer was told, in any of its lives that are looked at, what its store lacks."""

    def __init__(self, world: World, node: Node) -> None:
        self._world = world
        self._node = node
        self._life = node.lives
        self._holders: set[int] = set()
        self._heard = False

    def look(self, effect: Effect) -> None:
        """Ahead of each of its effects. Who knew better may have forgotten it by its next life."""
        node = self._node
        if node.lives != self._life:
            self._life, self._holders = node.lives, set()
        if isinstance(effect, Timer) and effect.event == RecallOver():
            peers = self._world.nodes
            self._holders.update(n.index for n in peers if n.honest and _tells(n, node))
        if node.session is not None:
            self._heard |= not self._holders.isdisjoint(node.session.permit.recall.answered)

    def excuse(self) -> None:
        """It signs a slot anew: of one that was not told nothing better is promised."""
        if self._node.honest and not self._heard:
            self._world.faults["exposed"] += 1
            self._node.honest, self._node.lying = False, True


def _tells(other: Node, node: Node) -> bool:
    """Whether ``other`` holds something signed by ``node`` that its store lacks, of the round in
    which it now asks, or of a later one.
    """
    if other is node or other.session is None or node.session is None:
        return False
    round_ = node.session.position.round
    known = set(node.journal.get(round_, {}).values())
    said = other.session.what_was_said_by(node.index)
    return any(s.slot.round >= round_ and s.wire not in known for s in said)
