"""The live view on a terminal; plain lines everywhere else."""

from __future__ import annotations

import shutil
from typing import TextIO

from peerd.cli.output import colour, decimal, short, size, use_colour
from peerd.laboratory.swarm.watch import PeerView, Watch
from peerd.screen.picture import Line, Picture, Row, Weight, sparkline

HEADER = ("peer", "lie", "round", "phase", "here", "sent", "memory", "model", "blames")
SPARKS = 40


class Screen:
    """Draws a Watch on ``stream``."""

    def __init__(self, stream: TextIO, *, live: bool | None = None) -> None:
        self._stream = stream
        self._live = stream.isatty() if live is None else live
        self._drawn = 0  # lines of the frame on the terminal

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
        width, height = shutil.get_terminal_size()
        shown = render(watch, self._stream, width - 1, height - 1)
        for line in lines:
            print(line, file=self._stream)
        print(shown, file=self._stream, flush=True)
        self._drawn = len(shown.splitlines())

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


def render(watch: Watch, stream: TextIO, width: int = 80, height: int = 24) -> str:
    """The frame, of at most so many lines."""
    from peerd.screen.frame import text

    return text(picture(watch), stream, width, height, colour=use_colour(stream))


def picture(watch: Watch) -> Picture:
    """What is known of every daemon."""
    numbers = [view.round for view in watch.views if view.round is not None]
    done = sum(view.finished is not None for view in watch.views)
    title = f"peerd swarm · round {max(numbers, default=watch.first)} of {watch.first}…{watch.last}"
    title += f" · {len(watch.views)} daemons, {done} with a finished round"
    waits = [Line(f"peer {index}: {said}", Weight.AWAITED) for index, said in watch.waits.items()]
    lines = (*waits[:1], *_accuracy(watch))
    rows = tuple(_row(watch, view) for view in watch.views)
    return Picture(title, lines, HEADER, rows, "daemons")


def _accuracy(watch: Watch) -> list[Line]:
    found = watch.of_group or watch.of_sites
    if not found:
        return []
    what = "group accuracy" if watch.of_group else "accuracy at a site"
    rounds = range(watch.first, max(found) + 1)
    values = [found.get(number) for number in rounds]
    bars, best = sparkline(values, SPARKS), max(found.values())
    return [Line(f"{what} {bars} {decimal(found[max(found)])}, best {decimal(best)}")]


def _row(watch: Watch, view: PeerView) -> Row:
    blames = ", ".join(f"{watch.name(peer)} ({why})" for peer, why in view.blamed.items())
    cells = (
        f"peer {view.index}",
        view.lie or "-",
        "-" if view.round is None else str(view.round),
        view.phase if view.state == "running" else view.state,
        _plain(view.accuracy),
        size(view.bytes),
        size(view.resident) if view.resident else "-",
        short(view.model_hash),
        blames or "-",
    )
    ended = view.state not in ("running", "starting")
    return Row(cells, Weight.BAD if ended else Weight.NOTED if view.lie else Weight.CALM)


def _plain(value: float | None) -> str:
    """Without zeros that tell nothing."""
    if value is None:
        return "-"
    told = decimal(value)
    return told if "e" in told else told.rstrip("0").rstrip(".")
