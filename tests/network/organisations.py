"""Organisations with a machine each: what their operators type there, and send each other.

A machine is a folder and a network namespace; nothing but the commands that the documentation has
changes what is on it.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from peerd.errors import PeerdError
from peerd.status.client import get
from tests.network.namespaces import Network

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds for anything to happen: a bound on hangs."""
COMMAND_SECONDS = 300.0
_POLL = 0.2
PYTHON = (sys.executable, "-W", "ignore", "-m", "peerd")

Say = Callable[[str], None]


class Broken(AssertionError):
    """Something was not as the documentation says; the message has what was seen."""


@dataclass
class Organisation:
    """``host``: its place in ``network``. ``installation``: where its copy of peerd is."""

    name: str
    folder: Path
    network: Network
    host: int
    say: Say
    installation: Path = ROOT
    daemon: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    # -- what is typed -------------------------------------------------------------------------

    def peerd(self, *words: str, code: int = 0, typed: str = "", quiet: bool = False) -> str:
        """What a command printed on both channels. Broken unless it ends with ``code``.

        ``typed``: on its standard input. ``quiet``: the output is not told.
        """
        self.say(f"{self.name}$ {shlex.join(['peerd', *words])}")
        done = subprocess.run(
            self._here(PYTHON, words),
            cwd=self.folder,
            env=self._environment(),
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        if not quiet or done.returncode != code:
            _indent(self.say, done.stdout)
        if done.returncode:
            self.say(f"  (exit code {done.returncode})")
        if done.returncode != code:
            raise Broken(
                f"{self.name}: peerd {shlex.join(words)}: exit code {done.returncode}, and not"
                f" {code}:\n{done.stdout}"
            )
        return done.stdout

    def read(self, url: str) -> str:
        """What curl prints of the status socket."""
        words = ["curl", "-s", "--unix-socket", "data/run/status.sock", f"http://peerd{url}"]
        self.say(f"{self.name}$ {shlex.join(words)}")
        done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def _here(self, command: Sequence[str], words: Sequence[str]) -> list[str]:
        return self.network.command(self.host, [*command, *words])

    def _environment(self) -> dict[str, str]:
        """``-m`` finds the installation: the working directory has none."""
        return {**os.environ, "PYTHONPATH": str(self.installation), "COLUMNS": "100"}

    def tells(self, what: str) -> None:
        """What the operator does without peerd."""
        self.say(f"# {self.name} {what}")

    # -- its daemon ----------------------------------------------------------------------------

    def start(self, *options: str) -> None:
        """In the background; what it logs goes to peerd.log."""
        self.say(f"{self.name}$ {shlex.join(['peerd', 'run', *options])} 2>> peerd.log &")
        with (self.folder / "peerd.log").open("ab") as log:
            self.daemon = subprocess.Popen(
                self._here(PYTHON, ["run", *options]),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def signal(self, number: signal.Signals) -> None:
        """To the daemon, which is told."""
        assert self.daemon is not None
        self.say(f"{self.name}$ kill -{number.name.removeprefix('SIG')} {self.daemon.pid}")
        self.daemon.send_signal(number)

    def ended(self) -> int:
        """The daemon's exit code, once it has one. Broken if that takes too long."""
        assert self.daemon is not None
        try:
            code = self.daemon.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Broken(f"{self.name}: the daemon goes on; {self.last_lines()}") from None
        self.daemon = None
        self.say(f"# the daemon of {self.name} has ended with exit code {code}")
        return code

    def kill(self) -> None:
        """However it stands, so that nothing is left."""
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGCONT)
            self.daemon.kill()
            self.daemon.wait()

    def log(self) -> str:
        """What the daemon has logged in all its lives."""
        path = self.folder / "peerd.log"
        return path.read_text() if path.exists() else ""

    def last_lines(self) -> str:
        """The end of its log."""
        return "\n".join(self.log().splitlines()[-15:])

    # -- what the test looks at without telling ------------------------------------------------

    def look(self, url: str = "/v1/status") -> dict[str, Any] | None:
        """A document of the status socket; None where nobody answers."""
        try:
            return trio.run(get, self.folder / "data/run/status.sock", url)
        except (PeerdError, OSError):
            return None

    def head(self) -> int:
        """The last round that this daemon knows to be certified; -2 where it does not answer."""
        found = self.look()
        head = None if found is None else found.get("head")
        return head if isinstance(head, int) else -2

    def rounds(self) -> dict[int, dict[str, Any]]:
        """The rounds that its daemon remembers."""
        found = self.look("/v1/rounds?limit=1000")
        return {} if found is None else {each["round"]: each for each in found["rounds"]}


def until(what: str, condition: Callable[[], bool], members: Iterable[Organisation]) -> float:
    """The seconds until ``condition`` holds. Broken where it does not, or a daemon ends."""
    members = list(members)
    start = time.monotonic()
    while not condition():
        for each in members:
            if each.daemon is not None and each.daemon.poll() is not None:
                raise Broken(f"{each.name}: the daemon has ended; its log: {each.last_lines()}")
        if time.monotonic() - start > PATIENCE:
            stand = "\n".join(f"{each.name}: {each.look()}" for each in members)
            raise Broken(f"waited {PATIENCE:.0f} s until {what}; {stand}")
        time.sleep(_POLL)
    return time.monotonic() - start


def send(file: str, sender: Organisation, to: Iterable[Organisation], name: str = "") -> None:
    """A copy of a file, as it would go by mail."""
    others = [each for each in to if each is not sender]
    label = f" as {name}" if name else ""
    sender.tells(f"sends {file} to {', '.join(each.name for each in others)}{label}")
    for each in others:
        shutil.copyfile(sender.folder / file, each.folder / (name or file))


def _indent(say: Say, text: str) -> None:
    for line in text.rstrip("\n").split("\n") if text else ():
        say(f"  {line}")
