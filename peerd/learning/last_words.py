"""What a training worker said of its end, out of all that it writes to its standard error.

A task's own prints are not among it: they may be rows. What Python, the loader and C++ say as a
process dies is, and so is an exception, as the line of a task that fails quotes it: for the eyes of
whoever sits before it, never for the status or a record.
"""

from __future__ import annotations

import re

from peerd.errors import printable

MAX_SAID = 300
"""Characters that are shown."""
MAX_LINES = 3

_TRACEBACK = "Traceback (most recent call last)"
_FATAL = re.compile(
    r"Fatal Python error: |terminate called |  what\(\): |\S*python\S*: |\S+: error while loading "
)


class LastWords:
    """Lines go in as they come; ``said`` is what of them tells of an end, on one line."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._raised = False

    def hear(self, line: str) -> None:
        if line.startswith(_TRACEBACK):
            self._lines, self._raised = [], True
        elif self._raised and line and not line[0].isspace():
            self._raised = False
            self._lines.append(line)
        elif _FATAL.match(line):
            self._lines.append(line)
        del self._lines[:-MAX_LINES]

    def forget(self) -> None:
        """It lives: what it said was no end."""
        self._lines, self._raised = [], False

    @property
    def said(self) -> str:
        """ "" where it said nothing that can be shown."""
        text = printable("; ".join(line.strip() for line in self._lines))
        return text if len(text) <= MAX_SAID else text[:MAX_SAID] + "…"
