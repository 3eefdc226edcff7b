"""Which rows of a table are held out: the group's rule. A site may have a file of its own instead.

The same row falls on the same side at every start and every site: by its contents, or by what
stands in a column of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from peerd.errors import TaskError

FRACTION, COLUMN = "held_out", "held_out_column"
DEFAULT_FRACTION, MAX_FRACTION = 0.2, 0.9
_TEST = ("test", "testing", "validation", "valid", "val", "dev", "eval")
_KEPT = ("held-out", "held_out", "held out", "heldout", "hold-out", "hold_out", "holdout")
HELD = frozenset(("1", "true", "yes", "y", "x", *_TEST, *_KEPT))
"""What a held-out row says in the group's column, in small letters; TRAINED: what any other."""
TRAINED = frozenset(("0", "false", "no", "n", "train", "training"))


@dataclass(frozen=True, slots=True)
class HeldOutRule:
    """``fraction`` of the rows by a hash of their contents; or those that ``column`` marks."""

    fraction: float = DEFAULT_FRACTION
    column: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, object]) -> HeldOutRule:
        """What the group's task options say. Raises TaskError."""
        fraction, column = options.get(FRACTION), options.get(COLUMN)
        if column is not None:
            if not isinstance(column, str) or not column:
                raise TaskError(f"table: {COLUMN} must be the name of a column")
            if fraction is not None:
                raise TaskError(
                    f"table: both {FRACTION} and {COLUMN} say which rows are held out", "say one"
                )
            return cls(column=column)
        if fraction is None:
            return cls()
        if isinstance(fraction, float) and 0 < fraction <= MAX_FRACTION:
            return cls(fraction=fraction)
        raise TaskError(
            f"table: {FRACTION} = {fraction!r} must be a share of the rows, more than 0 and at"
            f" most {MAX_FRACTION}",
            f"such as {FRACTION}={DEFAULT_FRACTION}",
        )

    def check_column(self, label: str, inputs: list[str]) -> None:
        """TaskError where the column of marks is learnt from, or predicted."""
        if self.column is not None and self.column in (label, *inputs):
            what = "the label" if self.column == label else "an input"
            raise TaskError(
                f"table: {COLUMN} {self.column!r} is {what} too",
                "mark the held-out rows in a column of its own",
            )

    def words(self) -> str:
        """How rows are chosen."""
        if self.column is not None:
            return f"what column {self.column!r} says of each row"
        return f"a hash of each row's contents, a share of {self.fraction:g}"


UNSAID = HeldOutRule()
