"""A round's update, and a rehearsal, where rows are protected: a real worker's sums, dealt."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import trio

from peerd.crypto import Sodium
from peerd.learning import Partition, Trainer, Training
from peerd.runner.learner import Learner
from peerd.runner.rehearsal import try_round, worker
from protocols.aggregation import aggregator, model_hash
from protocols.aggregation.contract import Model
from protocols.plan import plan_group
from protocols.record.deadlines import Deadlines
from protocols.record.setting import Setting

CONSTANTS: dict[str, int | str] = {"rate": "1/4", "rows": 40, "steps": 128, "lot": "10"}
TASK = "tests.unit.learning.private_tasks:Small"


def training(directory: Path) -> Training:
    return Training(TASK, "dp-sgd", directory, constants=CONSTANTS, partition=Partition())


def setting_for(model: Model) -> Setting:
    return Setting(
        b"g" * 32,
        tuple(bytes([index]) * 32 for index in range(4)),
        1,
        Fraction(0),
        plan_group(4, Fraction(1, 4)),
        aggregator("dp-sgd", CONSTANTS),
        model.size,
        model_hash(model),
        Deadlines(),
        Sodium(),
    )


@pytest.mark.trio
async def test_a_rehearsal_deals_a_real_batch(tmp_path: Path) -> None:
    async with worker(training(tmp_path)) as trainer:
        assert await trainer.rehearse(at_home=True) == ()
        first = await trainer.initial_model()
        found = await try_round(trainer, setting_for(first), first)
    assert found.dealing > 0 and found.checking > 0 and trainer.trainings == 1


@pytest.mark.trio
async def test_what_is_dealt_is_another_sample_each_time(tmp_path: Path) -> None:
    trainer = Trainer(training(tmp_path))
    dealt = []
    async with trio.open_nursery() as nursery:
        await nursery.start(trainer.run)
        first = await trainer.initial_model()
        setting = setting_for(first)
        nothing = cast(Any, None)
        learner = Learner(setting, 0, trainer, nothing, nothing)
        for _ in range(2):
            values, reference = await learner.update(0, first)
            assert values.dtype == np.int64 and reference is None
            dealt.append(values[: first.size])
        nursery.cancel_scope.cancel()
    assert not np.array_equal(*dealt)
    for vector in dealt:
        assert 0 < int((vector**2).sum()) <= (40 * 128) ** 2
