"""A task's rows, in memory or not: Samples, and torch's datasets and loaders (worker only).

Of what is not in memory no more is held than a batch, or a chunk of it. What a dataset raises
passes through: whoever asked knows whether it may be quoted.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from peerd.errors import TaskError, printable
from peerd.learning.answers import checked_samples, kind_of
from peerd.learning.task import Samples

MAX_STREAMED = 100_000
"""Rows of a stream that one pass over all of them takes: it may have no end."""
STREAM_ROWS = 256  # of an iterable dataset that a pass holds at once, or a batch if that is less
CHUNK_BYTES = 1 << 26  # that a pass over a dataset holds at once
MAX_SAID = 300  # characters of torch's reason why rows make no batch


class Rows(Protocol):
    """What is trained on, or evaluated. Every method may raise TaskError, and what the task does.

    ``comes``: in an order of its own, so that no row can be asked for. ``cut``: the last pass ended
    before the rows did.
    """

    comes: bool
    cut: bool

    def minibatch(self, size: int, generator: torch.Generator) -> Samples:
        """What one step takes."""
        ...

    def chunks(self, most: int) -> Iterator[Samples]:
        """All rows once, from the first one on, at most ``most`` at a time."""
        ...

    def at(self, rows: list[int]) -> Samples:
        """These rows, of what does not come in an order of its own."""
        ...


class Held:
    """Samples, all of them in memory."""

    comes = cut = False

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def minibatch(self, size: int, generator: torch.Generator) -> Samples:
        """``size`` different rows, or all of them when there are fewer."""
        count = len(self.samples)
        if size >= count:
            return self.samples
        return self._chosen(torch.randperm(count, generator=generator)[:size])

    def chunks(self, most: int) -> Iterator[Samples]:
        for start in range(0, len(self.samples), most):
            rows = slice(start, start + most)
            yield Samples(self.samples.inputs[rows], self.samples.targets[rows])

    def at(self, rows: list[int]) -> Samples:
        return self._chosen(torch.tensor(rows))

    def _chosen(self, rows: torch.Tensor) -> Samples:
        return Samples(self.samples.inputs[rows], self.samples.targets[rows])


class Indexed:
    """A map-style dataset: a step takes the rows that it would take of Samples."""

    comes = cut = False

    def __init__(self, dataset: Any, where: str) -> None:
        self._dataset = dataset
        self._where = where
        try:
            self._count = len(dataset)
        except (TypeError, NotImplementedError):
            raise TaskError(
                f"{where} gave {kind_of(dataset)} without a length",
                "give it a __len__, or make it an IterableDataset",
            ) from None
        if not self._count:
            raise _empty(where)

    def __len__(self) -> int:
        return self._count

    def minibatch(self, size: int, generator: torch.Generator) -> Samples:
        """As of Samples."""
        if size >= self._count:
            return self._chosen(range(self._count))
        return self._chosen(torch.randperm(self._count, generator=generator)[:size].tolist())

    def chunks(self, most: int) -> Iterator[Samples]:
        first = self._chosen([0])
        most = _affordable(first, most)
        for start in range(0, self._count, most):
            yield self._chosen(range(start, min(start + most, self._count)))

    def at(self, rows: list[int]) -> Samples:
        return self._chosen(rows)

    def _chosen(self, rows: range | list[int]) -> Samples:
        return collated([self._dataset[row] for row in rows], self._where)


class Stream:
    """An iterable dataset, or a loader, whose batches are as large as it makes them."""

    comes = True

    def __init__(self, source: Any, where: str) -> None:
        self._source = source
        self._where = where
        self._is_loader = isinstance(source, DataLoader)
        self._current: Iterator[Any] | None = None
        self._seen = False
        self.cut = False

    def minibatch(self, size: int, generator: torch.Generator) -> Samples:
        """What comes next; from its beginning again where it ends."""
        for _ in range(2):
            if self._current is None:
                self._current = iter(self._source)
            batch = self._next(self._current, size)
            if batch is not None:
                return batch
            self._current = None
        raise self._nothing()

    def chunks(self, most: int) -> Iterator[Samples]:
        """One pass, of MAX_STREAMED rows at most; ``cut`` says whether there were more."""
        current, rows = iter(self._source), 0
        self.cut = False
        most = min(most, STREAM_ROWS)
        while (batch := self._next(current, min(most, max(1, MAX_STREAMED - rows)))) is not None:
            if rows >= MAX_STREAMED:
                self.cut = True
                return
            rows += len(batch)
            yield batch
        if not rows:
            raise self._nothing()

    def at(self, rows: list[int]) -> Samples:
        raise NotImplementedError("a stream has no rows by number")

    def _next(self, current: Iterator[Any], size: int) -> Samples | None:
        if self._is_loader:
            found = next(current, None)
            batch = None if found is None else as_samples(found, self._where)
        else:
            items = list(islice(current, size))
            batch = collated(items, self._where) if items else None
        self._seen = self._seen or batch is not None
        return batch

    def _nothing(self) -> TaskError:
        if not self._seen:
            return _empty(self._where)
        return TaskError(
            f"{self._where} gives no row when it is gone through once more",
            "its __iter__ must begin anew each time: a generator that is kept has ended",
        )


def rows_of(value: object, where: str) -> Rows:
    """What a task's method ``where`` gave. TaskError for what no rows can be taken of."""
    if isinstance(value, DataLoader | IterableDataset):
        return Stream(value, where)
    if isinstance(value, Dataset):
        return Indexed(value, where)
    if not isinstance(value, Samples):
        raise TaskError(
            f"{where} gave {kind_of(value)}",
            "give a peerd.learning.Samples, or torch's Dataset or DataLoader",
        )
    return Held(checked_samples(value, where))


def collated(items: list[Any], where: str) -> Samples:
    """Items (input, target) as one batch, as torch's loader makes it."""
    pairs = [_pair(item, where, "item") for item in items]
    try:
        batch = default_collate(pairs)
    except Exception as error:
        raise TaskError(
            f"{where}: its items make no batch: {printable(str(error))[:MAX_SAID]}",
            "give all of them one shape and one type: pad them, or crop them",
        ) from None
    return as_samples(batch, where)


def as_samples(batch: object, where: str) -> Samples:
    """A loader's batch (inputs, targets)."""
    inputs, targets = _pair(batch, where, "batch")
    for name, part in (("inputs", inputs), ("targets", targets)):
        if not isinstance(part, torch.Tensor):
            raise TaskError(
                f"{where} gave {name} that are {kind_of(part)}, and no tensor",
                "make each item's a tensor, a NumPy array or a number",
            )
        if not part.dim():
            raise TaskError(
                f"{where} gave a batch of {name} without a dimension of rows",
                "give batches (n, …), or let the loader make them with batch_size",
            )
    return Samples(inputs, targets)


def _pair(value: object, where: str, what: str) -> tuple[Any, Any]:
    if not isinstance(value, tuple | list):
        raise TaskError(
            f"{where} gave {kind_of(value)} as {what}", "give pairs of input and target"
        )
    if len(value) != 2:
        raise TaskError(
            f"{where} gave {kind_of(value)} of {len(value)} as {what}",
            "give pairs of input and target",
        )
    return value[0], value[1]


def _affordable(batch: Samples, most: int) -> int:
    """How many rows like these are held at once."""
    size = sum(each.numel() * each.element_size() for each in (batch.inputs, batch.targets))
    return max(1, min(most, CHUNK_BYTES * len(batch) // max(1, size)))


def _empty(where: str) -> TaskError:
    return TaskError(f"{where} gives no row: there is nothing to learn from", "check the data")
