"""The sum of rows' gradients: what a loop would add, and as many rows whatever was drawn."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from peerd.learning.client import Client
from peerd.learning.private import sums
from peerd.learning.private.checks import numbered
from peerd.learning.private.gradients import RowGradients, chunk_rows
from peerd.learning.private.rates import WORD_BITS
from peerd.learning.private.rounding import to_integers
from peerd.learning.private.sample import Sample, draw
from peerd.learning.private.sums import RowSums
from peerd.learning.task import Samples, Task
from protocols.aggregation import aggregator
from protocols.aggregation.contract import RowCount, RowRule
from tests.unit.learning.private_tasks import RULE, Small, client, entropy, plain


def frozen() -> nn.Module:
    model = plain()
    model[0].bias.requires_grad_(False)
    return model


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(4, 4, bias=False)
        self.two = nn.Linear(4, 4, bias=False)
        self.two.weight = self.one.weight

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.two(torch.tanh(self.one(inputs)))[:, :2]


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.one(inputs)


class Recurrent(nn.Module):
    """No batching rule exists for it."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTM(1, 2, batch_first=True)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.cell(inputs[:, :, None])[0][:, -1]


class Deciding(nn.Module):
    """It looks at a value, which nothing that is vectorised can."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.one(inputs) if float(inputs.sum()) > 0 else self.two(inputs)


MODELS = {
    "plain": plain,
    "frozen": frozen,
    "tied": Tied,
    "unused": Unused,
    "recurrent": Recurrent,
    "deciding": Deciding,
    "layer norm": lambda: nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3), nn.Linear(3, 2)),
    "double": lambda: plain().double(),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 3), nn.GroupNorm(1, 2), nn.Flatten()
    ),
}


class Doubled(Small):
    """Numbers of eight bytes."""

    def data(self, partition: object) -> Samples:
        samples = super().data(partition)  # type: ignore[arg-type]
        return Samples(samples.inputs.double(), samples.targets)


class Four(Small):
    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs[:, :2], targets)


def by_hand(peer: Client, sample: Sample, steps: int = RULE.steps) -> np.ndarray:
    """Plain autograd, a row at a time, and Python's loop."""
    peer.shared.fill(peer.first_model)
    peer.module.train()
    total = np.zeros(peer.parameters, dtype=np.int64)
    for row, count in zip(sample.rows.tolist(), sample.counts.tolist(), strict=True):
        if not count:
            continue
        one = peer.rows.at([row])
        loss = peer.task.loss(peer.module(one.inputs), one.targets)
        parts = torch.autograd.grad(loss, peer.shared.trained, allow_unused=True)
        known = [
            torch.zeros_like(value) if part is None else part
            for part, value in zip(parts, peer.shared.trained, strict=True)
        ]
        flat = torch.cat([part.reshape(-1) for part in known]).float()[None]
        total += to_integers(flat, 1.0, steps).rows[0].numpy()
    return total


def sampled(number: int) -> Sample:
    threshold = int(RULE.rate * (1 << WORD_BITS))
    return draw(threshold, RULE.rows, Small.count, entropy(number))


@pytest.mark.parametrize("name", MODELS)
def test_the_sum_is_that_of_a_loop(name: str) -> None:
    """Up to one step a row and number: kernels for one row round otherwise than those for many."""
    base: type[Task] = {"double": Doubled, "convolution": Four}.get(name, Small)
    peer = client(base, make=staticmethod(MODELS[name]))
    rule = replace(RULE, rate=Fraction(1, 3))
    found = RowSums(peer, rule)
    for number in range(3):
        got = found.sum(peer.first_model, entropy(number))
        sample = draw(found._threshold, RULE.rows, Small.count, entropy(number))
        wanted = by_hand(peer, sample)
        assert got.total.dtype == np.int64 and got.total.shape == (peer.parameters,)
        assert got.unfit == 0 and 0 < sample.counts.sum() < RULE.rows
        assert np.abs(got.total - wanted).max() <= 2
        assert np.abs(wanted).max() > 100


def test_the_order_is_that_of_the_shared_vector() -> None:
    """The rule subtracts the sum: it points uphill, so that a step against it lowers the loss."""
    peer = client()
    rule = aggregator("dp-sgd", {"rate": "1", "rows": 40, "lot": "40", "eta": "1"})
    row_rule = rule.local_rule(0)
    model = peer.first_model
    losses = []
    for round in range(30):
        losses.append(peer.evaluate(model).loss)
        total = RowSums(peer, row_rule).sum(model, entropy(round)).total
        assert rule.preimage(model, rule.encode(model, total)) is not None
        model = rule.apply(model, total, 1, round)
    assert losses[-1] is not None and losses[0] is not None and losses[-1] < losses[0] / 2


def test_another_sample_each_time_and_the_same_of_the_same_bytes() -> None:
    peer = client()
    found = RowSums(peer, RULE)
    one, again, other = (found.sum(peer.first_model, entropy(number)).total for number in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)


def test_a_dropped_unit_is_drawn_for_each_row_by_itself() -> None:
    peer = client(make=staticmethod(lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2))))
    gradients = RowGradients(peer.task, peer.shared, peer.rows.at([0]))
    peer.module.train()
    rows = gradients.of(peer.rows.at([3] * 32))
    assert len({tuple(row.tolist()) for row in rows}) > 8
    found = RowSums(peer, RULE)
    one, again = (found.sum(peer.first_model, entropy(1)).total for _ in range(2))
    assert np.array_equal(one, again)


# -- what can be seen from outside -----------------------------------------------------------------


def computed(peer: Client, numbers: range, monkeypatch: pytest.MonkeyPatch) -> set[tuple[int, ...]]:
    """The sizes of chunks, for each of many samples."""
    found = RowSums(peer, RULE)
    seen: list[int] = []
    of = RowGradients.of

    def spied(self: RowGradients, batch: Samples) -> torch.Tensor:
        seen.append(len(batch))
        return of(self, batch)

    monkeypatch.setattr(RowGradients, "of", spied)
    sizes = set()
    for number in numbers:
        seen.clear()
        found.sum(peer.first_model, entropy(number))
        sizes.add(tuple(seen))
    return sizes


@pytest.mark.parametrize("chunk", [7, 30, 64])
def test_as_many_rows_are_computed_whatever_was_drawn(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "chunk_rows", lambda parameters: chunk)
    drawn = {int(sampled(number).counts.sum()) for number in range(12)}
    assert len(drawn) > 4
    sizes = computed(client(), range(12), monkeypatch)
    whole, rest = divmod(RULE.rows, chunk)
    assert sizes == {(chunk,) * whole + ((rest,) if rest else ())}


def test_chunks_do_not_change_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    peer, totals = client(), []
    for chunk in (1, 7, 64):
        monkeypatch.setattr(sums, "chunk_rows", lambda parameters, chunk=chunk: chunk)
        totals.append(RowSums(peer, RULE).sum(peer.first_model, entropy(3)).total)
    assert np.abs(totals[0] - totals[1]).max() <= 2 and np.abs(totals[0] - totals[2]).max() <= 2


def test_a_chunk_bounds_what_is_held() -> None:
    assert chunk_rows(10) == 64 and chunk_rows(1 << 20) == 2
    assert chunk_rows(1 << 21) == chunk_rows(1 << 26) == 1


@pytest.mark.parametrize("quantile", ["0", "1/2"])
def test_one_row_more_moves_the_sum_by_the_bound_at_most(quantile: str) -> None:
    """What a row adds to the sum of the same others: a vector of norm 1024 or less, its count of
    clipped rows with it.
    """
    peer = client()
    whole_rule = aggregator("dp-sgd", {"rate": "1", "rows": 40, "quantile": quantile})
    rule = whole_rule.local_rule(0)
    assert isinstance(rule, RowRule)
    whole = RowSums(peer, rule)
    sample = draw(whole._threshold, 40, 40, entropy(0))
    total = whole._added(sample, 1.0).total
    peer.shared.fill(peer.first_model)
    for row in range(40):
        without = sample.counts.copy()
        without[row] = 0
        moved = total - whole._added(Sample(sample.rows, without), 1.0).total
        assert 0 < int((moved**2).sum()) <= 1024**2


# -- rows without a gradient -----------------------------------------------------------------------


class Holed(Small):
    """Two rows have no number, and one makes the task's code fail."""

    fails = True

    def data(self, partition: object) -> Samples:
        samples = super().data(partition)  # type: ignore[arg-type]
        samples.inputs[3] = torch.nan
        samples.inputs[5] = torch.inf
        if self.fails:
            samples.targets[8] = 9
        return samples


@pytest.mark.parametrize(("fails", "bad"), [(False, [3, 5]), (True, [3, 5, 8])])
def test_a_row_without_a_finite_gradient_counts_as_nothing(fails: bool, bad: list[int]) -> None:
    holed, sound = client(Holed, fails=fails), client()
    rule = replace(RULE, rate=Fraction(1), rows=40)
    found = RowSums(holed, rule).sum(holed.first_model, entropy(0))
    assert found.unfit == len(bad)
    counts = np.ones(40, dtype=np.int64)
    counts[bad] = 0
    wanted = by_hand(sound, Sample(np.arange(40), counts))
    assert np.abs(found.total - wanted).max() <= 2


def test_they_are_counted_among_all_rows_that_are_computed() -> None:
    """The count says nothing of the sample: it is that of all rows where all are computed."""
    peer = client(Holed)
    rule = replace(RULE, rate=Fraction(1, 10), rows=40)
    counts = {RowSums(peer, rule).sum(peer.first_model, entropy(n)).unfit for n in range(8)}
    assert counts == {3}


def test_a_model_that_left_the_numbers_ends_no_round() -> None:
    peer = client()
    model = peer.first_model.copy()
    model[:] = np.nan
    found = RowSums(peer, RULE).sum(model, entropy(0))
    assert not found.total.any() and found.unfit == RULE.rows


def test_rows_of_a_dataset_are_fetched_by_number() -> None:
    class Own(Dataset[tuple[torch.Tensor, torch.Tensor]]):
        def __init__(self, samples: Samples) -> None:
            self.samples = samples

        def __len__(self) -> int:
            return len(self.samples)

        def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
            return self.samples.inputs[row], self.samples.targets[row]

    held = client()
    indexed = client(
        data=lambda self, partition: Own(Small.data(self, partition)),
        held_out=lambda self: Small.data(self, None),
    )
    totals = [RowSums(one, RULE).sum(one.first_model, entropy(4)).total for one in (held, indexed)]
    assert np.array_equal(*totals)


def test_a_sum_does_not_show_itself() -> None:
    peer = client()
    assert repr(RowSums(peer, RULE).sum(peer.first_model, entropy(0))) == "RowSum(unfit=0)"


# -- the count of clipped rows ---------------------------------------------------------------------

COUNTING = replace(RULE, rate=Fraction(1), rows=40, count=RowCount(-60, 40, -700, 500))


def test_each_row_says_whether_it_was_clipped() -> None:
    peer = client()
    found = RowSums(peer, COUNTING)
    plain = RowSums(peer, replace(COUNTING, count=None))
    for clip in (Fraction(1, 100), Fraction(1, 2), Fraction(100)):
        total = found.sum(peer.first_model, entropy(0), clip).total
        assert np.array_equal(total[:-1], plain.sum(peer.first_model, entropy(0), clip).total)
        norms = [float(np.linalg.norm(each)) for each in gradients(peer)]
        clipped = sum(norm > clip for norm in norms)
        assert total[-1] == max(-700, min(500, 40 * clipped - 60 * (40 - clipped)))


def gradients(peer: Client) -> list[np.ndarray]:
    """Of each row, by hand."""
    peer.shared.fill(peer.first_model)
    rows = numbered(peer.rows).at(list(range(40)))
    found = []
    for row in range(40):
        one = Samples(rows.inputs[row : row + 1], rows.targets[row : row + 1])
        loss = peer.task.loss(peer.module(one.inputs), one.targets)
        parts = torch.autograd.grad(loss, peer.shared.trained)
        found.append(torch.cat([part.reshape(-1) for part in parts]).numpy())
    return found
