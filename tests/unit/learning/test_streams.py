"""Rows that are not in memory: datasets and loaders in training, rehearsal and evaluation."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trio
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from peerd.errors import TaskError
from peerd.learning import Trainer, Training, streams
from peerd.learning.client import Client
from peerd.learning.inspection import inspect, inspect_held_out
from peerd.learning.settings import Partition
from peerd.learning.task import Samples, Task
from protocols.aggregation import LocalRule, aggregator
from tests.patience import HANG

STEPS = LocalRule(steps=5, batch=4, rate=0.1, penalty=0.0, keeps_local_model=False)
INPUTS, TARGETS = torch.linspace(-1, 1, 40).reshape(10, 4), torch.arange(10) % 2
CLIPPING = aggregator("weighted-mean", {"batch": 4})


class Items(Dataset[Any]):
    """Rows by number; counts how many are held at once."""

    def __init__(self, change: Callable[[int], Any] | None = None) -> None:
        self.change = change
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(INPUTS)

    def __getitem__(self, row: int) -> Any:
        self.asked.append(row)
        found = self.change(row) if self.change else None
        return (INPUTS[row], TARGETS[row]) if found is None else found


class Stream(IterableDataset[Any]):
    def __init__(self, items: Any) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return (self.items[row] for row in range(len(self.items)))


class Streaming(Task):
    given: Any = None
    kept: Any = None

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))

    def data(self, partition: Partition) -> Any:
        return self.given

    def held_out(self) -> Any:
        return Samples(INPUTS, TARGETS) if self.kept is None else self.kept


def client(given: Any, kept: Any = None) -> Client:
    task = type("Made", (Streaming,), {"given": given, "kept": kept})({}, {})
    return Client(task, Partition(), 1, 2)


def rehearsed(given: Any, kept: Any = None) -> list[str]:
    made = client(given, kept)
    lines = [*inspect(made, made.task, CLIPPING), *inspect_held_out(made)]
    return [*lines, *made.evaluate(made.first_model).warnings]


def update(given: Any, round: int = 3) -> np.ndarray:
    made = client(given)
    return made.train(STEPS, round, made.first_model, None).update


# --- what a step takes ---------------------------------------------------------------------------


def test_a_map_style_set_learns_what_samples_would() -> None:
    """Tensors, or anything that torch's collate makes the same of."""
    samples = update(Samples(INPUTS, TARGETS))
    assert np.array_equal(update(Items()), samples)
    assert np.array_equal(update(TensorDataset(INPUTS, TARGETS)), samples)
    plain = Items(lambda row: [INPUTS[row].numpy(), int(TARGETS[row])])
    assert np.array_equal(update(plain), samples)
    assert not np.array_equal(update(Items(), round=4), samples)


def test_a_step_asks_for_no_more_rows_than_its_batch() -> None:
    items = Items()
    update(items)
    assert len(items.asked) == STEPS.steps * STEPS.batch


@pytest.mark.parametrize("kind", ["iterable", "loader"])
def test_a_stream_s_batches_are_taken_as_they_come_and_begin_again(kind: str) -> None:
    source = Stream(Items()) if kind == "iterable" else DataLoader(Items(), batch_size=4)
    rows = streams.rows_of(source, "data()")
    taken = [rows.minibatch(4, torch.Generator()) for _ in range(5)]
    starts = [0, 4, 8, 0, 4]
    for found, start in zip(taken, starts, strict=True):
        assert torch.equal(found.inputs, INPUTS[start : start + 4])
        assert torch.equal(found.targets, TARGETS[start : start + 4])


def test_a_loader_s_own_batches_hold_whatever_the_rule_says() -> None:
    rows = streams.rows_of(DataLoader(Items(), batch_size=3), "data()")
    assert len(rows.minibatch(4, torch.Generator())) == 3
    batches = [(INPUTS[:5], TARGETS[:5]), (INPUTS[5:], TARGETS[5:])]
    whole = DataLoader(Stream(batches), batch_size=None)
    assert len(streams.rows_of(whole, "data()").minibatch(4, torch.Generator())) == 5
    assert not rehearsed(whole, whole)


def test_a_stream_goes_on_where_the_last_round_ended() -> None:
    seen: list[int] = []
    made = client(Stream(Items(seen.append)))
    made.train(LocalRule(1, 4, 0.1, 0.0, False), 0, made.first_model, None)
    made.train(LocalRule(1, 4, 0.1, 0.0, False), 1, made.first_model, None)
    assert seen == list(range(8))


def test_a_shuffled_loader_is_seeded_by_peer_and_round() -> None:
    def shuffled(round: int) -> np.ndarray:
        return update(DataLoader(Items(), batch_size=4, shuffle=True), round)

    assert np.array_equal(shuffled(1), shuffled(1)) and not np.array_equal(shuffled(1), shuffled(2))


@pytest.mark.parametrize("kind", ["map", "iterable", "loader"])
def test_all_of_it_is_evaluated(kind: str) -> None:
    made = {
        "map": Items(),
        "iterable": Stream(Items()),
        "loader": DataLoader(Items(), batch_size=3),
    }[kind]
    one, other = client(Items()), client(Items(), made)
    expected, found = one.evaluate(one.first_model), other.evaluate(one.first_model)
    assert found.accuracy == pytest.approx(expected.accuracy, abs=1e-12)
    assert found.loss == pytest.approx(expected.loss, abs=1e-6)
    assert not found.warnings and not expected.warnings


def test_no_more_than_a_chunk_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CHUNK_BYTES", 3 * (16 + 8))
    chunks = streams.rows_of(Items(), "data()").chunks(4096)
    assert [len(chunk) for chunk in chunks] == [3, 3, 3, 1]


# --- the rehearsal --------------------------------------------------------------------------------


class Endless(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        while True:
            yield INPUTS[0], 1


def test_what_has_no_end_is_looked_at_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMED", 12)
    lines = rehearsed(Endless(), Endless())
    assert lines == [
        "data() has more rows than 12: the rehearsal looked no further",
        "held_out() has more rows than 12: an evaluation goes no further",
    ]


def kinds(change: Callable[[int], Any]) -> list[Any]:
    items = Items(change)
    return [items, Stream(items), DataLoader(items, batch_size=4)]


def at(row: int, item: Any) -> Callable[[int], Any]:
    return lambda number: item if number == row else None


def raises(row: int) -> Any:
    if row == 7:
        raise ValueError("cell 'x'")
    return None


ONE = torch.tensor(1)
FAULTS: dict[str, tuple[Callable[[int], Any], str]] = {
    "nan": (
        at(9, (torch.tensor([0, float("nan"), 0, 0]), ONE)),
        r"data\(\): inputs are nan or infinite in 1 of 10 rows, counted from 0: column 1",
    ),
    "label": (
        at(9, (INPUTS[0], torch.tensor(5))),
        r"data\(\): 1 of 10 rows have a label out of range \(label 5\); the model has 2 outputs",
    ),
    "negative label": (at(8, (INPUTS[0], torch.tensor(-1))), r"label out of range \(label -1\)"),
    "three": (
        at(5, (INPUTS[0], 1, 2)),
        r"data\(\) gave a tuple of 3 as item|of equal size \(collate\.py:\d+\)",
    ),
    "one": (lambda row: (INPUTS[row],), r"data\(\) gave a (tuple|list) of 1 as (item|batch)"),
    "no pair": (lambda row: INPUTS[row], r"data\(\) gave a Tensor as (item|batch)"),
    "a dictionary": (lambda row: {"x": INPUTS[row]}, r"data\(\) gave a dict as (item|batch)"),
    "words": (lambda row: ("a", 1), r"data\(\) gave inputs that are a (tuple|list), and no tensor"),
    "shapes": (
        at(6, (torch.zeros(3), ONE)),
        "make no batch: stack expects|RuntimeError: stack expects",
    ),
    "nothing": (at(6, (None, 1)), "NoneType"),
    "raises": (raises, r"ValueError: cell 'x' \(test_streams\.py:\d+\)"),
    "exits": (lambda row: sys.exit(3), "SystemExit"),
    "another width": (
        lambda row: (torch.zeros(5), 1),
        r"the model failed on the inputs of data\(\)",
    ),
}


@pytest.mark.parametrize("place", range(3), ids=["map", "iterable", "loader"])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_can_t_train_is_named_before_it_trains(fault: str, place: int) -> None:
    change, said = FAULTS[fault]
    with pytest.raises(TaskError, match=said):
        rehearsed(kinds(change)[place])


class NoLength(Dataset[Any]):
    def __getitem__(self, row: int) -> Any:
        return INPUTS[row], TARGETS[row]


class Once(IterableDataset[Any]):
    """A generator that is kept: it ends once and for all."""

    def __init__(self) -> None:
        self.items = iter(zip(INPUTS, TARGETS, strict=True))

    def __iter__(self) -> Iterator[Any]:
        return self.items


class Empty(Items):
    def __len__(self) -> int:
        return 0


EMPTY = "gives no row: there is nothing to learn from"
NO_ROWS: dict[str, tuple[Callable[[], Any], str]] = {
    "map": (Empty, EMPTY),
    "iterable": (lambda: Stream(Empty()), EMPTY),
    "loader": (lambda: DataLoader(Stream(Empty()), batch_size=4), EMPTY),
    "an empty batch": (
        lambda: DataLoader(Stream([(INPUTS[:0], TARGETS[:0])]), batch_size=None),
        "there is no sample to learn from: 0 rows",
    ),
    "dropped": (lambda: DataLoader(Items(), batch_size=64, drop_last=True), EMPTY),
    "once": (Once, "gives no row when it is gone through once more"),
    "no length": (NoLength, r"gave a NoLength without a length; give it a __len__"),
    "a list": (lambda: [(INPUTS[0], 1)], "gave a list; give a peerd.learning.Samples, or torch's"),
    "no rows": (
        lambda: DataLoader(Stream([(torch.tensor(1.0), torch.tensor(1))]), batch_size=None),
        "gave a batch of inputs without a dimension of rows",
    ),
}


@pytest.mark.parametrize("kind", NO_ROWS)
def test_what_has_no_rows_is_named(kind: str) -> None:
    make, said = NO_ROWS[kind]
    with pytest.raises(TaskError, match=said):
        rehearsed(make())


@pytest.mark.parametrize("kind", NO_ROWS)
def test_no_held_out_rows_are_a_warning(kind: str) -> None:
    make, said = NO_ROWS[kind]
    (line,) = rehearsed(Items(), make())
    assert line.startswith("accuracy and loss are unknown: held_out() failed: ")
    assert re.search(said, line)


def test_an_evaluation_does_not_quote_what_a_dataset_says() -> None:
    made = client(Items(), DataLoader(Items(raises), batch_size=4))
    (line,) = made.evaluate(made.first_model).warnings
    assert "cell" not in line and "ValueError (test_streams.py:" in line


def test_root_data_and_laboratory_need_samples() -> None:
    made = client(Items(), Stream(Items()))
    for ask in (lambda: made.samples, lambda: made.held_out):
        with pytest.raises(TaskError, match="streams, and here all rows are needed at once"):
            ask()


# --- a loader's own processes ---------------------------------------------------------------------


@pytest.mark.parametrize("persistent", [False, True])
def test_a_loader_may_have_processes(persistent: bool) -> None:
    def loader(change: Callable[[int], Any] | None = None) -> DataLoader[Any]:
        return DataLoader(Items(change), batch_size=4, num_workers=2, persistent_workers=persistent)

    assert not rehearsed(loader(), loader())
    assert np.array_equal(update(loader()), update(DataLoader(Items(), batch_size=4)))
    with pytest.raises(
        TaskError, match=r"ValueError: cell 'x' \(test_streams\.py:\d+\)$|\); every"
    ):
        rehearsed(loader(raises))
    made = client(Items(), loader(raises))
    (line,) = made.evaluate(made.first_model).warnings
    assert "cell" not in line and "ValueError (test_streams.py:" in line


@pytest.mark.trio
async def test_a_worker_whose_loader_has_processes_is_missed_when_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold none of its pipes: the daemon would wait for an answer until they end too."""
    (tmp_path / "loading.py").write_text(LOADING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    training = Training("loading:Loading", "weighted-mean", tmp_path / "training")
    trainer = Trainer(training, tries=1)
    async with trio.open_nursery() as nursery:
        with trio.fail_after(HANG):
            await nursery.start(trainer.run)
            model = await trainer.initial_model()
            assert np.isfinite(await trainer.update(0, model)).all()
            nursery.start_soon(_kill_in_a_step, trainer, tmp_path / "slow")
            with pytest.raises(TaskError, match="killed"):
                await trainer.update(1, model)
        nursery.cancel_scope.cancel()
    (tmp_path / "slow").unlink()


async def _kill_in_a_step(trainer: Trainer, slow: Path) -> None:
    slow.touch()
    while not slow.with_suffix(".seen").exists():
        await trio.sleep(0.05)
    assert trainer.process_id is not None
    os.kill(trainer.process_id, signal.SIGKILL)


LOADING = """
import pathlib, time, torch
from torch.utils.data import DataLoader, TensorDataset
from peerd.learning import Samples, Task

class Slow(TensorDataset):
    def __getitem__(self, row):
        slow = pathlib.Path(__file__).with_name("slow")
        if slow.exists():
            slow.with_suffix(".seen").touch()
            while slow.exists():  # until the test ends: the worker's own end does not wake it
                time.sleep(0.1)
        return super().__getitem__(row)

class Loading(Task):
    def model(self):
        return torch.nn.Linear(4, 2)

    def data(self, partition):
        rows = Slow(torch.linspace(-1, 1, 256).reshape(64, 4), torch.arange(64) % 2)
        return DataLoader(rows, batch_size=2, num_workers=2)

    def held_out(self):
        return Samples(torch.ones(2, 4), torch.ones(2, dtype=torch.long))
"""
