"""A table's file as columns of text: CSV in whatever dialect, packed or not, and Parquet.

pyarrow reads; everything stays text here. What is a number is decided afterwards, for each file.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from peerd.errors import TaskError
from peerd.tasks.dialect import MAX_FILE_BYTES, PARQUET, Dialect, Source, find_dialect
from peerd.tasks.schema import MAX_COLUMNS

MAX_ROWS = 20_000_000
MAX_FIELD_CHARACTERS = 4096
_BLOCK_BYTES = 32 << 20  # a row must fit: MAX_COLUMNS short fields, or a few long ones


@dataclass(frozen=True, slots=True)
class TextTable:
    """``columns``: for each name a string array of ``rows`` cells, trimmed; "" is no value.

    Row i stands in the file's row i + 2: the header is row 1, and blank lines don't count.
    ``unread``: what those columns hold that can't be text; they are empty in ``columns``, so that a
    file that has one can be read without it.
    """

    path: Path
    dialect: Dialect
    rows: int
    columns: dict[str, Any]
    unread: dict[str, str] = field(default_factory=dict)

    def require(self, names: Iterable[str]) -> None:
        """Raises TaskError if one of these columns could not be read as text."""
        for name in names:
            if name in self.unread:
                raise TaskError(
                    f"{self.path}: column {name!r} holds {self.unread[name]}, which are no cells of"
                    " a table",
                    "write them as numbers or text, or leave it out (--drop)",
                )


def read_table(path: Path) -> TextTable:
    """The whole file. Raises TaskError, which says the row, and never what is in it."""
    try:
        dialect = find_dialect(path)
        if dialect.encoding == PARQUET:
            return _checked(path, dialect, *_read_parquet(path))
        try:
            read = _read_csv(path, dialect)
        except _NoText:
            dialect = Dialect("cp1252", dialect.delimiter, dialect.skipped)
            read = _read_csv(path, dialect)
        return _checked(path, dialect, read)
    except OSError as error:
        raise TaskError(f"can't read {path}: {error.strerror or 'damaged'}") from None


class _NoText(Exception):
    """The file is not UTF-8."""


class _Utf8(Source):
    """Raises _NoText as soon as it reads something else.

    The library would find it too late: it can't tell of a bad row that is no text.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def read(self, size: int = -1) -> bytes:
        """As Source."""
        data = super().read(size)
        try:
            self._decoder.decode(data, final=not data)
        except UnicodeDecodeError:
            raise _NoText from None
        return data


def _read_csv(path: Path, dialect: Dialect) -> pa.Table:
    ragged: list[TaskError] = []

    def refuse(row: Any) -> str:
        number = row.number - dialect.skipped
        ragged.append(
            TaskError(
                f"{path} row {number}: {row.actual_columns} fields where the header has"
                f" {row.expected_columns}",
                "look for a delimiter or a quote inside a field that is not in quotes",
            )
        )
        return "error"

    try:
        with (_Utf8 if dialect.encoding == "utf-8" else Source)(path) as source:
            found = pa.csv.read_csv(
                source,
                read_options=pa.csv.ReadOptions(
                    use_threads=False,  # a bad row's number is known only then
                    block_size=_BLOCK_BYTES,
                    skip_rows=dialect.skipped,
                    autogenerate_column_names=True,
                    encoding=dialect.encoding,
                ),
                parse_options=pa.csv.ParseOptions(
                    delimiter=dialect.delimiter,
                    newlines_in_values=True,
                    invalid_row_handler=refuse,
                ),
                convert_options=pa.csv.ConvertOptions(
                    column_types={f"f{index}": pa.string() for index in range(MAX_COLUMNS + 1)},
                    strings_can_be_null=False,
                    check_utf8=False,  # it is: see _Utf8, or decoded from another encoding
                ),
            )
    except UnicodeDecodeError:
        raise TaskError(f"{path} is not {dialect.encoding} text", "save it as UTF-8") from None
    except pa.ArrowException as error:
        # the library's words hold the row's, so they are not passed on
        if ragged:
            raise ragged[0] from None
        raise TaskError(f"{path}: {_explained(str(error))}") from None
    _check_last_quote(path, found)
    return _with_header(path, found)


def _explained(error: str) -> str:
    if "straddling" in error:
        return "a row has more than 32 MB, or a quote is opened and never closed"
    if "Empty CSV" in error:
        return "it has a header and no rows; add rows"
    return "it is no CSV text"


def _check_last_quote(path: Path, found: pa.Table) -> None:
    """The library takes an open quote at the end for a field that goes to the file's end."""
    if found.num_rows and found.num_columns:
        last = found.column(found.num_columns - 1)[-1].as_py()
        if isinstance(last, str) and last.endswith(("\n", "\r")):
            raise TaskError(f"{path} row {found.num_rows}: a quote is opened and never closed")


def _with_header(path: Path, found: pa.Table) -> pa.Table:
    if found.num_columns > MAX_COLUMNS:
        raise TaskError(
            f"{path} has {found.num_columns} columns; at most {MAX_COLUMNS} are read",
            "leave out those that can't help to predict",
        )
    names = [str(found.column(index)[0].as_py()).strip() for index in range(found.num_columns)]
    if names:
        names[0] = names[0].removeprefix("\ufeff").strip()
    return found.slice(1).rename_columns(names)


def _read_parquet(path: Path) -> tuple[pa.Table, dict[str, str]]:
    """And what the columns hold that are no text.

    Without the library's threads: a process that ends while they do dies by a signal now and then.
    """
    try:
        with path.open("rb") as file:
            read = pa.parquet.ParquetFile(file, pre_buffer=False)
            meta = read.metadata
            size = sum(meta.row_group(at).total_byte_size for at in range(meta.num_row_groups))
            if meta.num_rows > MAX_ROWS or meta.num_columns > MAX_COLUMNS or size > MAX_FILE_BYTES:
                raise TaskError(
                    f"{path} has {meta.num_rows} rows of {meta.num_columns} columns in {size}"
                    f" bytes; at most {MAX_ROWS}, {MAX_COLUMNS} and {MAX_FILE_BYTES} are read"
                )
            found = read.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError, RuntimeError):
        raise TaskError(
            f"{path} is a Parquet file that can't be read as a table",
            "it may be damaged or encrypted",
        ) from None
    texts, unread = [], {}
    for name, column in zip(found.column_names, found.columns, strict=True):
        try:
            texts.append(pc.fill_null(pc.cast(column, pa.string()), ""))
        except pa.ArrowException:
            nested = pa.types.is_nested(column.type)
            unread[name.strip()] = "lists or records" if nested else "bytes that are no text"
            texts.append(pa.nulls(len(column), pa.string()).fill_null(""))
    return pa.table(texts, names=[name.strip() for name in found.column_names]), unread


def _checked(
    path: Path, dialect: Dialect, found: pa.Table, unread: dict[str, str] | None = None
) -> TextTable:
    if found.num_rows > MAX_ROWS:
        raise TaskError(f"{path} has more than {MAX_ROWS} rows; split it")
    names = found.column_names
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name:
            raise TaskError(f"{path} line 1: column {index + 1} has no name")
        if name in seen:
            raise TaskError(f"{path} line 1: two columns are named {name!r}")
        seen.add(name)
    columns = {}
    for name, column in zip(names, found.columns, strict=True):
        columns[name] = pc.utf8_trim_whitespace(column)
        _check_lengths(path, columns[name])
    return TextTable(path, dialect, found.num_rows, columns, unread or {})


def _check_lengths(path: Path, column: Any) -> None:
    longest = pc.max(pc.binary_length(column)).as_py()
    if longest is None or longest <= MAX_FIELD_CHARACTERS:
        return
    long = pc.greater(pc.utf8_length(column), MAX_FIELD_CHARACTERS)
    if (row := pc.index(long, True).as_py()) >= 0:
        raise TaskError(
            f"{path} row {row + 2}: a field has more than {MAX_FIELD_CHARACTERS} characters"
        )
