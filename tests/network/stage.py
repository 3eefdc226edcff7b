"""What is around every story in namespaces: the folder in which it is played, the command line that
asks for it, and its tests, which need what not every machine allows.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

Say = Callable[[str], None]
Unavailable = Callable[[], str]
"""Why this machine can't play it; empty where it can."""


@dataclass
class Stage:
    """``told``: says a line with its time. ``wrong``: what the story has found, a line each."""

    directory: Path
    told: Say
    wrong: list[str] = field(default_factory=list)


@contextmanager
def stage(say: Say, prefix: str, *, keep: bool) -> Iterator[Stage]:
    """A new folder, which is removed behind the story. It is left, and named, if ``keep``, if the
    story raises, and where it has found something wrong.
    """
    directory, start = Path(tempfile.mkdtemp(prefix=prefix)), time.monotonic()
    made = Stage(directory, lambda line: say(f"{time.monotonic() - start:6.1f} s  {line}"))
    left = True
    try:
        yield made
        left = keep or bool(made.wrong)
    finally:
        if left:
            made.told(f"logs, keys and stores are in {directory}")
        else:
            shutil.rmtree(directory)


@dataclass(frozen=True)
class Command:
    """``script`` is the name that stands before its lines, ``kind`` what ``known`` are names of.
    ``play`` takes those that were asked for, or all, and returns what is wrong. ``number``: an
    option that takes one, with its default.
    """

    script: str
    about: str
    kind: str
    known: Sequence[str]
    unavailable: Unavailable
    play: Callable[[Sequence[str], argparse.Namespace, Say], Iterable[str]]
    number: tuple[str, int] | None = None

    def main(self) -> int:
        """The exit code: 1 when something is wrong, 2 when namespaces can't be used here."""
        asked = self._asked()
        if reason := self.unavailable():
            print(f"{self.script}: {reason}", file=sys.stderr)
            return 2
        names = getattr(asked, self.kind) or list(self.known)
        wrong = list(self.play(names, asked, partial(print, flush=True)))
        for line in wrong:
            print(f"{self.script}: broken: {line}", file=sys.stderr)
        return 1 if wrong else 0

    def _asked(self) -> argparse.Namespace:
        parser = argparse.ArgumentParser(description=self.about)
        known = ", ".join(self.known)
        parser.add_argument(self.kind, nargs="*", help=f"of {known}; default: all")
        if self.number is not None:
            option, default = self.number
            parser.add_argument(option, type=int, default=default, metavar="N")
        parser.add_argument("--keep", action="store_true", help="keep logs, keys and stores")
        asked = parser.parse_args()
        for name in getattr(asked, self.kind):
            if name not in self.known:
                parser.error(f"no {self.kind} {name!r}; there are {known}")
        return asked


def needs(unavailable: Unavailable) -> Any:
    """A module's fixture: its tests are skipped, with the reason, where it can't be played."""

    @pytest.fixture(scope="module", autouse=True)
    def allowed() -> None:
        if reason := unavailable():
            pytest.skip(reason)

    return allowed
