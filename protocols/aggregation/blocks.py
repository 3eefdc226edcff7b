"""Blocks of coordinates, each with a ball of its own: layers, or runs of a stated length.

docs/protocol.md §4. A block of d_b coordinates has the radius τ_b = τ √(d_b/d), so that Σ τ_b² = τ²
and a change within all of them lies within the ball of radius τ.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise

from protocols.aggregation.contract import AggregationError

WHOLE = "whole"
"""One ball for all coordinates."""
LAYERS = "layers"
"""What founding a group replaces by the lengths of its model's layers."""
MAX_BLOCKS = 10_000
_RUN = re.compile(r"(?:([1-9][0-9]{0,4})x)?([1-9][0-9]{0,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Block:
    """Coordinates ``window`` of the model; ``limit`` T_b is their radius, τ_b = ``share`` · τ."""

    window: slice
    limit: int
    share: float

    @property
    def length(self) -> int:
        return int(self.window.stop) - int(self.window.start)


@dataclass(frozen=True, slots=True)
class Blocks:
    """How the coordinates are divided. ``lengths``: one each, or one for all; empty: one block.

    ``open``: the lengths are to be those of the model's layers, which is not known yet.
    """

    lengths: tuple[int, ...] = ()
    open: bool = False

    @classmethod
    def read(cls, given: int | str) -> Blocks:
        """From the constant ``blocks``: "whole", a length for all (the last may be shorter), or the
        lengths in order, "784x10 10" for 784 of 10 and one more. Raises AggregationError.
        """
        if given == WHOLE:
            return cls()
        if given == LAYERS:
            return cls(open=True)
        if isinstance(given, int) and not isinstance(given, bool) and given > 0:
            return cls((given,))
        lengths: list[int] = []
        for run in given.split(" ") if isinstance(given, str) else [""]:
            found = _RUN.fullmatch(run)
            if found is None or len(lengths) + int(found[1] or 1) > MAX_BLOCKS:
                raise AggregationError(
                    f"constant blocks = {given!r} must be {WHOLE}, {LAYERS}, a length, or at most"
                    f" {MAX_BLOCKS} lengths, such as 784x10 10"
                )
            lengths += [int(found[2])] * int(found[1] or 1)
        # a single length as text would be another genesis for the same blocks
        return cls((*lengths,) if len(lengths) > 1 else (lengths[0],))

    def constants(self) -> dict[str, int | str]:
        """The genesis form; nothing where there is one block."""
        if self.open:
            return {"blocks": LAYERS}
        if not self.lengths:
            return {}
        return {"blocks": self.lengths[0] if len(self.lengths) == 1 else written(self.lengths)}

    def divide(self, parameters: int, limit: int) -> tuple[Block, ...]:
        """The blocks of d parameters, with T = ``limit``. AggregationError where they don't fit."""
        if self.open:
            raise AggregationError(
                f"constant blocks = {LAYERS}: founding a group puts the layers' lengths here"
            )
        if len(self.lengths) < 2:
            each = self.lengths[0] if self.lengths else parameters
            edges = [*range(0, parameters, each), parameters]
        else:
            edges = [0]
            for length in self.lengths:
                edges.append(edges[-1] + length)
        if edges[-1] != parameters:
            raise AggregationError(
                f"constant blocks names {edges[-1]} parameters, and the model has {parameters}"
            )
        if len(edges) > MAX_BLOCKS + 1:
            raise AggregationError(
                f"constant blocks = {self.lengths[0]}: {parameters} parameters have more than"
                f" {MAX_BLOCKS} such blocks; {-(-parameters // MAX_BLOCKS)} or more would do"
            )
        return tuple(
            Block(
                slice(start, end),
                math.isqrt(limit**2 * (end - start) // parameters),
                math.sqrt((end - start) / parameters),
            )
            for start, end in pairwise(edges)
        )


def written(lengths: tuple[int, ...]) -> str:
    """The text that ``Blocks.read`` reads, equal lengths that follow each other once."""
    runs: list[tuple[int, int]] = []
    for length in lengths:
        if runs and runs[-1][1] == length:
            runs[-1] = runs[-1][0] + 1, length
        else:
            runs.append((1, length))
    return " ".join(f"{count}x{length}" if count > 1 else f"{length}" for count, length in runs)
