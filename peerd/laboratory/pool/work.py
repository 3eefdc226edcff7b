"""What is to be done in pieces, and who does it."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from peerd.errors import PeerdError, TaskError
from protocols.errors import ProtocolError

DONE, FAILED, RAISED = "done", "failed", "raised"
MEMORY_OR_KILLED = "memory may be short; run it again"

Answer = tuple[str, Any]
"""DONE and the result; FAILED and the line that says why there is none; RAISED and a traceback."""


@dataclass(frozen=True)
class Work:
    """``function`` of each of ``items``, both pickled: so a function of a module. ``titles``: what
    each is called in errors. ``loads``: the module that has most of what it imports.
    """

    function: Callable[[Any], Any]
    items: Sequence[Any]
    titles: Sequence[str]
    loads: str


Results = Generator[tuple[int, Any], None, None]
"""The index of an item and its result, as they finish."""


class Pool(Protocol):
    """Who does work."""

    def run(self, work: Work) -> Results:
        """Nothing is left running when it ends, is closed, or raises TaskError for a piece that
        can't be done.
        """


class Alone:
    """This process itself, one piece after another."""

    def run(self, work: Work) -> Results:
        """In their order."""
        for index, item in enumerate(work.items):
            yield index, work.function(item)


def answer_of(function: Callable[[Any], Any], item: Any) -> Answer:
    """In the piece's own process."""
    try:
        return DONE, function(item)
    except (PeerdError, ProtocolError) as error:
        return FAILED, str(error)
    except Exception:  # whatever it is: its story goes to whoever asked for the piece
        return RAISED, traceback.format_exc()


def result_of(answer: Answer, title: str, where: str = "") -> Any:
    """What came out of a piece. TaskError, with its title, where nothing did; a traceback goes to
    standard error.
    """
    how, what = answer
    if how == DONE:
        return what
    if how == RAISED:
        sys.stderr.write(what)
        what = "it raised what is above"
    raise TaskError(f"{title}{where}: {what}")


def ending(code: int | None) -> str:
    """How a process ended that gave no answer: ``code`` as of subprocess, below 0 for a signal."""
    if code is not None and code < 0:
        return f"its process was killed by signal {-code}; {MEMORY_OR_KILLED}"
    return f"its process ended with status {code}"
