"""The group's own evaluation as a daemon shows it, and the best model by it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import trio
import trio.testing

from peerd.learning.trained import Found
from peerd.runner.counting import (
    KEPT,
    opened_group,
    own_counts,
    packed,
    rows_warnings,
    time_to_deal,
    unpacked,
)
from peerd.runner.driver import Driver
from peerd.runner.learner import Learner
from peerd.runner.records import Records
from peerd.runner.turn import Turn
from peerd.storage import Store
from peerd.storage.keeping import MODELS_KEPT
from protocols.aggregation.evaluation import Counts, Evaluation
from protocols.record.deadlines import Deadlines
from tests.simulation.swarm import FOUR, setting_of, swarm

GROUP = Evaluation((60, 70, 80, 0), classes=2, loss_bits=8)
MODEL = np.zeros(7, np.float32)


def test_what_is_shown_is_what_was_opened() -> None:
    world = swarm(FOUR, 1, evaluation=GROUP)
    world.counts = lambda peer, round_: (
        Counts(1, GROUP.rows[peer], 30 + peer, (20, 10), (15, 9), 16) if peer < 3 else None
    )
    world.run()
    record = world.nodes[0].completed[0]
    assert opened_group(world.setting, record.polynomials, record.dealers) == {
        "rows": 210,
        "sites": 3,
        "accuracy": 93 / 210,
        "within": 80 / 210,  # what the one liar may say at most
        "loss": 1.03125,
        "classes": [{"rows": 60, "right": 45}, {"rows": 30, "right": 27}],
    }


def test_nothing_is_shown_where_nobody_took_part_or_nothing_was_opened() -> None:
    world = swarm(FOUR, 1, evaluation=GROUP)
    world.counts = lambda peer, round_: None
    world.run()
    record = world.nodes[0].completed[0]
    assert opened_group(world.setting, record.polynomials, record.dealers) is None
    assert opened_group(world.setting, b"", ()) is None
    assert opened_group(setting_of(FOUR, 1), record.polynomials, record.dealers) is None


class Worker:
    """A trainer whose worker finds ``found`` of the held-out rows, or never answers."""

    def __init__(self, found: Found | str | None) -> None:
        self.found = found

    async def count(self, model: Any, rows: int = 0, classes: int = 0) -> Found | None:
        if self.found == "hangs":
            await trio.sleep_forever()
        assert not isinstance(self.found, str)
        return self.found


def counts(worker: Worker, me: int) -> Counts | None:
    setting = setting_of(FOUR, 1, evaluation=GROUP, deadlines=Deadlines(deal=400))
    return trio.run(own_counts, worker, setting, me, MODEL)


def test_a_site_counts_what_its_worker_finds() -> None:
    found = Found(60, True, 2, False, True, 40, [30, 20], [20, 10], 0.5)
    assert counts(Worker(found), 0) == Counts(1, 60, 40, (30, 20), (20, 10), 8)
    assert counts(Worker(found), 3) is None  # the genesis counts none of its rows
    assert counts(Worker(Found(50, True, 2)), 0) is None
    assert counts(Worker(None), 0) is None


def test_a_count_that_never_ends_leaves_this_site_out_and_holds_nothing_up() -> None:
    assert counts(Worker("hangs"), 0) is None


def test_a_count_takes_no_more_time_than_the_update_has_left() -> None:
    """Training may have taken all of what the deadline for dealings follows from."""
    setting = setting_of(FOUR, 1, evaluation=GROUP, deadlines=Deadlines(deal=400_000))

    async def counted(left: float) -> float:
        began = trio.current_time()
        worker: Any = Worker("hangs")
        assert await own_counts(worker, setting, 0, MODEL, until=began + left) is None
        return trio.current_time() - began

    clock = trio.testing.MockClock(autojump_threshold=0)
    for left, taken in ((7.0, 7.0), (-1.0, 0.0), (1000.0, 100.0)):
        assert trio.run(counted, left, clock=clock) == pytest.approx(taken)


@pytest.mark.trio
@pytest.mark.parametrize("found", [Counts(1, 60, 40, (30, 20), (20, 10), 8), None])
async def test_a_round_is_counted_once_whatever_a_restart_finds(
    tmp_path: Path, found: Counts | None
) -> None:
    """Another v would be no dealing to the header that is signed; and a late count is not kept."""
    other = Found(60, True, 2, False, True, 41, [30, 20], [20, 11], 0.5)
    with Store.open(tmp_path / "data") as store:
        store.journal_put(3, KEPT, packed(found))
        setting = setting_of(FOUR, 1, evaluation=GROUP)

        async def keep(round_: int, key: str, value: bytes) -> None:
            if round_ == 4:  # the present one
                store.journal_put(round_, key, value)

        learner = Learner(setting, 0, cast(Any, Worker(other)), store, keep)
        until = trio.current_time() + time_to_deal(setting)
        assert await learner.counts(3, MODEL, until) == found
        fresh = await learner.counts(4, MODEL, until)
        assert fresh is not None and fresh.right == 41
        assert unpacked(store.journal(4)[KEPT]) == fresh
        await learner.counts(5, MODEL, until)
        assert not store.journal(5)


@pytest.mark.trio
async def test_a_journal_takes_nothing_of_a_round_that_is_over(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        driver = object.__new__(Driver)
        driver._store, driver._turn = store, Turn()
        driver._session = cast(Any, SimpleNamespace(position=SimpleNamespace(round=4)))
        for round_ in (3, 4, 5):
            await driver._keep(round_, "counts", b"{}")
        assert [bool(store.journal(round_)) for round_ in (3, 4, 5)] == [False, True, False]


def test_a_dealing_must_leave_before_its_deadline() -> None:
    """What the default deadlines follow from: Δ = 1 s, 18 s of training."""
    assert time_to_deal(setting_of(FOUR, 1, deadlines=Deadlines())) == 18


def test_a_member_is_told_before_it_signs_that_its_rows_will_not_be_counted() -> None:
    setting = setting_of(FOUR, 1, evaluation=GROUP)

    def said(found: Found | None, me: int = 1) -> tuple[str, ...]:
        return trio.run(rows_warnings, Worker(found), setting, me, MODEL)

    (line,) = said(Found(40, True, 2))
    assert "counts 70 held-out rows of this member, and 40 are held out here" in line
    assert said(Found(70, True, 2)) == said(Found(71, True, 2)) == ()
    assert said(Found(0, True, 2), me=3) == ()
    assert "and 0 are held out here" in said(None)[0]


# -- the best model ------------------------------------------------------------------------------


def measured(records: Records, store: Store, round_: int, accuracy: float) -> Any:
    store.put_model(round_, np.full(3, round_, np.float32))
    return records.measured(round_, {"accuracy": accuracy, "within": 0.05, "rows": 100})


def test_the_best_is_the_latest_of_those_that_liars_may_have_told_apart(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        records = Records(store, [])
        assert measured(records, store, 0, 0.9) is None  # the first model is no round's
        seen = [0.5, 0.8, 0.78, 0.74, 0.76, 0.7]
        found = [measured(records, store, n, each)["round"] for n, each in enumerate(seen, 1)]
        assert found == [0, 1, 2, 2, 4, 4]  # 0.76 is within 0.05 of 0.8; 0.74 is not
        assert store.best()["highest"] == 0.8
        assert records.measured(9, None) == store.best()
        assert records.measured(9, {"accuracy": None, "within": None, "rows": 5}) == store.best()


def test_it_is_kept_when_others_of_its_age_are_not(tmp_path: Path) -> None:
    with Store.open(tmp_path / "data") as store:
        records = Records(store, [])
        for round_ in range(MODELS_KEPT + 6):
            measured(records, store, round_, 0.9 if round_ == 3 else 0.1)
            store.prune()
        assert store.best()["round"] == 2
        assert store.model(2) is not None
        assert store.model(3) is None and store.model(1) is None
    with Store.open(tmp_path / "data") as store:
        assert store.model(2) is not None


def test_a_crash_after_the_certificate_loses_no_measurement(tmp_path: Path) -> None:
    """What the group counted is still told, and the best model with it, at the next start."""
    world = swarm(FOUR, 1, rounds=3, evaluation=GROUP)
    world.counts = lambda peer, round_: (
        Counts(1, GROUP.rows[peer], 30, (20, 10), (15, 9), 16) if peer < 3 else None
    )
    world.run()
    with Store.open(tmp_path / "data") as store:
        for round_ in range(3):
            Records(store, world.setting.roster).completed(world.nodes[0].completed[round_])
        assert store.best() is None
        Records(store, world.setting.roster).fill(world.setting)
        assert [each["group"]["sites"] for each in store.rounds()] == [3, 3, 3]
        best = store.best()
        assert best is not None and best["round"] == 1
