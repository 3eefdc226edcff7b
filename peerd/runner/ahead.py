"""The core's answer to an event, with all of it on disk that must be there before the rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import trio

from peerd.runner.counting import opened_group
from peerd.runner.operators import stays
from peerd.runner.operators.approvals import keep_approval
from peerd.runner.operators.drain import Drain
from peerd.runner.records import Records
from peerd.runner.turn import Turn
from peerd.storage import Store
from protocols.record.effects import (
    Adopted,
    Completed,
    Effect,
    Erase,
    Keep,
    Persist,
    Staying,
    Step,
)
from protocols.record.setting import Setting
from protocols.session.events import Peer

LASTING = (Persist, Keep, Completed, Adopted, Erase, Staying)
"""What is written to disk."""
SHORT_ROUND = 1 << 20
"""Bytes that all dealers send one member, up to which the core's steps are so short (some 20 ms at
20 peers and 10^5 parameters) that the event loop makes them itself: to hand a step to a thread, and
to come back, takes as long as most of them.
"""

Act = Callable[[Peer], list[Step]]


class WriteAhead:
    """The disk is never waited for in the event loop, and the core only where it is quick.

    ``groups``: what a completed round opened of the group's counts, by round, until it is taken.
    """

    def __init__(
        self, setting: Setting, session: Peer, store: Store, records: Records, drain: Drain
    ) -> None:
        self.groups: dict[int, dict[str, Any] | None] = {}
        self._setting = setting
        self._session = session
        self._store = store
        self._records = records
        self._drain = drain
        self._is_short = setting.peers * setting.dealing_bytes <= SHORT_ROUND

    async def act(self, act: Act, turn: Turn, *, in_thread: bool) -> list[Effect]:
        """What is left to carry out, in its order. Whoever calls has the turn."""
        if in_thread or not self._is_short:
            return await turn.in_thread(self._decide_and_write, act)
        effects = self._decide(act)
        with trio.CancelScope(shield=True):  # the core has gone on: so must what it calls for
            if any(isinstance(effect, LASTING) for effect in effects):
                await turn.in_thread(self._write, effects)
            else:
                await trio.lowlevel.checkpoint()  # a flood of frames leaves others their time
        return effects

    def _decide_and_write(self, act: Act) -> list[Effect]:
        effects = self._decide(act)
        self._write(effects)
        return effects

    def _decide(self, act: Act) -> list[Effect]:
        steps = self._drain.admit(act(self._session))
        return list(itertools.chain.from_iterable(steps))

    def _write(self, effects: Iterable[Effect]) -> None:
        """Entries of the journal together, as far as nothing else comes between them."""
        pending: dict[int, dict[str, bytes]] = {}
        for effect in effects:
            if isinstance(effect, Persist):
                pending.setdefault(effect.round, {})[effect.key] = effect.value
            elif isinstance(effect, Keep):
                number = self._session.position.round
                keep_approval(self._store, self._setting.group, effect.approval, number)
            elif isinstance(effect, Completed):
                self._flush(pending)
                self._records.completed(effect)
                group = opened_group(self._setting, effect.polynomials, effect.dealers)
                self.groups[effect.round] = group
            elif isinstance(effect, Adopted):
                self._flush(pending)
                guilty = self._session.position.ledger.guilty
                self._records.adopted(self._setting, effect.rounds, effect.model, guilty)
            elif isinstance(effect, Staying) and effect.lasts:
                stays.keep(self._store, effect.since)
            elif isinstance(effect, Erase):
                self._flush(pending)
                self._store.journal_erase(effect.round, effect.keys)
        self._flush(pending)

    def _flush(self, pending: dict[int, dict[str, bytes]]) -> None:
        for round_, entries in pending.items():
            self._store.journal_put_many(round_, entries)
        pending.clear()
