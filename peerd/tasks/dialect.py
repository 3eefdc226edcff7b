"""How a table's file is written, found from its first part: compression, encoding, delimiter."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from peerd.errors import TaskError

MAX_FILE_BYTES = 4 << 30
HEAD_BYTES = 1 << 20
DELIMITERS = (",", ";", "\t", "|")
PARQUET = "Parquet"
_SAMPLED = 100  # records by which a delimiter is judged
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[ \t,;|]*(?:\r\n|\r|\n)', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """``skipped``: lines in front of the header (a spreadsheet's ``sep=;``)."""

    encoding: str
    delimiter: str
    skipped: int = 0


class Source(io.RawIOBase):
    """A file's bytes, unpacked where it is gzip, and no more of them than MAX_FILE_BYTES."""

    def __init__(self, path: Path) -> None:
        self._path = path
        file = path.open("rb")
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self._file = gzip.GzipFile(fileobj=file) if packed else file
        self._below, self._count = file, 0

    def readable(self) -> bool:
        """Always; asked by whoever reads."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes. Raises TaskError (too many, or broken gzip)."""
        try:
            data = self._file.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise TaskError(f"{self._path} is a gzip file that is cut off or damaged") from error
        self._count += len(data)
        if self._count > MAX_FILE_BYTES:
            raise TaskError(f"{self._path} has more than {MAX_FILE_BYTES} bytes; split it")
        return data

    def close(self) -> None:
        """Closes the file."""
        self._below.close()
        super().close()


def find_dialect(path: Path) -> Dialect:
    """Raises TaskError (no text, empty) and OSError."""
    with Source(path) as source:
        head = source.read(HEAD_BYTES)
    if head.startswith(b"PAR1"):
        return Dialect(PARQUET, "")
    encoding = _encoding(path, head)
    text = head.decode(encoding, errors="ignore").removeprefix("\ufeff")
    if not text.strip():
        raise TaskError(f"{path} is empty", "it needs a header line and rows")
    if line := _SEPARATOR_LINE.match(text):
        if line[1] not in DELIMITERS:
            raise TaskError(f"{path} line 1: delimiter {line[1]!r} is none of , ; tab |")
        return Dialect(encoding, line[1], 1)
    return Dialect(encoding, _delimiter(text))


def _encoding(path: Path, head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\x00" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        if max(even, odd) < len(head) // 8 or min(even, odd) * 8 > max(even, odd):
            raise TaskError(f"{path} is no text: it has zero bytes", "save it as CSV or Parquet")
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(head) - error.start > 3 or len(head) < HEAD_BYTES:  # else a character cut in two
            return "cp1252"
    return "utf-8"


def _delimiter(text: str) -> str:
    """The one by which most records have as many fields as the header, and the most fields."""
    return max(DELIMITERS, key=lambda each: _fit(text, each))


def _fit(text: str, delimiter: str) -> tuple[bool, float, int]:
    widths = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                widths.append(len(row))
            if len(widths) > _SAMPLED:
                break
    except csv.Error:
        pass
    if len(widths) > 2:
        widths = widths[:-1]  # the last may be cut off
    if not widths:
        return False, 0.0, 0
    return widths[0] > 1, widths.count(widths[0]) / len(widths), widths[0]
