"""Drives one session: events in, effects carried out, in order.

One event (or a burst of frames) at a time, in a thread where it may take long. What it persists
is durable before anything that it sends is handed to the transport: both come from one list of
effects, and the list is carried out from its start.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import structlog
import trio

from peerd.learning import Trainer
from peerd.learning.trained import Evaluation
from peerd.runner.ahead import Act, WriteAhead
from peerd.runner.alarms import Alarms
from peerd.runner.learner import Learner
from peerd.runner.library import Library
from peerd.runner.meter import Meter
from peerd.runner.operators import stays
from peerd.runner.operators.drain import Drain
from peerd.runner.operators.orders import Event, in_words
from peerd.runner.records import Records
from peerd.runner.rhythm import Beat
from peerd.runner.teller import Teller
from peerd.runner.turn import Turn
from peerd.status.board import StatusBoard
from peerd.storage import Store
from peerd.transport.inbox import Delivery
from peerd.transport.transport import Transport
from protocols.aggregation import model_hash
from protocols.record.certificate import Close
from protocols.record.effects import (
    Adopted,
    Ask,
    AwaitTime,
    Completed,
    Effect,
    Phase,
    Send,
    Staying,
    Step,
    Timer,
    Train,
)
from protocols.record.setting import Setting
from protocols.record.timers import TimeCome, is_over
from protocols.session.events import Approval, Peer, Refused

log = structlog.get_logger(__name__)

MAX_BURST = 64
"""Frames that are handled, and journaled, together."""
LONG_BURST = 1 << 18
"""Bytes of frames with which a burst ends, and which are read in a thread: what comes of a long
frame, and of its journal, is let go before the next is taken.
"""
LOSS_GRACE = 3.0
"""Seconds for which a lost peer is still waited for."""
OnMeasured = Callable[[int, Close, dict[str, Any] | None], Approval | None]
OnEvaluated = Callable[[int, Evaluation], None]
OnOwnApproval = Callable[[Approval], Awaitable[object]]
"""Told of what no operator ordered, before it is done."""
OnStep = Callable[[Peer, Sequence[Effect]], None]
"""Told of the effects that were carried out; it only looks."""
Read = TypeVar("Read")


class Driver:
    def __init__(
        self,
        setting: Setting,
        session: Peer,
        store: Store,
        transport: Transport,
        trainer: Trainer,
        board: StatusBoard,
        library: Library,
        records: Records,
        beat: Beat,
    ) -> None:
        self._setting = setting
        self._session = session
        self._store = store
        self._transport = transport
        self._trainer = trainer
        self._learner = Learner(setting, session.me, trainer, store, self._keep)
        self.teller = Teller(setting, session, store, board, records)
        self.teller.connected = self._connected
        self._board = board
        self._library = library
        self._beat = beat
        self._leaves: int | None = None
        self.left = trio.Event()
        """Set once a daemon that was told to drain has finished its round."""
        self._index = {public: index for index, public in enumerate(setting.roster)}
        self._meter = Meter(transport.traffic)
        self._turn = Turn()
        self._nursery: trio.Nursery | None = None
        self._lost: dict[int, float] = {}
        self._drain = Drain()
        self._ahead = WriteAhead(setting, session, store, records, self._drain)
        self._alarms = Alarms()
        self.watch: Callable[[Effect], None] = lambda effect: None
        """Told each effect once it is carried out."""
        self.peers_changed = trio.Event()
        self.on_measured: OnMeasured = lambda round_, close, group: None
        self.on_evaluated: OnEvaluated = lambda round_, found: None
        self.on_own_approval: OnOwnApproval = _unheard
        self.handed_over = trio.Event()
        self.on_step: OnStep = lambda session, effects: None

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled, or until something fails that an operator must see (PeerdError)."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            self._transport.on_link_change(self._on_link_change)
            # the clock is read here: the step runs in a thread, where trio has none
            present = self._present()
            before = self._session.position
            self.teller.start()
            await self._step(lambda session: session.start(present))
            if (stay := stays.kept(self._store)) is not None:
                await self._step(partial(_ordered, stay))  # nothing is signed before the survey
            self._show_where_it_starts(before.round - 1, before.model)
            self._look_ahead()
            nursery.start_soon(self._alarms.run, self._ring)
            nursery.start_soon(self._watch_peers)
            nursery.start_soon(self._receive)
            task_status.started()

    def _show_where_it_starts(self, last: int, model: npt.NDArray[np.float32]) -> None:
        """A last round that was taken from others at the start is told as any other round is.

        Nothing else would tell it, if it was the group's last: whoever watches would wait on.
        """
        record = self._store.round(last) if last >= 0 else None
        if record is None or (record.get("accuracy"), record.get("loss")) != (None, None):
            return
        assert self._nursery is not None
        self.teller.head(last, model_hash(model))
        self._nursery.start_soon(self._evaluate, last, model)

    # -- events --------------------------------------------------------------------------------

    def _on_link_change(self, peer: bytes, connected: bool) -> None:
        assert self._nursery is not None
        index = self._index[peer]
        if connected:
            self._lost.pop(index, None)
            self.peers_changed.set()
            # it may be in a later group, where nobody says hello to this one any more
            self._nursery.start_soon(self._step, lambda session: session.on_connected(index))
        else:
            self._lost[index] = trio.current_time()
            self._nursery.start_soon(self._notice_loss)

    async def _notice_loss(self) -> None:
        await trio.sleep(LOSS_GRACE)
        self.peers_changed.set()

    def _present(self) -> set[int]:
        """Connected, or lost so recently that it may be a reconnect."""
        since = trio.current_time() - LOSS_GRACE
        recent = {index for index, at in self._lost.items() if at > since}
        return {*self._connected(), *recent, self._session.me}

    def _connected(self) -> frozenset[int]:
        return frozenset(self._index[peer] for peer in self._transport.connected())

    async def _watch_peers(self) -> None:
        while True:
            await self.peers_changed.wait()
            self.peers_changed = trio.Event()
            present = self._present()
            self._board.update(connected=len(present) - 1)
            await self._step(partial(_now_present, present))

    async def _receive(self) -> None:
        """Frames in bursts: one journal transaction for many, and few thread switches."""
        inbox = self._transport.frames
        while True:
            burst = deque([await inbox.receive()])
            size = len(burst[0][1])
            while len(burst) < MAX_BURST and size < LONG_BURST and len(inbox):
                burst.append(inbox.receive_nowait())
                size += len(burst[-1][1])
            await self._step(partial(_messages, self._index, burst), size)

    async def order(self, order: Event) -> None:
        """What an operator asks for. Refused, by the session or once this daemon has drained."""
        assert self._nursery is not None
        said = in_words(order)
        log.warning("an operator's order", order=said)
        done, found = trio.Event(), list[Refused]()
        # in this nursery: whatever else fails there ends the daemon, and not a connection
        self._nursery.start_soon(self._follow_order, order, found, done)
        await done.wait()
        refused = found[0] if found else None
        self._board.publish("order", order=said, refused=None if refused is None else str(refused))
        if refused is not None:
            log.error("an order was refused", reason=str(refused))
            raise refused

    async def _follow_order(self, order: Event, refused: list[Refused], done: trio.Event) -> None:
        try:
            if not self._drain.takes:
                raise Refused("this daemon is about to stop")
            await self._step(partial(_ordered, order))
        except Refused as error:
            refused.append(error)
        finally:
            done.set()

    async def _on_time(self, round_: int, over: bool) -> None:
        timer = Timer((round_, 0), TimeCome(over), 0)
        await self._step(lambda session: session.on_timer(timer))

    async def _ring(self, timer: Timer) -> None:
        if not is_over(timer, self._session.position.round):
            await self._step(lambda session: session.on_timer(timer))

    # -- one step ------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Begin no further attempt; returns when the one in progress, if any, is over."""
        async with self._turn:
            self._drain.ask()
            self._drain.tell()
        await self._drain.ended.wait()

    async def _step(self, act: Act, size: int = 0) -> None:
        """``size``: bytes that it is to read."""
        async with self._turn:
            if not self._drain.takes:
                return
            in_thread = size >= LONG_BURST
            effects = await self._ahead.act(act, self._turn, in_thread=in_thread)
            with self._transport.together():
                for effect in effects:
                    self._carry_out(effect)
                    self.watch(effect)
            self._drain.tell()
            if self._leaves is not None and self._session.position.round >= self._leaves:
                self.left.set()
            self.on_step(self._session, effects)
            self._look_ahead()

    async def between_steps(self, read: Callable[[Peer], Read]) -> Read:
        """What a look at the session gives, while it does nothing."""
        async with self._turn:
            return read(self._session)

    def _look_ahead(self) -> None:
        """Whether this group is over, and a successor goes on."""
        if self._session.position.ledger.handed_over:
            self.handed_over.set()

    def _carry_out(self, effect: Effect) -> None:
        assert self._nursery is not None
        match effect:
            case Send(peers, frame):
                self._send(peers, frame)
            case Timer():
                self._alarms.set(effect)
            case Train(round_, model):
                self._nursery.start_soon(self._train, round_, model)
            case Completed():
                self._finish_round(effect)
            case Adopted():
                self._finish_adopted(effect)
            case Ask():
                self._nursery.start_soon(self._ask, effect)
            case AwaitTime(round_):
                self._nursery.start_soon(self._beat.wait, round_, self._on_time)
            case Staying(since, lasts):
                self._leaves = None if lasts else since
            case Phase(round=round_, name=name):
                # Late words of a round that is over have an attempt of it say so: nothing begins.
                if round_ >= self._session.position.round:
                    self._beat.entered(name)
                    self._meter.enter(name)
            case _:
                pass  # carried out in the thread, before everything else, or only told
        self.teller.tell(effect)

    def _send(self, peers: tuple[int, ...], frame: bytes) -> None:
        for peer in peers:
            try:
                self._transport.send(self._setting.roster[peer], frame)
            except ValueError as error:
                self.teller.unsendable(peer, error)

    # -- training ------------------------------------------------------------------------------

    async def _train(self, round_: int, model: npt.NDArray[np.float32]) -> None:
        values, reference = await self._learner.update(round_, model)
        await self._step(lambda session: session.on_update(round_, values, reference))

    async def _keep(self, round_: int, key: str, value: bytes) -> None:
        async with self._turn:
            if self._session.position.round == round_:  # else its journal is erased
                put = partial(self._store.journal_put, round_, key, value)
                await self._turn.in_thread(put)

    def _finish_round(self, effect: Completed) -> None:
        assert self._nursery is not None
        group = self._ahead.groups.pop(effect.round)
        self.teller.completed(effect, self._meter.finish(), group)
        self._nursery.start_soon(self._evaluate, effect.round, effect.model)
        approval = self.on_measured(effect.round, effect.close, group)
        if approval is not None:
            self._nursery.start_soon(self._approve, approval)

    async def _approve(self, approval: Approval) -> None:
        """What no operator ordered: the genesis says that this peer is to want it."""
        await self.on_own_approval(approval)
        try:
            await self._step(partial(_ordered, approval))
        except Refused as error:
            log.info("not approved", reason=str(error))

    async def _evaluate(self, round_: int, model: npt.NDArray[np.float32]) -> None:
        found = await self._trainer.evaluate(model)
        self.teller.evaluated(round_, found)
        self.on_evaluated(round_, found)

    # -- records of others ---------------------------------------------------------------------

    async def _ask(self, effect: Ask) -> None:
        peer = self._setting.roster[effect.peer]
        data = await self._library.ask(peer, effect.record, effect.round)
        await self._step(lambda session: session.on_answer(effect, data), len(data))

    def _finish_adopted(self, effect: Adopted) -> None:
        assert self._nursery is not None
        last = effect.rounds[-1]
        self._meter.finish()
        self.teller.adopted(effect)
        self._nursery.start_soon(self._evaluate, last.round, effect.model)


def _messages(index: Mapping[bytes, int], burst: deque[Delivery], session: Peer) -> list[Step]:
    """What the frames call for. Each is let go as it is handled: nothing is left in ``burst``."""
    steps: list[Step] = []
    while burst:
        peer, frame = burst.popleft()
        steps += session.on_message(index[peer], frame)
    return steps


def _ordered(order: Event, session: Peer) -> list[Step]:
    return session.on_order(order)


async def _unheard(approval: Approval) -> None:
    """Nobody keeps a trail."""


def _now_present(present: set[int], session: Peer) -> list[Step]:
    return session.on_present(present)
