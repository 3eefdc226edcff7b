"""A swarm in one process: real sessions, virtual time, a seeded network (docs/protocol.md).

Everything is a function of the seed: the order of events, delays, updates and secrets. Nothing
here knows the protocol: it carries out effects, as the runner does.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from protocols.errors import ProtocolError, WireError
from protocols.hashing import Xof, digest
from protocols.round.attempt import Parts
from protocols.round.certificate import CertifiedRound, verify_certificate
from protocols.round.effects import (
    Aborted,
    Blame,
    CatchUp,
    Completed,
    Dropped,
    Effect,
    Erase,
    FetchPolynomials,
    Persist,
    Phase,
    Send,
    Stopped,
    Timer,
    Train,
)
from protocols.round.session import Position, Session, first_position
from protocols.round.setting import Setting
from protocols.secret import Secret


@dataclass
class Node:
    """One simulated peer: its session, its disk, and what it has seen happen.

    ``honest`` peers are promised something; ``lying`` ones break rules, and may be blamed. A
    ``frozen`` process does nothing before that virtual time; ``pace`` is its clock's, in percent.
    """

    index: int
    secret: Secret
    parts: type[Parts] = Parts
    honest: bool = True
    silent: bool = False
    lying: bool = False
    frozen: int = 0
    pace: int = 100
    session: Session | None = None
    position: Position | None = None
    up: bool = True
    journal: dict[int, dict[str, bytes]] = field(default_factory=dict)
    completed: dict[int, Completed] = field(default_factory=dict)
    blamed: list[Blame] = field(default_factory=list)
    aborted: list[Aborted] = field(default_factory=list)
    stopped: list[Stopped] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)
    lives: int = 0


class DiskFailed(Exception):
    """A write failed: the daemon ends at once, and nothing that depended on it is said."""


Update = Callable[[int, int, npt.NDArray[np.float32]], npt.NDArray[np.float32]]


class World:
    """``update(peer, round, model)`` is F^C. ``slowest`` bounds a message's delay in virtual ms.

    ``drop`` loses a message, ``delay`` sets its delay, ``before`` is called ahead of each effect,
    ``handing`` ahead of each recipient of a message, ``after`` when a peer has completed a round.
    ``write`` may raise DiskFailed. ``faults`` counts what befell the swarm, by name.
    ``trace`` stays empty unless ``traced``: ``digest`` stands for it.
    Links are not in order: what holds here holds on a transport that keeps order, too.
    """

    def __init__(
        self,
        setting: Setting,
        secrets: list[Secret],
        model: npt.NDArray[np.float32],
        update: Update,
        *,
        seed: int,
        rounds: int,
        slowest: int = 200,
        liars: dict[int, type[Parts]] | None = None,
        silent: frozenset[int] = frozenset(),
        traced: bool = True,
    ) -> None:
        self.seed = seed
        self.setting = setting
        self.model = model
        self.rounds = rounds
        self.now = 0
        self.inputs: dict[tuple[int, int], npt.NDArray[np.uint32]] = {}
        self.trace: list[str] = []
        self.faults: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._traced = traced
        self._history = sha256()
        self.drop: Callable[[int, int, bytes], bool] = lambda sender, to, data: False
        self.delay: Callable[[int, int, bytes], int | None] = lambda sender, to, data: None
        self.before: Callable[[Node, Effect], None] = lambda node, effect: None
        self.handing: Callable[[Node, int], None] = lambda node, turn: None
        self.write: Callable[[Node, str], None] = lambda node, key: None
        self.after: Callable[[Node, Completed], None] = lambda node, record: None
        self.cuts: set[tuple[int, int]] = set()
        self._update = update
        self._slowest = slowest
        self._random = random.Random(f"world/{seed}")
        self._entropy = Xof("simulation/entropy", str(seed).encode())
        self._queue: list[tuple[int, int, int, int, Callable[[Session], list[Effect]]]] = []
        self._happenings: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        lies = liars or {}
        self.nodes = [
            Node(
                i,
                secret,
                lies.get(i, Parts),
                i not in lies and i not in silent,
                silent=i in silent,
                lying=i in lies,
            )
            for i, secret in enumerate(secrets)
        ]

    # -- running -------------------------------------------------------------------------------

    def run(self, *, until: int | None = None, limit: int = 2_000_000) -> None:
        """Until every honest peer that is up has completed the rounds, nothing is left to do, or
        ``until`` virtual milliseconds have passed.
        """
        for node in self.nodes:
            if not node.silent:
                self.boot(node)
        for _ in range(limit):
            if not self._next_happening() and (not self._queue or self.finished()):
                return
            if not self._queue:
                continue
            at, _, index, life, act = heapq.heappop(self._queue)
            if until is not None and at > until:
                return
            self.now = at
            self._act(self.nodes[index], life, act)
        raise AssertionError("the simulation does not end")

    def _act(self, node: Node, life: int, act: Callable[[Session], list[Effect]]) -> None:
        if not node.up or node.lives != life or node.session is None:
            return
        if node.frozen > self.now:
            self.at(node, node.frozen - self.now, act)
            return
        try:
            self._carry_out(node, act(node.session))
        except DiskFailed:
            self.crash(node)

    def _next_happening(self) -> bool:
        """Carry out what is due; whether something is still to come."""
        while self._happenings:
            at, _, act = self._happenings[0]
            if self._queue and self._queue[0][0] < at:
                return True
            heapq.heappop(self._happenings)
            self.now = max(self.now, at)
            act()
        return False

    def happen(self, at: int, act: Callable[[], None]) -> None:
        """Something outside all peers, at a virtual time: a crash, a restart, a cut cable."""
        self._count += 1
        heapq.heappush(self._happenings, (at, self._count, act))

    def finished(self) -> bool:
        waiting = [n for n in self.nodes if n.honest and n.up]
        return all(self.rounds - 1 in node.completed for node in waiting)

    def boot(self, node: Node) -> None:
        """Start, or restart after ``crash``, with what is on the node's disk."""
        if node.up and node.session is not None:
            return
        node.up = True
        node.lives += 1
        position = node.position or first_position(self.setting, self.model)
        node.session = Session(
            self.setting,
            node.index,
            node.secret,
            Position(position.round, position.model, position.previous, position.ledger),
            lambda round_, key: self._secret(node, round_, key),
            dict(node.journal.get(position.round, {})),
            rounds=self.rounds,
            parts=node.parts,
        )
        self._act(node, node.lives, lambda session: session.start(self.present(node)))
        self._notify(1, node)

    def crash(self, node: Node) -> None:
        """All is lost but the journal and the position; ``boot`` starts it again."""
        if node.session is None:
            return
        node.up = False
        node.session = None
        self._notify(50, node)

    def cut(self, links: Iterable[tuple[int, int]]) -> None:
        """From now on nothing passes (sender, receiver); both ends notice after a while."""
        self.cuts.update(links)
        self._notify(50)

    def heal(self, links: Iterable[tuple[int, int]]) -> None:
        """The links are back, as new connections: what was lost is asked for again."""
        links = list(links)
        self.cuts.difference_update(links)
        for one, other in sorted({(min(link), max(link)) for link in links}):
            self.reset(self.nodes[one], self.nodes[other])

    def reset(self, one: Node, other: Node) -> None:
        """The connection of two peers breaks and is made again: each sees the other go and come."""
        for node, gone in ((one, other), (other, one)):
            self.at(node, 1, self._without(node, gone))
            self.at(node, 2, self._seeing(node))

    def _seeing(self, node: Node) -> Callable[[Session], list[Effect]]:
        return lambda session: session.on_present(self.present(node))

    def _without(self, node: Node, gone: Node) -> Callable[[Session], list[Effect]]:
        return lambda session: session.on_present(self.present(node) - {gone.index})

    def _notify(self, delay: int, but: Node | None = None) -> None:
        for node in self.nodes:
            if node.session is not None and node is not but:
                self.at(node, delay, self._seeing(node))

    def at(self, node: Node, delay: int, act: Callable[[Session], list[Effect]]) -> None:
        self._count += 1
        entry = (self.now + delay, self._count, node.index, node.lives, act)
        heapq.heappush(self._queue, entry)

    def present(self, node: Node) -> frozenset[int]:
        """Whom this peer is connected with; a link that is cut one way is no connection."""
        return frozenset(n.index for n in self.nodes if n.up and self._linked(node, n))

    def _linked(self, one: Node, other: Node) -> bool:
        links = {(one.index, other.index), (other.index, one.index)}
        return not links & self.cuts

    @property
    def waiting(self) -> int:
        """Messages under way, and timers."""
        return len(self._queue)

    @property
    def digest(self) -> str:
        """Stands for everything that every peer did, and when."""
        return self._history.hexdigest()

    def _secret(self, node: Node, round_: int, key: str) -> Secret:
        journal = node.journal.setdefault(round_, {})
        if key not in journal:
            self.write(node, key)
            journal[key] = self._entropy.read(32)
        return Secret(journal[key])

    # -- effects -------------------------------------------------------------------------------

    def _carry_out(self, node: Node, effects: list[Effect]) -> None:
        """In their order. ``before`` may crash the node: what it had left to do remains undone."""
        life = node.lives
        for effect in effects:
            self.before(node, effect)
            if not node.up or node.lives != life:
                return
            self._note(node, effect)
            match effect:
                case Persist(round_, key, value):
                    self.write(node, key)
                    journal = node.journal.setdefault(round_, {})
                    assert journal.get(key, value) == value, f"journal conflict at {key}"
                    journal[key] = value
                case Erase(round_, None):
                    node.journal.pop(round_, None)
                case Erase(round_, keys):
                    for key in keys or ():
                        node.journal.get(round_, {}).pop(key, None)
                case Send(peers, frame):
                    for turn, peer in enumerate(peers):
                        self.handing(node, turn)
                        if not node.up or node.lives != life:
                            return
                        self._deliver(node, self.nodes[peer], frame)
                case Timer(name, delay):
                    self.at(node, delay * node.pace // 100, _on_timer(name))
                case Train(round_, model):
                    self._train(node, round_, model)
                case Completed():
                    self._complete(node, effect)
                case FetchPolynomials(round_, _, peers):
                    self._fetch(node, round_, peers)
                case CatchUp(round_, peer):
                    self._catch_up(node, self.nodes[peer])
                case Blame():
                    node.blamed.append(effect)
                case Aborted():
                    node.aborted.append(effect)
                case Stopped():
                    node.stopped.append(effect)
                case Dropped():
                    node.dropped.append(effect)
                case Phase():
                    pass

    def _note(self, node: Node, effect: Effect) -> None:
        if self._traced:
            self.trace.append(f"{self.now} {node.index} {line_of(effect)}")
        self._history.update(b"%d %d %d " % (self.now, node.index, node.lives))
        match effect:
            case Send(peers, frame):
                self._history.update(bytes(peers) + frame)
            case Persist(_, key, value):
                self._history.update(key.encode() + value)
            case Train() | Completed():
                self._history.update(line_of(effect).encode())
            case _:
                self._history.update(repr(effect).encode())

    def _deliver(self, sender: Node, to: Node, frame: bytes) -> None:
        lost = (sender.index, to.index) in self.cuts
        if to.silent or self.drop(sender.index, to.index, frame) or lost:
            return
        drawn = self._random.randint(1, self._slowest)
        chosen = self.delay(sender.index, to.index, frame)
        delay = drawn if chosen is None else chosen
        self.at(to, delay, lambda session: session.on_message(sender.index, frame))

    def _train(self, node: Node, round_: int, model: npt.NDArray[np.float32]) -> None:
        update = self._update(node.index, round_, model)
        values = self.setting.aggregator.encode(model, update).astype(np.uint32)
        self.inputs[(round_, node.index)] = values
        delay = self._random.randint(1, self._slowest)
        self.at(node, delay, lambda session: session.on_update(round_, values))

    def _complete(self, node: Node, effect: Completed) -> None:
        node.completed[effect.round] = effect
        assert node.session is not None
        node.position = node.session.position
        self.after(node, effect)

    def _fetch(self, node: Node, round_: int, peers: tuple[int, ...]) -> None:
        for peer in peers:
            record = self.nodes[peer].completed.get(round_)
            if record is not None and self._linked(node, self.nodes[peer]):
                self.at(node, 20, _on_polynomials(round_, record.polynomials))
                return
        self.at(node, 50, lambda session: self._refetch(node, round_, peers))

    def _refetch(self, node: Node, round_: int, peers: tuple[int, ...]) -> list[Effect]:
        if node.session is not None and node.session.position.round == round_:
            self._fetch(node, round_, peers)
        return []

    def _catch_up(self, node: Node, peer: Node) -> None:
        if self._linked(node, peer):
            self.at(node, 30, lambda session: self._take_certificates(session, node, peer))

    def _take_certificates(self, session: Session, node: Node, peer: Node) -> list[Effect]:
        """One certificate after another, each naming the one before, as the runner does it."""
        chain: list[CertifiedRound] = []
        records: list[Completed] = []
        round_ = session.position.round
        while round_ in peer.completed:
            records.append(peer.completed[round_])
            try:
                chain.append(verify_certificate(self.setting, records[-1].certificate))
            except WireError:
                return []
            round_ += 1
        if not chain:
            return []
        try:
            effects = session.adopt(chain, records[-1].model)
        except ProtocolError:
            return []
        node.completed.update({record.round: record for record in records})
        node.position = session.position
        return effects


def _on_timer(name: tuple[str | int, ...]) -> Callable[[Session], list[Effect]]:
    return lambda session: session.on_timer(name)


def _on_polynomials(round_: int, data: bytes) -> Callable[[Session], list[Effect]]:
    return lambda session: session.on_polynomials(round_, data)


def line_of(effect: Effect) -> str:
    """What a peer did, for people and for comparison."""
    match effect:
        case Send(peers, frame):
            return f"send {peers} {digest('trace', frame).hex()[:12]}"
        case Persist(_, key, value):
            return f"persist {key} {digest('trace', value).hex()[:12]}"
        case Completed():
            return f"completed {effect.round} {effect.model_hash.hex()[:12]}"
        case Train(round_, _):
            return f"train {round_}"
        case _:
            return repr(effect)


def _secrets(peers: int, seed: int) -> list[Secret]:
    stream = Xof("simulation/identities", str(seed).encode())
    return [Secret(stream.read(32)) for _ in range(peers)]


def swarm_secrets(crypto: Any, peers: int, seed: int) -> tuple[list[Secret], tuple[bytes, ...]]:
    """Identities and the roster, sorted by public key as in a genesis document."""
    secrets = _secrets(peers, seed)
    secrets.sort(key=lambda secret: crypto.signing_public(secret.reveal()))
    return secrets, tuple(crypto.signing_public(secret.reveal()) for secret in secrets)
