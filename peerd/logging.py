"""Structured logs on standard error or in a file, without secrets (fault 53)."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path, PurePath
from threading import Lock
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from peerd.config import LogFormat, LogLevel
from peerd.errors import ConfigError, printable, with_kind
from peerd.labels import SHOWN
from protocols.secret import Secret

MAX_LOGGED_ITEMS = 64
MAX_LOGGED_TEXT = 2000  # characters
MAX_TRACEBACK = 20_000  # characters, the last ones
_MAX_DEPTH = 4
_TRACEBACK = "exception"


def configure(
    level: LogLevel = "info",
    format: LogFormat = "console",
    stream: TextIO | None = None,
    *,
    file: Path | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Sets up structlog for the whole process, and again: ``file`` is then opened anew, so that
    whoever rotates it moves it away first. ``stream``: standard error if None. ``names``: by peer
    id; a line about a ``peer`` then says its ``name`` as well. ConfigError for a file that can't be
    opened; then the log stays where it was.
    """
    output = _appended(file) if file else sys.stderr if stream is None else stream
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _naming(names or {}),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_tail(format, output),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _OUTPUT)),
        cache_logger_on_first_use=False,
    )
    _OUTPUT.turn_to(output, ours=file is not None)


def _appended(file: Path) -> TextIO:
    try:
        return file.open("a", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise ConfigError(
            f"log.file {file} can't be opened: {error.strerror}",
            "name a file in a directory that peerd may write to",
        ) from None


class _Lossy:
    """A log that can't be written loses lines: the disk that is full for it must not end the daemon
    in the midst of anything (fault 44: the store says so, at its next write).

    There is one of it, as structlog keeps a lock for each output that it was ever given.
    """

    def __init__(self) -> None:
        self._turn = Lock()
        self._stream: TextIO = sys.stderr
        self._ours = False

    def turn_to(self, stream: TextIO, *, ours: bool) -> None:
        """What is written from now on goes there. ``ours``: to be closed behind its last line."""
        with self._turn:
            before, self._stream = self._stream if self._ours else None, stream
            self._ours = ours
            if before is not None:
                with suppress(OSError):
                    before.close()

    def write(self, text: str) -> None:
        with self._turn, suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with self._turn, suppress(OSError):
            self._stream.flush()


_OUTPUT = _Lossy()


def _naming(names: Mapping[str, str]) -> Processor:
    """Some lines have a peer id whole, some its end: the end tells members apart."""
    by_end = {peer[-SHOWN:]: name for peer, name in names.items()}

    def named(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if event.get("name") is None and (name := by_end.get(str(event.get("peer"))[-SHOWN:])):
            event["name"] = name
        return event

    return named


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leaves only what can't be a secret, on one line, and bounded.

    A Secret becomes "Secret(…)", any byte string its length (a key has 32 bytes, like a hash: log
    a hash as hex), and an object of another type its type's name.
    """
    shown = {key: _shown(value, 0) for key, value in event.items() if key != _TRACEBACK}
    if _TRACEBACK in event:
        shown[_TRACEBACK] = str(event[_TRACEBACK])[-MAX_TRACEBACK:]
    return shown


def _tail(format: LogFormat, output: TextIO) -> list[Processor]:
    # A traceback becomes text (never with the frames' local variables, which hold keys) before
    # the redaction, which therefore has the last word.
    traceback = structlog.processors.ExceptionRenderer()
    if format == "json":
        return [traceback, redact, structlog.processors.JSONRenderer(sort_keys=True)]
    colors = output.isatty() and not os.environ.get("NO_COLOR")
    return [traceback, redact, structlog.dev.ConsoleRenderer(colors=colors)]


def _shown(value: Any, depth: int) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str() | PurePath() | Fraction():
            return _text(str(value))
        case Secret():
            return repr(value)
        case bytes() | bytearray() | memoryview():
            return f"<{memoryview(value).nbytes} bytes>"
        case BaseException():
            return _text(with_kind(value))
        case dict() | list() | tuple() | set() | frozenset() if depth >= _MAX_DEPTH:
            return "…"
        case dict():
            items = islice(value.items(), MAX_LOGGED_ITEMS)
            return {str(_shown(key, depth + 1)): _shown(item, depth + 1) for key, item in items}
        case list() | tuple() | set() | frozenset():
            return [_shown(item, depth + 1) for item in islice(value, MAX_LOGGED_ITEMS)]
    return f"<{type(value).__name__}>"


def _text(text: str) -> str:
    """A stranger's text can neither start a line of its own nor steer the terminal."""
    return printable(text if len(text) <= MAX_LOGGED_TEXT else text[:MAX_LOGGED_TEXT] + "…")
