"""What is alarming about a round, a store or a budget, and what `[alarms]` has this peer do then.

Nothing here signs, or speaks for the group: at most this peer pauses, as its operator could have
it, and a file with a draft is written for people to read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog
import trio

from peerd.config import Config
from peerd.errors import PeerdError
from peerd.group import Genesis, save
from peerd.group.drafting import Changes, draft
from peerd.group.vector import own_part
from peerd.identity import peer_id_of
from peerd.learning.trained import Evaluation
from peerd.runner.operators.anomalies import Usual
from peerd.status.board import StatusBoard
from peerd.storage import Store
from peerd.trail import Actor, Factor
from peerd.trail.record import itself
from protocols.aggregation.contract import Model
from protocols.record.certificate import Close
from protocols.record.effects import Completed
from protocols.session.events import Refused, Stay

NORM, LOSS, STORAGE, BUDGET = "norm", "loss", "storage", "budget"
LOG, PAUSE, DRAFT = "log", "pause", "draft"
AHEAD, WINDOW = 2, 1000
"""Rounds from the head on in which a draft may be decided."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Means:
    """What an alarm can do. ``count``: for the metrics; ``note``: the trail's; ``order``: the
    driver's.
    """

    count: Callable[[str], None]
    note: Callable[..., Awaitable[object]]
    order: Callable[[Stay], Awaitable[None]]


class Alarm:
    """Of one daemon in one group. ``config``: what is in force. Raises nothing."""

    def __init__(
        self,
        genesis: Genesis,
        me: bytes,
        store: Store,
        board: StatusBoard,
        config: Callable[[], Config],
        means: Means,
    ) -> None:
        self._genesis = genesis
        self._me = me
        self._store = store
        self._board = board
        self._config = config
        self._means = means
        self._usual = {name: Usual(store, name, genesis.group_id) for name in (NORM, LOSS)}
        self._told: dict[str, str] = {}
        self._refused = store.vault.refused
        self._turn = trio.Lock()

    async def completed(self, effect: Completed) -> None:
        """A round that opened a sum: how far it moved the model. And what the store met since."""
        async with self._turn:
            await self._look_at_storage(effect.round)
            if effect.close is not Close.OPENED:
                return
            moved = await trio.to_thread.run_sync(self._moved, effect.round, effect.model)
            if moved is not None:
                said = f"the opened sum moved the model by {moved:.3g}"
                await self._judge(NORM, effect.round, moved, said)

    async def evaluated(self, round_: int, found: Evaluation) -> None:
        """What this peer measured of the round's model: its loss, else its errors."""
        value = found.loss
        if value is None and found.accuracy is not None:
            value = 1.0 - found.accuracy
        if value is not None:
            async with self._turn:
                await self._judge(LOSS, round_, value, f"the model's loss here is {value:.3g}")

    async def spent(self, round_: int, share: float) -> None:
        """Whoever accounts for the privacy budget says that this share of it (0 to 1) is gone."""
        async with self._turn:
            await self._ring(BUDGET, round_, f"{share:.0%} of the privacy budget is spent")

    # -- what is alarming ----------------------------------------------------------------------

    def _moved(self, round_: int, model: Model) -> float | None:
        """The length of the step, from the model before, if it is still kept."""
        before = self._store.model(round_ - 1) if round_ else None
        if before is None or before.shape != model.shape:
            return None
        own = own_part(self._genesis, model)
        return float(np.linalg.norm(own.astype(np.float64) - before[: own.size]))

    async def _judge(self, about: str, round_: int, value: float, said: str) -> None:
        alarms = self._config().alarms
        judge = self._usual[about].judge
        found = await trio.to_thread.run_sync(judge, value, alarms.rounds)
        if found is not None and found >= alarms.score:
            usual = f"{said}, {found:.0f} robust standard deviations above what is usual"
            await self._ring(about, round_, usual)

    async def _look_at_storage(self, round_: int) -> None:
        """Values that did not open since the last look: only of an encrypted disk it is known that
        somebody changed them.
        """
        known, self._refused = self._refused, self._store.vault.refused
        if self._refused > known:
            changed = self._refused - known
            await self._ring(STORAGE, round_, f"{changed} values on the disk were changed")

    # -- what follows --------------------------------------------------------------------------

    async def _ring(self, about: str, round_: int, said: str) -> None:
        alarms = self._config().alarms
        does = {
            NORM: alarms.on_norm,
            LOSS: alarms.on_loss,
            STORAGE: alarms.on_storage,
            BUDGET: alarms.on_budget,
        }[about]
        log.warning("alarm", about=about, round=round_, said=said, does=does)
        self._means.count(about)
        text = f"alarm ({about}): {said}"
        self._board.publish("alarm", about=about, round=round_, text=text, does=does)
        if does == LOG:
            return
        line = f"alarm ({about}), round {round_}: {said}"
        if does in (PAUSE, DRAFT):
            line += f"; {await self._pause(about, round_)}"
        if does == DRAFT:
            line += f"; {await trio.to_thread.run_sync(self._draft, round_)}"
        self._told[about] = line
        self._board.warn("alarms", [*self._told.values()])

    async def _pause(self, about: str, round_: int) -> str:
        """As an operator's pause, which the others hear of; on record first."""
        me = itself()
        try:
            actor = Actor(Factor.ALARM, me.uid, me.user)
            await self._means.note("pause", actor, about=about, round=round_)
            await self._means.order(Stay())
        except (PeerdError, Refused) as error:
            log.error("not paused", reason=str(error))
            return f"not paused: {error}"
        return "this peer pauses; 'peerd resume' ends it"

    def _draft(self, round_: int) -> str:
        """Of a successor without those that stand out, for people to read: nobody has signed it."""
        out = suspects(self._store, self._genesis, self._me, round_, self._config().alarms.rounds)
        if not out:
            return "no draft: nobody stands out"
        path = self._config().data / f"alarm-draft-{round_}.json"
        first = max(self._store.head(), round_) + AHEAD
        try:
            changes = Changes(first, first + WINDOW - 1, leaving=frozenset(out))
            _save_new(draft(self._genesis, changes), path)
        except PeerdError as error:
            return f"no draft: {error}"
        return f"{path} is a draft without {len(out)} of the members: read it, it proves nothing"


def suspects(store: Store, genesis: Genesis, me: bytes, round_: int, rounds: int) -> list[bytes]:
    """Members that dealt in this round and in none of the ``rounds`` before: a hint, as a sum names
    nobody. Never this peer; nobody where everybody is new.
    """
    listed = [each for each in store.rounds(rounds + 1) if each["round"] <= round_]
    dealt = {each["round"]: set(each["dealers"]) for each in listed}
    here = dealt.pop(round_, set())
    usual: set[str] = set().union(*dealt.values()) if dealt else set()
    if not usual:
        return []
    by_id = {peer_id_of(public): public for public in genesis.roster}
    return [by_id[peer] for peer in sorted(here - usual) if peer in by_id and by_id[peer] != me]


def _save_new(found: Genesis, path: Path) -> None:
    """What an earlier life wrote stays as it is."""
    if not path.exists():
        save(found, path)
