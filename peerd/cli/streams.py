"""The standard streams as commands find them: closed, full, or of a locale that lacks letters.

What can't be shown is escaped, what can't be written is one line and a code. Nothing is opened
under the numbers 0 to 2 in place of a stream that is closed: a file that got them would be written
into.
"""

from __future__ import annotations

import io
import os
import sys
from typing import ClassVar

INPUT, OUTPUT, ERRORS = range(3)


def prepare() -> None:
    """For the entry point: once, before anything is opened or printed. May start Python anew."""
    _take_numbers()
    _leave_ascii()
    if sys.stdin is None:
        nothing = io.BufferedReader(io.FileIO(INPUT, "r", closefd=False))
        sys.stdin = io.TextIOWrapper(nothing, encoding="utf-8")
    sys.stdout = _text(_Output(OUTPUT, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Errors(ERRORS, "w", closefd=False), sys.stderr)


def flush_output() -> None:
    """Raises OSError, which names the stream, if what was printed can't be written."""
    if sys.stdout is not None:
        sys.stdout.flush()
    if _Output.failure is not None:  # argparse passes over it
        raise _Output.failure


def abandon_output() -> None:
    """Nobody reads it: what is left of it goes nowhere. Python would complain of it at its end."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, OUTPUT)
    os.close(nothing)


def _take_numbers() -> None:
    """A closed stream becomes one that fails (output: it is missed), or one without an end.

    The lowest number that is free is the one that ``open`` gives.
    """
    for number, mode in ((INPUT, os.O_RDONLY), (OUTPUT, os.O_RDONLY), (ERRORS, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)


def _leave_ascii() -> None:
    """Where the locale is ASCII, names of files and texts are UTF-8 all the same; only what is
    shown is escaped. Python decides on names of files as it starts.
    """
    if sys.getfilesystemencoding() == "utf-8" or not sys.executable:
        return
    if "é".encode(sys.getfilesystemencoding(), "ignore"):
        return  # a locale of its own: names of files are what it says
    os.environ["PYTHONUTF8"] = "1"
    os.environ.setdefault("PYTHONIOENCODING", "ascii:backslashreplace")
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


class _Output(io.FileIO):
    """An error of it is no fault of peerd's: it has a name, by which it is told."""

    failure: ClassVar[OSError | None] = None

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]
        except BrokenPipeError:
            raise
        except OSError as error:
            _Output.failure = OSError(error.errno, error.strerror, "standard output")
            raise _Output.failure from None


class _Errors(io.FileIO):
    """Where nobody can be told of it, what can't be written is lost."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        try:
            return super().write(data)
        except OSError:
            return len(data)


def _text(raw: io.FileIO, before: object) -> io.TextIOWrapper:
    """As Python made it (``before``; None for a closed one), but for what can't be shown."""
    at_once = getattr(before, "write_through", False)  # python -u
    return io.TextIOWrapper(
        raw if at_once else io.BufferedWriter(raw),
        encoding=getattr(before, "encoding", "utf-8"),
        errors="backslashreplace",
        line_buffering=getattr(before, "line_buffering", False),
        write_through=at_once,
    )
