"""Daemons in a network of their own, and the oracle that judges what they did in it."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

import trio

from peerd.cli.task_arguments import TaskRequest
from peerd.laboratory.swarm.conduct import audit_all, collect_transcripts
from peerd.laboratory.swarm.layout import Layout
from peerd.laboratory.swarm.options import MAX_ROUNDS, SwarmOptions
from peerd.laboratory.swarm.orchestrate import Run
from peerd.laboratory.swarm.process import Command, Daemon, DaemonDied, daemon_command
from peerd.laboratory.swarm.result import COMPLETED, Witness, check, witness
from peerd.runner.resume import setting_of
from peerd.status.board import JsonObject
from peerd.status.client import get
from peerd.storage import Store
from protocols.errors import ProtocolError
from protocols.plan import CommitteePlan, plan_swarm
from protocols.record.certificate import verify_certificate
from protocols.record.setting import Setting
from tests.network.namespaces import Network

PEERS, LIARS, ABSENT = 9, 2, 1
PATIENCE = 120.0  # seconds for anything to happen; only a group that hangs takes so long
WORK = TaskRequest("digits", "rsa", {}, {})


class Stuck(AssertionError):
    """What was waited for did not happen; the message says where everybody stands."""


@dataclass(frozen=True)
class Tolerance(SwarmOptions):
    """Everybody is honest; the plan could bear ``LIARS`` liars, and ``ABSENT`` absent peers."""

    @property
    def plan(self) -> CommitteePlan:
        return plan_swarm(self.peers, LIARS, ABSENT)

    @property
    def adversary(self) -> Fraction:
        return Fraction(LIARS, self.peers)


def tolerance(seed: int) -> Tolerance:
    """As many rounds as fit: a scenario takes what it needs."""
    return Tolerance(PEERS, MAX_ROUNDS, WORK, (), seed, absent=ABSENT)


class Group:
    """What the daemons' events tell, and what can be done to them.

    ``failing``: daemons that may end by themselves, because something was done to them; what they
    said last is then in ``ended``, and ``start`` starts them again. ``may_stop``: more befalls the
    group than its plan covers, so that a daemon may call for its operators; ``stopped`` did.
    ``entered``: (peer, phase), since whoever waits for one has cleared it.
    """

    network: Network  # of those groups that have one

    def __init__(
        self, layout: Layout, command: Command, seed: int, say: Callable[[str], None]
    ) -> None:
        self.layout = layout
        self.seed = seed
        self.say = say
        self.everybody = frozenset(range(len(layout.places)))
        self.daemons = [Daemon(place, command) for place in layout.places]
        self.failing: set[int] = set()
        self.ended: dict[int, DaemonDied] = {}
        self.may_stop = False
        self.stopped: set[int] = set()
        self.patience = PATIENCE
        self.standing = dict.fromkeys(self.everybody, (-1, "starting"))
        self.entered: set[tuple[int, str]] = set()
        self.finished = dict.fromkeys(self.everybody, -1)
        self.aborted = 0  # attempts, of all peers together
        self._changed = trio.Event()

    def run(self, nursery: trio.Nursery, peers: Iterable[int]) -> None:
        """Start ``peers`` in ``nursery``, and follow what everybody says."""
        self._nursery = nursery
        for daemon in self.daemons:
            nursery.start_soon(daemon.follow, self.take)
        for index in peers:
            self.start(index)

    def start(self, index: int) -> None:
        """A process on the daemon's directory."""
        self.failing.discard(index)
        self.ended.pop(index, None)
        self._nursery.start_soon(self._run, index)

    async def _run(self, index: int) -> None:
        try:
            await self.daemons[index].run()
        except DaemonDied as error:
            if index not in self.failing:
                raise
            self.ended[index] = error
            self._news()

    def _news(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def take(self, index: int, event: JsonObject) -> None:
        """One event of one daemon."""
        number = event.get("round")
        match event.get("kind"):
            case "phase" if isinstance(number, int):
                self.standing[index] = (number, str(event.get("phase")))
                self.entered.add((index, str(event.get("phase"))))
            case "round" if isinstance(number, int) and event.get("outcome") == COMPLETED:
                self.finished[index] = max(self.finished[index], number)
            case "attempt":
                self.aborted += 1
            case "stopped" if self.may_stop:
                self.stopped.add(index)
            case "stopped" | "blame":
                raise AssertionError(f"peer {index}: {event}")
        self._news()

    # -- waiting -------------------------------------------------------------------------------

    async def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Returns when ``condition`` holds after some event. Raises Stuck."""
        with trio.move_on_after(self.patience) as scope:
            while not condition():
                await self._changed.wait()
        if scope.cancelled_caught:
            raise Stuck(f"waited {self.patience:.0f} s until {what}; {self._where()}")

    async def complete(self, round_: int, peers: Iterable[int]) -> None:
        """Until all of ``peers`` have finished ``round_``, by their own work or by certificate."""
        waited = sorted(peers)
        await self.until(
            f"{waited} have finished round {round_}",
            lambda: all(self.finished[peer] >= round_ for peer in waited),
        )

    async def middle(self, phase: str, peer: int) -> int:
        """Until ``peer`` enters ``phase`` of a round that it has not begun yet; the round."""
        after = self.head()
        await self.until(
            f"peer {peer} is at {phase!r} after round {after}",
            lambda: self.standing[peer][0] > after and self.standing[peer][1] == phase,
        )
        return self.standing[peer][0]

    async def together(self) -> None:
        """Until everybody has finished a round that nobody has begun yet."""
        await self.complete(max(number for number, _ in self.standing.values()) + 1, self.everybody)

    async def linked(self, index: int, to: Iterable[int]) -> None:
        """Until a daemon is connected to all of ``to``."""
        wanted = {self.layout.places[other].identity.peer_id for other in to}
        with trio.move_on_after(PATIENCE):
            while not wanted <= await self._neighbours(index):
                await trio.sleep(0.2)
            return
        raise Stuck(f"peer {index} is not connected to all of {sorted(to)}")

    async def _neighbours(self, index: int) -> set[str]:
        answer = await get(self.layout.places[index].socket, "/v1/peers")
        shown = answer.get("peers")
        assert isinstance(shown, list)
        return {each["peer"] for each in shown if each["connected"]}

    def head(self) -> int:
        """The last round that anybody has begun."""
        return max(number for number, _ in self.standing.values())

    def _where(self) -> str:
        stand = (f"{i}: {n} {phase}" for i, (n, phase) in sorted(self.standing.items()))
        return f"{'; '.join(stand)}; finished {self.finished}; logs in {self.layout.directory}"

    # -- processes -----------------------------------------------------------------------------

    @contextmanager
    def frozen(self, index: int) -> Iterator[None]:
        """The daemon does nothing at all, and its kernel goes on answering for it."""
        daemon = self.daemons[index]
        pid = daemon.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            if daemon.pid == pid:
                os.kill(pid, signal.SIGCONT)


def in_namespaces(network: Network) -> Command:
    """Each daemon in its own namespace of ``network``."""
    return lambda place: network.command(place.index, daemon_command(place))


@asynccontextmanager
async def running(
    layout: Layout,
    seed: int,
    say: Callable[[str], None],
    command: Command = daemon_command,
    peers: Iterable[int] | None = None,
) -> AsyncIterator[Group]:
    """Start the daemons of ``peers`` (None: all); at the end, however it comes, none is left."""
    group = Group(layout, command, seed, say)
    try:
        async with trio.open_nursery() as nursery:
            group.run(nursery, group.everybody if peers is None else peers)
            yield group
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                for daemon in group.daemons:
                    nursery.start_soon(daemon.stop)


async def witnesses(group: Group, rounds: int) -> list[Witness]:
    """What each daemon says about the first ``rounds`` rounds."""
    found = []
    for place in group.layout.places:
        answer = await get(place.socket, f"/v1/rounds?limit={MAX_ROUNDS}")
        records = answer.get("rounds")
        assert isinstance(records, list)
        kept = [record for record in records if record["round"] < rounds]
        found.append(witness(place.identity.peer_id, None, kept))
    return found


def verdict(layout: Layout, options: SwarmOptions, found: list[Witness], rounds: int) -> list[str]:
    """What is wrong, a line each. The daemons have ended: their stores are read.

    Every round complete and one model in it, nobody honest blamed, one ledger in every store,
    and an auditor who agrees.
    """
    options = replace(options, rounds=rounds)
    run = Run(tuple(found), (), 0.0)
    transcripts = collect_transcripts(layout, options)
    audited, wrong = audit_all(layout, run, transcripts)
    if not audited:
        wrong.append("no round could be audited")
    return [*check(options, found), *ledgers(layout, rounds), *wrong]


def ledgers(layout: Layout, rounds: int) -> list[str]:
    """What is wrong with the certificates in the daemons' stores."""
    held = []
    for place in layout.places:
        with Store.open(place.data) as store:
            held.append([store.certificate(round_) for round_ in range(rounds)])
    return compare(setting_of(layout.genesis), held)


def compare(setting: Setting, held: Sequence[Sequence[bytes | None]]) -> list[str]:
    """Per peer and round, a certificate: one that is missing or does not verify, two ledgers.

    Two certificates of a round may differ in who signed; what they certify may not.
    """
    wrong = []
    certified: dict[int, set[tuple[bytes, bytes]]] = {}
    for peer, records in enumerate(held):
        for round_, record in enumerate(records):
            if record is None:
                wrong.append(f"peer {peer} has no certificate of round {round_}")
                continue
            try:
                found = verify_certificate(setting, record)
            except ProtocolError as error:
                wrong.append(f"peer {peer}, certificate of round {round_}: {error}")
                continue
            if found.round != round_:
                wrong.append(f"peer {peer} has round {found.round}'s certificate for {round_}")
            certified.setdefault(round_, set()).add((found.hash, found.elected.hash))
    return wrong + [f"round {n} has {len(s)} ledgers" for n, s in certified.items() if len(s) > 1]
