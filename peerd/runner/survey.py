"""Before anything is signed: does the group stand further than this store? (faults 42, 47)

A daemon that was away, or whose data directory is an old backup, first learns what has been
certified. Whether it signs then is for ``protocols.session.standing`` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog
import trio

from peerd.runner.library import MODEL, Library, too_slow
from peerd.runner.records import Records
from peerd.storage import Store
from peerd.storage.store import MODELS_KEPT
from protocols.record.certificate import CertifiedRound
from protocols.record.position import Position, check_chain
from protocols.record.setting import Setting
from protocols.session.standing import (
    SIGNS,
    after,
    remembers,
    restored_until,
    sat_out,
    sat_out_key,
    suspected_until,
)

log = structlog.get_logger(__name__)

SURVEY_SECONDS = 10.0
AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the session starts; the last round for which it must not sign, and the last one for
    which a quorum must first say that it knows of nothing; -1 for none.
    """

    position: Position
    sit_out: int
    suspect: int


class Survey:
    """Asks the connected peers for their heads, and catches up with the furthest that proves it."""

    def __init__(self, setting: Setting, store: Store, library: Library, records: Records) -> None:
        self._setting = setting
        self._store = store
        self._library = library
        self._records = records

    async def stand(
        self, position: Position, connected: Sequence[bytes], *, restored: bool = False
    ) -> Standing:
        """Raises nothing that a peer can cause: without an answer, the store's position stands.

        ``restored``: the operator says that the store is a backup.
        """
        start, known = position.round, SIGNS
        remembered = remembers(self._store.journal(start))
        heads = await self._heads(connected)
        for peer, head in sorted(heads.items(), key=lambda item: -item[1]):
            position, shown = await self._follow(peer, position, head)
            known = max(known, shown)
        reached = max(position.round, known + 1)
        sit_out = restored_until(reached) if restored else SIGNS
        if position.round < reached:  # certified, and by a model that nobody gives
            sit_out = max(sit_out, known)
        suspect = suspected_until(start, reached, remembered)
        if restored:
            log.warning("this store was restored: sitting out", until=sit_out)
        elif suspect != SIGNS:
            log.warning("this store is behind", rounds=reached - start, round=position.round)
        return Standing(position, sit_out, suspect)

    async def _heads(self, connected: Sequence[bytes]) -> dict[bytes, int]:
        heads: dict[bytes, int] = {}

        async def ask(peer: bytes) -> None:
            while (head := await self._library.head(peer)) is None:
                await trio.sleep(AGAIN_SECONDS)
            heads[peer] = head

        with trio.move_on_after(SURVEY_SECONDS):
            async with trio.open_nursery() as nursery:
                for peer in connected:
                    nursery.start_soon(ask, peer)
        return heads

    async def _follow(self, peer: bytes, position: Position, head: int) -> tuple[Position, int]:
        """As far as ``peer`` leads in time, and the last round that it shows to be certified: what
        was signed in one that is over is forgotten, whether or not anybody gives its model.
        """
        start, shown, begun = position.round, SIGNS, trio.current_time()
        while position.round <= head and not too_slow(begun, position.round - start):
            chain = await self._library.chain(peer, position.round, head)
            shown = max(shown, chain[-1].round) if chain else shown
            further = await self._further(peer, position, chain)
            if further is None:
                break
            position = further
        return position, shown

    async def _further(
        self, peer: bytes, position: Position, chain: list[CertifiedRound]
    ) -> Position | None:
        """An older model than the last may be all that ``peer`` has, and it says so at once: one
        that lets this peer wait for each would keep it out for hours.
        """
        size, begun = 4 * self._setting.parameters, trio.current_time()
        for count in range(len(chain), max(0, len(chain) - MODELS_KEPT), -1):
            data = await self._library.ask(peer, MODEL, chain[count - 1].round, size)
            if len(data) != size:
                if trio.current_time() - begun > SURVEY_SECONDS:
                    break
                continue
            model = np.frombuffer(data, dtype="<f4").astype(np.float32)
            return await trio.to_thread.run_sync(self._adopt, position, chain[:count], model)
        return None

    def _adopt(
        self, position: Position, chain: list[CertifiedRound], model: np.typing.NDArray[np.float32]
    ) -> Position | None:
        reason = check_chain(position, chain, model)
        if reason:
            log.warning("can't catch up with this", reason=reason)
            return None
        further = after(position, chain, model)
        last = sat_out(self._store.journal(position.round))
        if last >= further.round:  # first: a crash in between must not leave a head without it
            self._store.journal_put(further.round, sat_out_key(last), b"")
        self._records.adopted(chain, model)
        for certified in chain:
            self._store.journal_erase(certified.round)
        return further
