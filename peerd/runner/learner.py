"""What a round asks of the training worker: this peer's update, its reference and its counts."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import cast

import trio

from peerd.learning import Trainer
from peerd.runner.counting import KEPT, own_counts, packed, time_to_deal, unpacked
from peerd.storage import Store
from protocols.aggregation.contract import Encoded, Model, Reference, Referenced
from protocols.aggregation.evaluation import Counts
from protocols.privacy import ENTROPY_BYTES
from protocols.record.setting import Setting

Keep = Callable[[int, str, bytes], Awaitable[None]]
"""Puts an entry into a round's journal, unless that round is over."""


class Learner:
    def __init__(
        self, setting: Setting, me: int, trainer: Trainer, store: Store, keep: Keep
    ) -> None:
        self._setting = setting
        self._me = me
        self._trainer = trainer
        self._store = store
        self._keep = keep

    async def update(self, round_: int, model: Model) -> tuple[Encoded, Reference | None]:
        """What this peer deals in the round, as integers of the rule, and what it compares with."""
        until = trio.current_time() + time_to_deal(self._setting)
        with self._trainer.training_first():
            update = await self._trainer.update(round_, model)
            reference = await self._reference(round_, model)
        counts = await self.counts(round_, model, until)

        def encode() -> Encoded:
            fresh = secrets.token_bytes(ENTROPY_BYTES)
            return self._setting.encode(self._me, model, update, reference, counts, fresh)

        return await trio.to_thread.run_sync(encode), reference

    async def counts(self, round_: int, model: Model, until: float) -> Counts | None:
        """Once a round, and after a restart the same. ``until``: on trio's clock."""
        if self._setting.evaluation is None:
            return None
        journal = await trio.to_thread.run_sync(self._store.journal, round_)
        if KEPT in journal:
            return unpacked(journal[KEPT])
        found = await own_counts(self._trainer, self._setting, self._me, model, until=until)
        await self._keep(round_, KEPT, packed(found))
        return found

    async def _reference(self, round_: int, model: Model) -> Reference | None:
        """The round's public vector, if the rule compares with one: from the task's root data."""
        rule = self._setting.aggregator
        if not rule.uses_reference:
            return None
        step = await self._trainer.root_step(round_, model)
        return await trio.to_thread.run_sync(cast(Referenced, rule).reference, step)
