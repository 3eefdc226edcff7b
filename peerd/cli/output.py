"""What commands print: JSON documents, tables, colour where a person looks, progress."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from peerd.errors import printable
from peerd.labels import short as short

COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}
PATIENCE_SECONDS = 1.0  # what takes longer shows that it is at work


def print_json(document: object) -> None:
    """One JSON document on standard output, keys in a stable order as given. What the stream's
    encoding lacks is written as JSON escapes it.
    """
    plain = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    json.dump(document, sys.stdout, indent=2, ensure_ascii=plain, allow_nan=False)
    sys.stdout.write("\n")


def say(line: str) -> None:
    """One line, whatever a stranger wrote into it: nothing in it commands the terminal, or looks
    like a line of its own. What would is shown as its number.
    """
    print("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line))


def use_colour(stream: TextIO) -> bool:
    """Whether ``stream`` is a terminal and NO_COLOR (no-color.org) does not forbid it."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def colour(text: str, name: str, stream: TextIO | None = None) -> str:
    """``text`` in a colour of COLOURS, or as it is."""
    if not use_colour(stream or sys.stdout):
        return text
    return f"\x1b[{COLOURS[name]}m{text}\x1b[0m"


def quiet_logs() -> None:
    """Warnings only, on standard error: a command's output is not a log. PEERD_DEBUG: all."""
    from peerd.logging import configure

    configure("debug" if os.environ.get("PEERD_DEBUG") else "warning")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns padded to their widest cell; the header in capitals. No trailing spaces."""
    lines = [[name.upper() for name in header], *([_cell(each) for each in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def decimal(value: float) -> str:
    """Three places, as far as they tell anything: 0.935, 1234.5, 1.2e+30."""
    tells = value == 0 or 0.0005 <= abs(value) < 1e6
    return f"{value:.3f}" if tells else f"{value:.3g}"


def share(value: float) -> str:
    """A metric for people: 93.5% of what is a share (0…1), and a number of what can be none."""
    return f"{value:.1%}" if 0 <= value <= 1 else decimal(value)


def size(count: float) -> str:
    """Bytes for people: 1.5 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say on standard error that ``what`` is under way if it takes longer than a second."""
    done = threading.Event()
    thread = threading.Thread(target=_report, args=(what, done), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _report(what: str, done: threading.Event) -> None:
    started = time.monotonic()
    if done.wait(PATIENCE_SECONDS):
        return
    stream = sys.stderr
    if not stream.isatty():
        print(f"{what} …", file=stream, flush=True)
        return
    while not done.wait(0.5):
        seconds = time.monotonic() - started
        print(f"\r{what} … {seconds:.0f} s", end="", file=stream, flush=True)
    print(f"\r{' ' * (len(what) + 12)}\r", end="", file=stream, flush=True)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        text = decimal(value)
        return text if "e" in text else text.rstrip("0").rstrip(".")
    return printable(str(value))  # a name in a file or a genesis may hold a terminal's commands


def measures(metrics: object) -> str:
    """A task's own metrics: ``rmse 52.4, r2 0.489``; "" where it has none."""
    if not isinstance(metrics, dict):
        return ""
    return ", ".join(
        f"{name} {value:.3g}" for name, value in metrics.items() if isinstance(value, int | float)
    )
