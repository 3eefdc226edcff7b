"""Reading a CSV file row by row, bounded, with the line number in every complaint."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from peerd.errors import TaskError
from peerd.text import NotText, open_text

MAX_FILE_BYTES = 4 << 30
MAX_ROWS = 20_000_000
MAX_COLUMNS = 1024
MAX_FIELD_CHARACTERS = 4096
DELIMITERS = (",", ";", "\t", "|")


class _Reader(Protocol):
    @property
    def line_num(self) -> int: ...

    def __iter__(self) -> Iterator[list[str]]: ...


@contextmanager
def open_rows(
    path: Path, delimiter: str
) -> Iterator[tuple[list[str], Iterator[tuple[int, list[str]]]]]:
    """The column names, and an iterator over (line number, fields). Raises TaskError.

    UTF-8, quotes as in RFC 4180, a header line; blank lines are skipped.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise TaskError(f"{path} has {size} bytes; at most {MAX_FILE_BYTES} are read")
        with open_text(path) as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            with _explained(path, reader):
                header = next(reader, None)
                if header is None:
                    raise TaskError(f"{path} is empty", "it needs a header line and rows")
                names = [name.strip() for name in header]
                _check_names(path, names)
                yield names, _rows(path, reader, len(names))
    except OSError as error:
        raise TaskError(f"can't read {path}: {error.strerror}") from error
    except NotText as error:
        raise TaskError(f"{path}: {error.message}", error.hint) from error


def guess_delimiter(path: Path) -> str:
    """The delimiter that occurs most often in the header line. Raises TaskError."""
    try:
        with open_text(path) as file:
            line = file.readline(MAX_COLUMNS * MAX_FIELD_CHARACTERS)
    except OSError as error:
        raise TaskError(f"can't read {path}: {error.strerror}") from error
    except NotText as error:
        raise TaskError(f"{path}: {error.message}", error.hint) from error
    return max(DELIMITERS, key=line.count)


@contextmanager
def _explained(path: Path, reader: _Reader) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise TaskError(f"{path} line {reader.line_num}: {error}") from error


def _check_names(path: Path, names: list[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise TaskError(f"{path} has {len(names)} columns; at most {MAX_COLUMNS} are read")
    for index, name in enumerate(names):
        if not name:
            raise TaskError(f"{path} line 1: column {index + 1} has no name")
        if name in names[:index]:
            raise TaskError(f"{path} line 1: two columns are named {name!r}")


def _rows(path: Path, reader: _Reader, columns: int) -> Iterator[tuple[int, list[str]]]:
    count = 0
    for row in reader:
        if not row:
            continue
        count += 1
        if count > MAX_ROWS:
            raise TaskError(f"{path} has more than {MAX_ROWS} rows")
        if len(row) != columns:
            raise TaskError(
                f"{path} line {reader.line_num}: {len(row)} fields where the header has {columns}"
            )
        if any(len(field) > MAX_FIELD_CHARACTERS for field in row):
            raise TaskError(
                f"{path} line {reader.line_num}: a field has more than"
                f" {MAX_FIELD_CHARACTERS} characters"
            )
        yield reader.line_num, [field.strip() for field in row]
