"""A column of text, by its distinct values: what is missing, what is a number."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from peerd.tasks.numerals import decimal_mark, evidence, parse
from peerd.tasks.reading import TextTable

# What the fields of a missing value look like, in lower case.
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "-"})
# At most this share of the cells of a number column is something else, such as "<0.5".
ODD_SHARE = 0.05
_SOME = 10
_MAX_FORM = 20
_SCALE_DIGITS = 3
# Forms that may be shown: a sign of comparison and a number. Whatever has letters may be a name.
_SHOWN = re.compile(r"[<>≤≥~±=]{1,2}\s*[\d.,]+|[\d.,]+\s*[+*-]")


@dataclass(frozen=True, slots=True)
class Column:
    """``codes`` (rows,) index ``values``, the distinct texts, which occur ``counts`` times.

    ``numbers``: float64 for each value, NaN for what is no number. ``evidence`` and ``mark``: see
    peerd.tasks.numerals. Cells are kept out of the repr.
    """

    name: str
    values: Any = field(repr=False)
    counts: NDArray[np.int64] = field(repr=False)
    codes: NDArray[np.int32] = field(repr=False)
    missing: NDArray[np.bool_] = field(repr=False)
    numbers: NDArray[np.float64] = field(repr=False)
    mark: str

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return int(self.counts[~self.missing].sum())

    @property
    def distinct(self) -> int:
        """Different values, without those that are missing."""
        return int((~self.missing).sum())

    @property
    def odd(self) -> NDArray[np.bool_]:
        """For each value: neither missing nor a number."""
        return ~self.missing & np.isnan(self.numbers)

    @property
    def numeric(self) -> bool:
        """All but a few cells are numbers, and they are no codes such as 01067."""
        return self.present > 0 and not self.too_odd and not self._padded()

    @property
    def too_odd(self) -> bool:
        """More cells are no numbers than a number column may have: one, if it has ten."""
        odd = int(self.counts[self.odd].sum())
        return odd > max(ODD_SHARE * self.present, self.present >= _SOME)

    def texts(self, chosen: NDArray[np.bool_]) -> list[str]:
        """The chosen values."""
        found: list[str] = pc.filter(self.values, pa.array(chosen)).to_pylist()
        return found

    def odd_forms(self) -> str:
        """Up to three odd values of a number column that are safe to show, or ""."""
        shown = [each for each in self.texts(self.odd) if len(each) <= _MAX_FORM]
        return ", ".join([each for each in shown if _SHOWN.fullmatch(each)][:3])

    def first_row(self, chosen: NDArray[np.bool_]) -> int:
        """The file's row (the header is 1) in which one of the chosen values is first."""
        return int(np.argmax(chosen[self.codes])) + 2

    def _padded(self) -> bool:
        padded = pc.match_substring_regex(self.values, r"^0\d+$").to_numpy(zero_copy_only=False)
        return int(self.counts[padded.astype(np.bool_)].sum()) > 0.01 * self.present


def columns_of(table: TextTable, names: list[str], label: str) -> tuple[dict[str, Column], str]:
    """The named columns, and the file's decimal mark. Of the label only "" is missing: a class
    may be called ``none``. Raises TaskError for a column that could not be read as text.
    """
    table.require(names)
    distinct = {name: _distinct(table.columns[name]) for name in names}
    speaks = {name: evidence(found[0], found[1]) for name, found in distinct.items()}
    total = np.sum(list(speaks.values()), axis=0) if speaks else np.zeros(4, dtype=np.int64)
    mark = decimal_mark(total, table.dialect.delimiter)
    columns = {}
    for name in names:
        values, counts, codes = distinct.pop(name)
        own = speaks[name][:2]
        used = decimal_mark(speaks[name], "") if own[0] != own[1] else mark
        absent = _absent(values, MISSING if name != label else frozenset({""}))
        numbers = parse(values, used)
        numbers[absent] = np.nan
        columns[name] = Column(name, values, counts, codes, absent, numbers, used)
    return columns, mark


def as_measured(label: Column) -> Column:
    """The label if numbers are to be predicted: then what is missing in any column is in it too."""
    missing = _absent(label.values, MISSING)
    return replace(label, missing=missing, numbers=np.where(missing, np.nan, label.numbers))


def rounded_scaling(column: Column) -> tuple[float, float]:
    """Mean and scale to three digits of the scale: more would be the rows', and trains no better.

    They are computed on numbers in −1…1, since the square of a large one is no float.
    """
    used = ~np.isnan(column.numbers)
    numbers, counts = column.numbers[used], column.counts[used]
    unit = float(np.abs(numbers).max()) or 1.0
    shares = numbers / unit
    mean = float(np.average(shares, weights=counts))
    scale = math.sqrt(float(np.average((shares - mean) ** 2, weights=counts))) * unit
    mean *= unit
    if not scale > abs(mean) * 1e-12:
        return float(f"{mean:.{_SCALE_DIGITS - 1}e}"), 1.0
    digits = _SCALE_DIGITS - 1 - math.floor(math.log10(scale))
    return round(mean, digits) + 0.0, round(scale, digits)


def _absent(values: Any, missing: frozenset[str]) -> NDArray[np.bool_]:
    found = pc.is_in(pc.utf8_lower(values), pa.array(sorted(missing)))
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _distinct(column: Any) -> tuple[Any, NDArray[np.int64], NDArray[np.int32]]:
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    encoded = column.dictionary_encode()
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int32)
    counts = np.bincount(codes, minlength=len(encoded.dictionary)).astype(np.int64)
    return encoded.dictionary, counts, codes
