"""What is alarming, and what follows: as configured, on record, and never more."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from peerd.config_control import AlarmsConfig
from peerd.errors import StorageError
from peerd.group import load
from peerd.learning.trained import Evaluation
from peerd.runner.operators.alarm import Alarm, Means, suspects
from peerd.runner.operators.anomalies import LEAST, Usual, score
from peerd.sealing import KeySource
from peerd.status import StatusBoard
from peerd.storage import Store
from peerd.trail import Actor, Factor
from protocols.record.certificate import Close
from protocols.session.events import Refused, Stay
from tests.unit.group.successions import MEMBERS, group

IDS = [each.peer_id for each in MEMBERS]
STEADY = [1.0, 1.02, 0.97, 1.01, 0.99, 1.03, 0.98, 1.0, 1.01, 0.99]


# -- the score -------------------------------------------------------------------------------------


def test_too_few_rounds_are_no_measure() -> None:
    assert score(STEADY[: LEAST - 1], 1e9) is None
    assert score([], 1.0) is None


def test_what_is_usual_scores_little_and_what_is_not_much() -> None:
    for value in STEADY:
        assert (found := score(STEADY, value)) is not None and abs(found) < 2
    assert (found := score(STEADY, 2.0)) is not None and found > 8
    assert (found := score(STEADY, 0.1)) is not None and found < -8  # a small sum is no alarm


def test_half_of_the_rounds_may_be_wrong_and_the_usual_stays() -> None:
    spoilt = [1.0, 50.0, 1.01, 60.0, 0.99, 55.0, 1.02, 1.0, 0.98]
    assert (found := score(spoilt, 50.0)) is not None and found > 8


def test_what_is_constant_is_not_alarmed_by_its_last_digits() -> None:
    assert (found := score([5.0] * LEAST, 5.05)) is not None and found < 1
    assert (found := score([0.0] * LEAST, 0.0)) == 0.0
    assert (found := score([5.0] * LEAST, 10.0)) is not None and found >= 50


@given(st.lists(st.floats(0, 1e6), min_size=LEAST, max_size=50), st.floats(0, 1e6))
def test_a_score_is_a_number_and_grows_with_the_value(before: list[float], value: float) -> None:
    one, two = score(before, value), score(before, value * 2 + 1)
    assert one is not None and two is not None
    assert math.isfinite(one) and one < two


def test_it_is_kept_over_a_restart_and_not_over_a_handover(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        for value in STEADY:
            Usual(store, "norm", b"a").judge(value, 20)
        assert (found := Usual(store, "norm", b"a").judge(9.0, 20)) is not None and found > 8
        assert Usual(store, "norm", b"b").judge(9.0, 20) is None
        for value in STEADY * 3:
            Usual(store, "loss", b"a").judge(value, 10)
        assert len(json.loads(store.meta("usual loss") or b"")["values"]) == 10


def test_what_is_no_number_is_an_alarm_and_not_usual_afterwards(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        usual = Usual(store, "norm", b"a")
        for value in STEADY:
            usual.judge(value, 20)
        assert usual.judge(math.nan, 20) == math.inf
        assert (found := usual.judge(1.0, 20)) is not None and found < 2


# -- what follows ----------------------------------------------------------------------------------


class World:
    """A daemon. ``refuses``: its session does not pause."""

    def __init__(self, store: Store, folder: Path, **alarms: Any) -> None:
        self.store = store
        self.folder = folder
        self.refuses = self.full = False
        self.counted: list[str] = []
        self.did: list[object] = []
        self.board = StatusBoard()
        config: Any = SimpleNamespace(alarms=AlarmsConfig(**alarms), data=folder)
        means = Means(self.counted.append, self.note, self.order)
        there = group(), MEMBERS[0].public, store, self.board
        self.alarm = Alarm(*there, lambda: config, means)
        self.round = 0

    async def note(self, act: str, actor: Actor, **arguments: Any) -> None:
        if self.full:
            raise StorageError("no space left on device")
        self.did.append((act, actor.factor, arguments["about"]))

    async def order(self, stay: Stay) -> None:
        if self.refuses:
            raise Refused("this daemon is about to stop")
        self.did.append(stay)

    def moves(self, *lengths: float, dealers: list[str] = IDS, close: Close = Close.OPENED) -> None:
        """Rounds whose sums move the model so far."""
        for length in lengths:
            before = self.store.model(self.round - 1) if self.round else None
            model = np.zeros(24, np.float32) if before is None else before.copy()
            model[self.round % 24] += length
            self.store.put_model(self.round, model)
            self.store.put_round(self.round, {"round": self.round, "dealers": dealers})
            effect: Any = SimpleNamespace(round=self.round, model=model, close=close)
            trio.run(self.alarm.completed, effect)
            self.round += 1

    def warnings(self) -> str:
        return "\n".join(map(str, self.board.snapshot().get("warnings", [])))  # type: ignore[call-overload]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "data") as found:
        yield found


def begun(store: Store, tmp_path: Path, **alarms: Any) -> World:
    found = World(store, tmp_path, **alarms)
    found.moves(1.0, *STEADY)
    assert found.counted == [] and found.did == [] and found.warnings() == ""
    return found


def test_usual_rounds_ring_nothing(store: Store, tmp_path: Path) -> None:
    begun(store, tmp_path, on_norm="pause").moves(*STEADY, *STEADY)


def test_an_alarm_that_is_logged_is_counted_and_no_warning(store: Store, tmp_path: Path) -> None:
    world = begun(store, tmp_path, on_norm="log")
    world.moves(40.0)
    assert world.counted == ["norm"] and world.did == [] and world.warnings() == ""
    (event,) = world.board.recent("alarm")
    assert event["about"] == "norm" and "moved the model by 40" in str(event["text"])


def test_one_that_alerts_warns_until_the_next_start(store: Store, tmp_path: Path) -> None:
    world = begun(store, tmp_path, on_norm="alert")
    world.moves(40.0, *STEADY)
    assert world.counted == ["norm"] and world.did == []
    assert world.warnings().startswith("alarm (norm), round 11: the opened sum moved")


def test_one_that_pauses_is_on_record_first_and_by_the_alarm(store: Store, tmp_path: Path) -> None:
    world = begun(store, tmp_path, on_norm="pause")
    world.moves(40.0)
    assert world.did == [("pause", Factor.ALARM, "norm"), Stay()]
    assert "this peer pauses; 'peerd resume' ends it" in world.warnings()


def test_what_can_not_be_on_record_is_not_done(store: Store, tmp_path: Path) -> None:
    world = begun(store, tmp_path, on_norm="pause")
    world.full = True
    world.moves(40.0)
    assert world.did == [] and "not paused: no space left" in world.warnings()


def test_a_session_that_does_not_pause_is_told(store: Store, tmp_path: Path) -> None:
    world = begun(store, tmp_path, on_norm="pause")
    world.refuses = True
    world.moves(40.0)
    assert "not paused: this daemon is about to stop" in world.warnings()


def test_a_round_that_opens_nothing_is_no_measure(store: Store, tmp_path: Path) -> None:
    world = begun(store, tmp_path, on_norm="pause")
    world.moves(40.0, close=Close.PAUSED)
    assert world.counted == []


def test_a_model_that_is_not_kept_is_no_alarm(store: Store, tmp_path: Path) -> None:
    world = begun(store, tmp_path, on_norm="pause")
    world.round += 5
    world.moves(40.0)
    assert world.counted == []


def test_the_loss_rings_as_it_jumps_up(store: Store, tmp_path: Path) -> None:
    world = World(store, tmp_path, on_loss="alert")
    for round_, value in enumerate([2.0, 1.5, 1.2, 1.0, 0.9, 0.85, 0.8, 0.78, 0.77, 0.76, 0.75]):
        trio.run(world.alarm.evaluated, round_, Evaluation(0.5, value))
    assert world.counted == []
    trio.run(world.alarm.evaluated, 11, Evaluation(0.1, 9.0))
    assert world.counted == ["loss"] and "the model's loss here is 9" in world.warnings()
    trio.run(world.alarm.evaluated, 12, Evaluation(None, None))  # the evaluation failed
    assert world.counted == ["loss"]


def test_without_a_loss_errors_count(store: Store, tmp_path: Path) -> None:
    world = World(store, tmp_path, on_loss="alert")
    for round_ in range(LEAST):
        trio.run(world.alarm.evaluated, round_, Evaluation(0.9, None))
    trio.run(world.alarm.evaluated, LEAST, Evaluation(0.2, None))
    assert world.counted == ["loss"]


def test_a_value_that_was_changed_on_the_disk_rings(store: Store, tmp_path: Path) -> None:
    world = begun(store, tmp_path, on_storage="pause")
    store.vault.refused += 2
    world.moves(1.0, 1.0)
    assert world.counted == ["storage"] and "2 values on the disk were changed" in world.warnings()
    assert world.did[0] == ("pause", Factor.ALARM, "storage")


def test_a_changed_file_of_an_encrypted_store_is_counted(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text("5f" * 32)
    with Store.open(tmp_path / "data", source=KeySource(f"file:{key}")) as store:
        store.put_model(0, np.ones(24, np.float32))
        (blob,) = (tmp_path / "data" / "blobs").glob("??/*")
        data = bytearray(blob.read_bytes())
        data[-1] ^= 1
        blob.write_bytes(data)
        assert store.vault.refused == 0
        assert store.model(0) is None and store.vault.refused == 1


def test_whoever_accounts_for_the_budget_rings_it(store: Store, tmp_path: Path) -> None:
    world = World(store, tmp_path)
    trio.run(world.alarm.spent, 7, 0.9)
    assert "round 7: 90% of the privacy budget is spent" in world.warnings()


# -- drafts ----------------------------------------------------------------------------------------


def test_a_draft_leaves_out_who_dealt_in_that_round_alone(store: Store, tmp_path: Path) -> None:
    world = World(store, tmp_path, on_norm="draft")
    world.moves(1.0, *STEADY, dealers=IDS[:4])
    world.moves(40.0, dealers=IDS)
    path = tmp_path / "alarm-draft-11.json"
    found = load(path)
    assert found.signatures == {} and found.follows is not None
    assert found.follows.leaving == (MEMBERS[4].public,)
    assert f"{path} is a draft without 1 of the members" in world.warnings()
    assert Stay() in world.did  # it pauses, too
    before = path.read_bytes()
    assert suspects(store, group(), MEMBERS[0].public, 11, 20) == [MEMBERS[4].public]
    assert suspects(store, group(), MEMBERS[4].public, 11, 20) == []  # never oneself
    assert path.read_bytes() == before


def test_where_nobody_stands_out_there_is_no_draft(store: Store, tmp_path: Path) -> None:
    world = begun(store, tmp_path, on_norm="draft")
    world.moves(40.0)
    assert "no draft: nobody stands out" in world.warnings()
    assert not list(tmp_path.glob("alarm-draft*"))


def test_a_group_that_would_be_too_small_is_not_drafted(store: Store, tmp_path: Path) -> None:
    world = World(store, tmp_path, on_norm="draft")
    world.moves(1.0, *STEADY, dealers=IDS[:1])
    world.moves(40.0, dealers=IDS)
    assert "no draft: " in world.warnings() and not list(tmp_path.glob("alarm-draft*"))
