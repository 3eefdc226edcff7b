"""F^C where rows are protected: the integers that a site deals in a round (worker only).

Always ``rule.rows`` rows are computed, in the same chunks, whatever was drawn: those that fill the
batch are multiplied by 0 in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from peerd.learning.private.checks import check_model, compare, numbered
from peerd.learning.private.gradients import RowGradients, chunk_rows
from peerd.learning.private.rates import OVERFLOW_BITS, rate_of, threshold
from peerd.learning.private.rounding import to_integers
from peerd.learning.private.sample import Sample, coins, draw
from protocols.aggregation.contract import Encoded, Model, RowRule
from protocols.aggregation.row_ball import RowBall

if TYPE_CHECKING:
    from peerd.learning.client import Client


@dataclass(frozen=True, slots=True)
class RowSum:
    """``total``: int64 (d,), or (d + 1,) with the count of clipped rows. ``unfit``: of all rows
    that were computed, drawn or not, those without a finite gradient; they count as 0. For this
    site's own log.
    """

    total: Encoded = field(repr=False)
    unfit: int


class RowSums:
    """``client``'s rows under ``rule``. TaskError for what can't be trained row by row."""

    def __init__(self, client: Client, rule: RowRule) -> None:
        check_model(client.shared)
        self.rule = rule
        self._client = client
        self._rows = numbered(client.rows)
        self._threshold = threshold(rule.rate, rule.rows, len(self._rows))
        self._chunk = chunk_rows(client.parameters)
        self._gradients: RowGradients | None = None

    def sum(self, model: Model, entropy: bytes, clip: Fraction | None = None) -> RowSum:
        """Of a fresh sample, at ``model`` (d,). ``entropy``: 32 secret bytes, never used before;
        the same bytes give the same sum. ``clip``: of this round, where it moves.
        """
        client = self._client
        sample = draw(self._threshold, self.rule.rows, len(self._rows), entropy)
        client.shared.fill(model)
        client.module.train()
        self._of_rows()  # the first time it draws from torch's generator as well
        torch.manual_seed(coins(entropy))
        found = self._added(sample, float(self.rule.clip if clip is None else clip))
        client.shared.check_fixed()
        return RowSum(self._drawn_in(found.total, entropy), found.unfit)

    def _drawn_in(self, total: Encoded, entropy: bytes) -> Encoded:
        """The gradients' part of ``total``, no longer than the rule has it."""
        rule, parameters = self.rule, self._client.parameters
        if rule.longest is None:
            return total
        ball = RowBall(rule.steps, rule.rows, rule.longest)
        dealt = ball.drawn_in(total[:parameters], entropy)
        return np.concatenate([dealt, total[parameters:]])

    def _added(self, sample: Sample, clip: float) -> RowSum:
        total = np.zeros(self._client.parameters + (self.rule.count is not None), dtype=np.int64)
        unfit = 0
        for start in range(0, self.rule.rows, self._chunk):
            part = slice(start, start + self._chunk)
            integers, bad = self._integers(sample.rows[part], clip)
            counts = torch.from_numpy(sample.counts[part]).to(integers.device)
            total += (integers * counts[:, None]).sum(dim=0).cpu().numpy()
            unfit += bad
        if self.rule.count is not None:
            total[-1] = np.clip(total[-1], self.rule.count.least, self.rule.count.most)
        return RowSum(total, unfit)

    def _integers(self, numbers: NDArray[np.int64], clip: float) -> tuple[torch.Tensor, int]:
        """Of these rows, (m, d) or (m, d + 1), and how many are unfit."""
        batch = self._client.placed(self._rows.at(numbers.tolist()))
        found = to_integers(self._of_rows().of(batch), clip, self.rule.steps)
        rows, count = found.rows, self.rule.count
        if count is not None:
            said = torch.where(found.clipped, count.clipped, count.within)
            rows = torch.cat([rows, said[:, None]], dim=1)
        return rows, int(found.unfit.sum())

    def _of_rows(self) -> RowGradients:
        if self._gradients is None:
            tried = self._client.placed(self._rows.at([0]))
            self._gradients = RowGradients(self._client.task, self._client.shared, tried)
        return self._gradients

    def inspect(self) -> list[str]:
        """Warnings, from the first rows at the first model. TaskError: why it can't be trained."""
        client, count = self._client, len(self._rows)
        client.shared.fill(client.first_model)
        numbers = np.arange(min(count, self._chunk))
        batch = client.placed(self._rows.at(numbers.tolist()))
        warnings = compare(client.task, client.module, batch)
        _, unfit = self._integers(numbers, float(self.rule.clip))
        if unfit:
            warnings.append(
                f"{unfit} of the first {len(numbers)} rows of data() have a gradient that is nan or"
                " infinite: such a row counts as 0"
            )
        return warnings + self._rate_notes()

    def _rate_notes(self) -> list[str]:
        rate, wanted = rate_of(self._threshold), self.rule.rate
        # A rate that is no number of 2^-64 is rounded down, which nobody needs to be told.
        if self._threshold == int(wanted * 2**64):
            return []
        return [
            f"{len(self._rows)} rows are many for the group's constant rows = {self.rule.rows}:"
            f" each is drawn with a chance of {float(rate):.3g} in place of"
            f" {float(wanted):.3g}, so that more are drawn with one of 2^-{OVERFLOW_BITS} at most"
        ]
