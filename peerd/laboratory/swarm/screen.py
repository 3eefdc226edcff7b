"""The live table on a terminal; plain lines everywhere else."""

from __future__ import annotations

import shutil
from typing import TextIO

from peerd.cli.output import colour, short, size, table
from peerd.laboratory.swarm.watch import PeerView, Watch

HEADER = (
    *("peer", "lie", "state", "round", "phase", "group", "here", "sent", "memory", "model"),
    "blames",
)


class Screen:
    """Draws a Watch on ``stream``."""

    def __init__(self, stream: TextIO, *, live: bool | None = None) -> None:
        self._stream = stream
        self._live = stream.isatty() if live is None else live
        self._drawn = 0  # lines of the table on the terminal

    def say(self, line: str) -> None:
        """One line, above the table."""
        self._erase()
        print(line, file=self._stream, flush=True)

    def draw(self, watch: Watch, *, last: bool = False) -> None:
        """Print the new lines; on a terminal, draw the table again below them."""
        lines = watch.take_lines(everything=last)
        if not self._live:
            for line in lines:
                print(line, file=self._stream, flush=True)
            return
        self._erase()
        text = render(watch)
        width = shutil.get_terminal_size().columns
        shown = [line[: width - 1] for line in text.splitlines()]
        for line in lines:
            print(line, file=self._stream)
        print("\n".join(shown), file=self._stream, flush=True)
        self._drawn = len(shown)

    def close(self, watch: Watch) -> None:
        """Leave the last table standing."""
        self.draw(watch, last=True)
        self._drawn = 0

    def _erase(self) -> None:
        if self._drawn:
            print(f"\x1b[{self._drawn}F\x1b[J", end="", file=self._stream)
            self._drawn = 0

    def heading(self, text: str) -> None:
        """A line that opens a part."""
        self.say(colour(text, "bold", self._stream))


def render(watch: Watch) -> str:
    """The table."""
    return table(HEADER, [_row(watch, view) for view in watch.views])


def _row(watch: Watch, view: PeerView) -> tuple[object, ...]:
    return (
        view.index,
        view.lie,
        view.state,
        view.round,
        view.phase,
        view.group,
        view.accuracy,
        size(view.bytes),
        size(view.resident) if view.resident else None,
        short(view.model_hash),
        ", ".join(f"{watch.name(peer)} ({reason})" for peer, reason in view.blamed.items()) or "-",
    )
