"""A trail that is read: record after record, bounded, up to the first that is wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from peerd.errors import StorageError
from peerd.trail.record import BEFORE, BEGIN, MAX_LINE, BadRecord, Head, read

MAX_NOTED = 16
"""Times at which the clock went back that are named."""


def opened(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of the regular file at ``path``; no link is followed. FileNotFoundError,
    StorageError.
    """
    try:
        found = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"can't open the trail {path}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise StorageError(f"the trail {path} is no regular file", "look at what it is")
    return found


@dataclass(slots=True)
class Walk:
    """What was found. ``whole``: bytes of the good records from the file's start on, ``rest`` those
    behind them, up to MAX_LINE + 1; ``why``: what is wrong with the line behind ``head``, None if
    nothing; ``last``: whether nothing but that line is behind it; ``first``: the first record's
    number; ``known``: whether the head that was looked for is among the records.
    """

    head: Head = BEFORE
    first: int = 0
    records: int = 0
    whole: int = 0
    rest: bytes = b""
    why: str | None = None
    last: bool = True
    known: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def torn(self) -> bool:
        """Nothing is wrong but at the end, as a power cut leaves it, or a daemon that writes."""
        return self.why is not None and self.last

    @property
    def bad(self) -> int:
        """The number of the record that is wrong."""
        return self.head.number + 1


def records(path: Path) -> Iterator[dict[str, Any]]:
    """Those that are good, each with its ``hash``. FileNotFoundError, StorageError."""
    with os.fdopen(opened(path), "rb") as file:
        yield from _records(file, Walk())


def walk(path: Path, wanted: Head | None = None) -> Walk:
    """All of it; ``wanted``: a head that is to be among its records. FileNotFoundError,
    StorageError.
    """
    with os.fdopen(opened(path), "rb") as file:
        return walk_of(file, wanted)


def walk_of(file: BinaryIO, wanted: Head | None) -> Walk:
    """As ``walk``, from where ``file`` stands. A head that begins anew was there before it."""
    found, time = Walk(known=wanted in (None, BEFORE)), ""
    for each in _records(file, found):
        here = Head(each["number"], each["hash"])
        follows = each["act"] == BEGIN and Head(here.number - 1, each["previous"]) == wanted
        found.known |= here == wanted or follows
        if each["time"] < time and len(found.notes) < MAX_NOTED:
            found.notes.append(f"the clock went back before record {here.number}")
        time = each["time"]
    if found.records and found.first:
        found.notes.insert(0, f"records 0 to {found.first - 1} are in no file here")
    return found


def _records(file: BinaryIO, found: Walk) -> Iterator[dict[str, Any]]:
    before: Head | None = None
    while line := file.readline(MAX_LINE + 1):
        try:
            document = read(line, before)
        except BadRecord as error:
            found.rest, found.why = line, str(error)
            found.last = not file.read(1)
            return
        found.first = document["number"] if before is None else found.first
        before = found.head = Head(document["number"], document["hash"])
        found.records += 1
        found.whole += len(line)
        yield document
