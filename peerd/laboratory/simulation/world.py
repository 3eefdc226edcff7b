"""A swarm in one process: real sessions, virtual time, a seeded network (docs/protocol.md).

Everything is a function of the seed: the order of events, delays, updates and secrets. Nothing
here knows the protocol: it carries out effects, as the runner does.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain

import numpy as np
import numpy.typing as npt

from peerd.group.rhythm import Rhythm
from peerd.laboratory.adversaries.keys import Keys
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.agenda import Act, Agenda
from peerd.laboratory.simulation.history import History
from peerd.laboratory.simulation.node import DiskFailed, Node
from peerd.laboratory.simulation.noised import noise_in
from peerd.laboratory.simulation.records import adopt, answer
from peerd.laboratory.simulation.seeded import Entropy, Said
from peerd.laboratory.simulation.times import await_time
from protocols.aggregation.clear_sum import opened_part
from protocols.aggregation.contract import Reference, Update
from protocols.aggregation.evaluation import Counts
from protocols.record.certificate import CertifiedRound, origin_of, verify_certificate
from protocols.record.effects import (
    Abandonment,
    Aborted,
    Adopted,
    Announced,
    Approved,
    Ask,
    AwaitTime,
    Blame,
    Completed,
    Dropped,
    Effect,
    Erase,
    Keep,
    Persist,
    Phase,
    Send,
    Spent,
    Staying,
    Step,
    Stopped,
    Timer,
    Train,
)
from protocols.record.position import Position, first_position
from protocols.record.setting import NO_HEAD, Setting
from protocols.secret import Secret
from protocols.session.events import Peer, Stay
from protocols.session.local import LocalPeer
from protocols.session.session import Session
from protocols.session.standing import after

Trained = Callable[[int, int, npt.NDArray[np.float32]], Update]


class World:
    """``update(peer, round, model)`` is F^C. ``slowest`` bounds a message's delay in virtual ms.

    ``drop`` loses a message, ``delay`` sets its delay, ``before`` is called ahead of each effect,
    ``handing`` ahead of each recipient of a message, ``after`` when a peer has completed a round.
    ``around`` may stand something between a peer and its events, in each life.
    ``write`` may raise DiskFailed. ``faults`` counts what befell the swarm, by name.
    ``history`` keeps everything that every peer did; its lines only if ``traced``. ``certified``
    is the oracle's: the certificates that it has verified. ``wakes``: a group that rests goes on.
    ``rhythm`` is the group's, where its rounds have their time. ``head``: of a peer's trail.
    Links are not in order: what holds here holds on a transport that keeps order, too.
    """

    def __init__(
        self,
        setting: Setting,
        secrets: list[Secret],
        model: npt.NDArray[np.float32],
        update: Trained,
        *,
        seed: int,
        rounds: int,
        slowest: int = 200,
        liars: dict[int, Lie] | None = None,
        silent: frozenset[int] = frozenset(),
        traced: bool = True,
    ) -> None:
        self.seed = seed
        self.setting = setting
        self.model = model
        self.rounds = rounds
        self.wakes = True
        self.inputs: dict[tuple[int, int], npt.NDArray[np.int64]] = {}
        self.noise: dict[tuple[int, int], npt.NDArray[np.int64]] = {}
        self.faults: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.certified: dict[bytes, CertifiedRound] = {}
        self.history = History(traced)
        self.drop: Callable[[int, int, bytes], bool] = lambda sender, to, data: False
        self.delay: Callable[[int, int, bytes], int | None] = lambda sender, to, data: None
        self.before: Callable[[Node, Effect], None] = lambda node, effect: None
        self.handing: Callable[[Node, int], None] = lambda node, turn: None
        self.write: Callable[[Node, str], None] = lambda node, key: None
        self.after: Callable[[Node, Completed], None] = lambda node, record: None
        self.around: Callable[[Node, Peer], Peer] = lambda node, peer: peer
        self.head: Callable[[Node], bytes] = lambda node: NO_HEAD
        said = Said(setting, seed)
        self.reference: Callable[[int, int, npt.NDArray[np.float32]], Reference] = said.reference
        self.counts: Callable[[int, int], Counts | None] = said.counts
        self._entropy_of_noise = said.noise
        self.cuts: set[tuple[int, int]] = set()
        self.rhythm = Rhythm()
        self.update = update
        self._slowest = slowest
        self._random = random.Random(f"world/{seed}")
        self._entropy = Entropy(seed)
        self._agenda = Agenda()
        lies = liars or {}
        self.nodes = [
            Node(
                i,
                secret,
                lies.get(i),
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
        started = [node for node in self.nodes if not node.silent]
        for node in started:
            self._load(node)
        for node in started:
            self._start(node)
        for _ in range(limit):
            if not self._agenda.catch_up() and (not self._agenda or self.finished()):
                return
            if not self._agenda:
                continue
            at, index, life, act = self._agenda.pop()
            if until is not None and at > until:
                return
            self._agenda.now = at
            self._act(self.nodes[index], life, act)
        raise AssertionError("the simulation does not end")

    def _act(self, node: Node, life: int, act: Act) -> None:
        if not node.up or node.lives != life or node.peer is None:
            return
        if node.frozen > self.now:
            self.at(node, node.frozen - self.now, act)
            return
        try:
            self._carry_out(node, act(node.peer))
        except DiskFailed:
            self.crash(node)

    def act(self, node: Node, act: Act) -> None:
        """What happens to a peer now, in this life."""
        self._act(node, node.lives, act)

    def happen(self, at: int, act: Callable[[], None]) -> None:
        """Something outside all peers, at a virtual time: a crash, a restart, a cut cable."""
        self._agenda.happen(at, act)

    def finished(self) -> bool:
        last = self.rounds - 1
        for node in self.nodes:  # asked ahead of each event
            if node.honest and node.up and last not in node.completed and not over(node):
                return False
        return True

    def boot(self, node: Node, *, restored: bool | None = None) -> None:
        """Start, or restart after ``crash``, with what is on the node's disk; ``restored`` is the
        session's.
        """
        if node.up and node.session is not None:
            return
        self._load(node, restored)
        self._start(node)

    def _load(self, node: Node, restored: bool | None = None) -> None:
        node.up = True
        node.lives += 1
        node.schedule = None
        position = node.position or first_position(self.setting, self.model)
        draw = partial(self._secret, node)
        head = partial(self.head, node)
        peer = LocalPeer(self.setting, node.index, node.secret, draw, head)
        keys = Keys(peer) if node.lie else None  # they keep what an honest peer erases
        node.session = Session(
            keys.peer if keys else peer,
            Position(position.round, position.model, position.previous, position.ledger),
            dict(node.journal.get(position.round, {})),
            rounds=self.rounds,
            restored=restored,
            approvals=node.approvals,
        )
        peer_or_liar = node.lie.told_by(node.session, keys) if node.lie and keys else node.session
        node.peer = self.around(node, peer_or_liar)

    def _start(self, node: Node) -> None:
        self._act(node, node.lives, lambda session: session.start(self.present(node)))
        kept = node.paused  # the survey comes first: before it is over nothing is signed
        if kept is not None:
            self._act(node, node.lives, lambda session: session.on_order(Stay(kept)))
        ordered, node.ordered = node.ordered, None
        if ordered is not None:
            self._act(node, node.lives, lambda session: session.on_order(ordered))
        self._notify(1, node)

    def crash(self, node: Node) -> None:
        """All is lost but the journal and the position; ``boot`` starts it again."""
        if node.session is None:
            return
        node.up = False
        node.session = node.peer = None
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

    def _seeing(self, node: Node) -> Act:
        return lambda session: session.on_present(self.present(node))

    def _without(self, node: Node, gone: Node) -> Act:
        return lambda session: session.on_present(self.present(node) - {gone.index})

    def _notify(self, delay: int, but: Node | None = None) -> None:
        for node in self.nodes:
            if node.session is not None and node is not but:
                self.at(node, delay, self._seeing(node))

    def at(self, node: Node, delay: int, act: Act) -> None:
        """An event of this life of a peer."""
        self._agenda.at(node, delay, act)

    def present(self, node: Node) -> frozenset[int]:
        """Whom this peer is connected with; a link that is cut one way is no connection."""
        return frozenset(n.index for n in self.nodes if n.up and self.linked(node, n))

    def linked(self, one: Node, other: Node) -> bool:
        links = {(one.index, other.index), (other.index, one.index)}
        return not links & self.cuts

    @property
    def first(self) -> int:
        """The group's first round: not 0, where it goes on from another."""
        return origin_of(self.setting).round

    @property
    def now(self) -> int:
        """Virtual milliseconds since the beginning."""
        return self._agenda.now

    @property
    def waiting(self) -> int:
        """Messages under way, and timers."""
        return len(self._agenda)

    def _secret(self, node: Node, round_: int, key: str) -> Secret:
        journal = node.journal.setdefault(round_, {})
        if key not in journal:
            self.write(node, key)
            journal[key] = self._entropy.draw(node.index, round_, key)
        return Secret(journal[key])

    # -- effects -------------------------------------------------------------------------------

    def _carry_out(self, node: Node, steps: list[Step]) -> None:
        """In their order. ``before`` may crash the node: what it had left to do remains undone."""
        life = node.lives
        for effect in chain.from_iterable(steps):
            self.before(node, effect)
            if not node.up or node.lives != life:
                return
            self.history.note(self.now, node, effect)
            match effect:  # the most frequent first
                case Send(peers, frame):
                    for turn, peer in enumerate(peers):
                        self.handing(node, turn)
                        if not node.up or node.lives != life:
                            return
                        self._deliver(node, self.nodes[peer], frame)
                case Timer():
                    delay = effect.delay * node.pace // 100
                    self.at(node, delay, _on_timer(effect))
                case Persist(round_, key, value):
                    self.write(node, key)
                    journal = node.journal.setdefault(round_, {})
                    assert journal.get(key, value) == value, f"journal conflict at {key}"
                    journal[key] = value
                case Keep(approval):
                    self.write(node, "approval")
                    node.approvals.append(approval)
                case Erase(round_, None):
                    node.journal.pop(round_, None)
                case Erase(round_, keys):
                    for key in keys or ():
                        node.journal.get(round_, {}).pop(key, None)
                case Staying(since, lasts):
                    node.paused = since if lasts else node.paused
                case Phase() | Abandonment() | Announced() | Approved() | Spent():
                    pass
                case Train(round_, model):
                    self._train(node, round_, model)
                case Completed():
                    self._complete(node, effect)
                case AwaitTime(round_):
                    await_time(self, node, round_)
                case Adopted():
                    adopt(self, node, effect)
                case Ask():
                    answer(self, node, effect)
                case Blame():
                    node.blamed.append(effect)
                case Aborted():
                    node.aborted.append(effect)
                case Stopped():
                    node.stopped.append(effect)
                case Dropped():
                    node.dropped.append(effect)

    def _deliver(self, sender: Node, to: Node, frame: bytes) -> None:
        lost = (sender.index, to.index) in self.cuts
        if to.silent or self.drop(sender.index, to.index, frame) or lost:
            return
        drawn = 1 + self._random.randrange(self._slowest)
        chosen = self.delay(sender.index, to.index, frame)
        delay = drawn if chosen is None else chosen
        self.at(to, delay, lambda session: session.on_message(sender.index, frame))

    def _train(self, node: Node, round_: int, model: npt.NDArray[np.float32]) -> None:
        update = self.update(node.index, round_, model)
        rule = self.setting.aggregator
        reference = self.reference(node.index, round_, model) if rule.uses_reference else None
        counts = self.counts(node.index, round_)
        entropy = self._entropy_of_noise(node.index, round_)
        values = self.setting.encode(node.index, model, update, reference, counts, entropy)
        self.inputs[(round_, node.index)] = opened_part(self.setting.relation, values)
        self.noise[(round_, node.index)] = noise_in(self.setting.relation, values)
        delay = 1 + self._random.randrange(self._slowest)
        self.at(node, delay, lambda session: session.on_update(round_, values, reference))

    def _complete(self, node: Node, effect: Completed) -> None:
        """What is on the disk stands behind this round, and no further: the session may be ahead
        of its effects.
        """
        node.completed[effect.round] = effect
        before = node.position or first_position(self.setting, self.model)
        chain = [verify_certificate(self.setting, effect.certificate)]
        node.position = after(before, chain, effect.model)
        self.after(node, effect)


def _on_timer(timer: Timer) -> Act:
    return lambda session: session.on_timer(timer)


def over(node: Node) -> bool:
    """Whether the group has handed over, as this peer's disk has it."""
    return node.position is not None and node.position.ledger.handed_over
