"""A session that starts and asks where the group stands, in virtual time; the others' shelves are
those of a swarm that has run.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, count

import numpy as np
import numpy.typing as npt

from peerd.laboratory.simulation.swarm import FOUR, first_model, swarm
from peerd.laboratory.simulation.world import World
from protocols.record.certificate import CertifiedRound, verify_certificate
from protocols.record.effects import Adopted, Ask, Effect, Erase, Persist, Record, Step, Timer
from protocols.record.position import Position, first_position
from protocols.secret import Secret
from protocols.session.local import LocalPeer
from protocols.session.session import Session
from protocols.session.standing import SIGNS, after, sat_out_key
from protocols.session.states import Standing
from protocols.wire.canonical import pack
from protocols.wire.frames import CertificateFrame

ROUNDS = 5
ANSWER = 10
"""Milliseconds until an answer is there."""
LOST = 20_000
"""And until a question counts as lost, as in the runner."""
LIMIT = 600_000
"""Virtual milliseconds in which every survey ends."""
Lie = Callable[[int], bytes | None]
"""What is answered instead, by the round; None: nothing before the question counts as lost."""


def say(data: bytes | None) -> Lie:
    return lambda round_: data


def certified_world() -> World:
    made = swarm(FOUR, 1, rounds=ROUNDS)
    made.run()
    return made


def model_at(world: World, round_: int) -> npt.NDArray[np.float32]:
    """The group's model ahead of ``round_``."""
    if round_:
        return world.nodes[0].completed[round_ - 1].model
    return first_model(1, world.setting.parameters)


def certified(world: World, first: int, last: int) -> list[CertifiedRound]:
    records = (world.nodes[0].completed[round_] for round_ in range(first, last + 1))
    return [verify_certificate(world.setting, record.certificate) for record in records]


def shown(world: World, round_: int) -> CertificateFrame:
    return CertificateFrame(world.nodes[1].completed[round_].certificate)


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Disk:
    """What effects make durable."""

    position: Position
    journal: dict[int, dict[str, bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, world: World, rounds: int, *, journal: bool, sits_out: int = SIGNS) -> Disk:
        """After so many rounds; with or without what was signed in the next one."""
        position = first_position(world.setting, model_at(world, 0))
        if rounds:
            passed = certified(world, 0, rounds - 1)
            position = after(position, passed, model_at(world, rounds))
        entries = {"secret/0": b"s" * 32} if journal else {}
        if sits_out != SIGNS:
            entries[sat_out_key(sits_out)] = b""
        return cls(position, {rounds: entries} if entries else {})

    def carry_out(self, effect: Effect) -> None:
        match effect:
            case Persist(round_, key, value):
                self.journal.setdefault(round_, {})[key] = value
            case Adopted(rounds, model):
                self.position = after(self.position, rounds, model)
            case Erase(round_, None):
                self.journal.pop(round_, None)
            case Erase(round_, keys):
                for key in keys or ():
                    self.journal.get(round_, {}).pop(key, None)


class Scene:
    """Peer 0 starts at ``start``; peers 1, 2, … have the group's rounds up to ``heads``. ``lies``:
    by peer and record. ``slow``: milliseconds until these answer.
    """

    def __init__(self, world: World, disk: Disk, heads: list[int], *, restored: bool | None = None):
        self.world = world
        self.disk = disk
        self.heads = dict(enumerate(heads, 1))
        self.lies: dict[tuple[int, Record], Lie] = {}
        self.slow: dict[tuple[int, Record], int] = {}
        self.asked: list[Ask] = []
        self.steps: list[Step] = []
        self.before: Callable[[Effect], None] = lambda effect: None
        self.now = 0
        self._count = count()
        self._agenda: list[tuple[int, int, Callable[[], list[Step]]]] = []
        peer = LocalPeer(world.setting, 0, world.nodes[0].secret, lambda r, k: Secret(bytes(32)))
        journal = dict(disk.journal.get(disk.position.round, {}))
        self.session = Session(peer, disk.position, journal, restored=restored)

    def stand(self) -> Session:
        """Until the survey is over."""
        self.carry_out(self.session.start({0, *self.heads}))
        while self.session.state is Standing.SURVEYING and self.now < LIMIT:
            self.next()
        assert self.session.state is Standing.ASKING
        return self.session

    def run(self) -> None:
        """Until nothing is to come."""
        while self.waits():
            self.next()

    def next(self) -> None:
        self.now, _, act = heapq.heappop(self._agenda)
        self.carry_out(act())

    def waits(self) -> bool:
        """Whether anything is still to come."""
        return bool(self._agenda)

    def carry_out(self, steps: list[Step]) -> None:
        self.steps += steps
        for effect in chain.from_iterable(steps):
            self.before(effect)
            self.disk.carry_out(effect)
            if isinstance(effect, Timer):
                self.at(effect.delay, lambda timer=effect: self.session.on_timer(timer))
            elif isinstance(effect, Ask):
                self._answer(effect)

    def at(self, delay: int, act: Callable[[], list[Step]]) -> None:
        heapq.heappush(self._agenda, (self.now + delay, next(self._count), act))

    def _answer(self, ask: Ask) -> None:
        self.asked.append(ask)
        lie = self.lies.get((ask.peer, ask.record))
        said = self._record(ask) if lie is None else lie(ask.round)
        delay = LOST if said is None else self.slow.get((ask.peer, ask.record), ANSWER)
        self.at(delay, lambda: self.session.on_answer(ask, said or b""))

    def _record(self, ask: Ask) -> bytes:
        head = self.heads[ask.peer]
        if ask.record is Record.HEAD:
            return pack(head)
        if ask.round > head or ask.record is Record.POLYNOMIALS:
            return b""
        done = self.world.nodes[0].completed[ask.round]
        if ask.record is Record.CERTIFICATE:
            return done.certificate
        return done.model.astype("<f4").tobytes()

    def stands_at(self, round_: int) -> bool:
        """Ahead of ``round_``, with the group's model; and so does the disk."""
        model = model_at(self.world, round_)
        places = (self.session.position, self.disk.position)
        return all(p.round == round_ and np.array_equal(p.model, model) for p in places)

    def sits_out(self) -> int:
        """The last round that it must sit out."""
        permit = self.session.permit
        return max((r for r in range(20) if permit.must_sit_out(r)), default=SIGNS)

    def doubts(self) -> int:
        """The last one in which a quorum that was there must first say what it knows."""
        permit = self.session.permit
        return max((r for r in range(20) if permit.looks_old(r)), default=SIGNS)
