"""Organisations on this machine, each with a daemon and the commands that its operator types."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import trio

from peerd.cli.task_arguments import TaskRequest
from peerd.errors import PeerdError
from peerd.laboratory.swarm.layout import _free_ports, lay_out
from peerd.laboratory.swarm.options import MAX_ROUNDS, SwarmOptions
from peerd.laboratory.swarm.process import SINGLE_THREAD
from peerd.status.client import get
from protocols.plan import CommitteePlan, plan_group
from tests.network.group import WORK

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {
    **os.environ,
    **dict.fromkeys(SINGLE_THREAD, "1"),
    "PYTHONPATH": str(ROOT),
}
PATIENCE = 600.0
"""Seconds for anything to happen; only a group that hangs takes so long."""


@dataclass(frozen=True)
class OneLiar(SwarmOptions):
    """All are honest, and the plan could bear one that isn't."""

    @property
    def adversary(self) -> Fraction:
        return Fraction(1, self.peers)

    @property
    def plan(self) -> CommitteePlan:
        return plan_group(self.peers, self.adversary, Fraction(0))


@dataclass
class Site:
    """``config``: its peerd.toml, beside its key. ``genesis``: the file that this names."""

    config: Path
    genesis: Path
    process: subprocess.Popen[bytes] | None = None
    lives: list[int] = field(default_factory=list)

    @property
    def key(self) -> Path:
        return self.config.parent / "peer.key"

    @property
    def data(self) -> Path:
        return self.config.parent / "data"

    @property
    def log(self) -> Path:
        return self.config.parent / "daemon.log"

    def start(self, *command: str, python: Path | None = None) -> None:
        """``command``: what runs in the place of 'peerd run'. ``python``: of an environment that
        has another peerd.
        """
        words = command or ("-m", "peerd", "run")
        environment = {**ENVIRONMENT, **({} if python is None else {"PYTHONPATH": ""})}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [python or sys.executable, *words, "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.config.parent,
            )
        self.lives.append(self.process.pid)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ended(self) -> int | None:
        return None if self.process is None else self.process.poll()

    def ask(self, target: str = "/v1/status") -> dict[str, Any]:
        """Empty where no daemon answers."""
        try:
            return trio.run(get, self.data / "run" / "status.sock", target)
        except PeerdError:
            return {}

    def head(self) -> int:
        return int(self.ask().get("head", -1))

    def group(self) -> str:
        return str(self.ask().get("group", ""))

    def last_words(self) -> str:
        return self.log.read_text()[-1500:] if self.log.exists() else ""


def run(*words: str, cwd: Path | None = None, code: int = 0) -> str:
    """What ``peerd`` prints, as an operator types it."""
    done = subprocess.run(
        [sys.executable, "-m", "peerd", *words],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        cwd=cwd,
        check=False,
    )
    assert done.returncode == code, (words, done.returncode, done.stdout + done.stderr)
    return done.stdout + done.stderr


def until(what: str, holds: Callable[[], bool], sites: Sequence[Site]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            told = [
                f"{site.config.parent.name}: {site.ask()}\n{site.last_words()}" for site in sites
            ]
            raise AssertionError(f"not in time: {what}\n" + "\n\n".join(told))
        time.sleep(0.2)


@contextmanager
def founded(directory: Path, count: int, work: TaskRequest = WORK) -> Iterator[list[Site]]:
    """``count`` members of a group, and a stranger; all are stopped at the end."""
    layout = trio.run(lay_out, OneLiar(count, MAX_ROUNDS, work, (), 3, evaluates=False), directory)
    sites = [Site(place.config, layout.genesis_path) for place in layout.places]
    (port,) = _free_ports(1)
    bootstrap = layout.places[0].address
    words = ["init", str(directory / "new"), "--listen", f"/ip4/127.0.0.1/tcp/{port}"]
    run(*words, "--bootstrap", bootstrap, "--partition", f"0/{count}")
    sites.append(Site(directory / "new/peerd.toml", directory / "new/genesis.json"))
    try:
        yield sites
    finally:
        for site in sites:
            site.kill()


def commands(page: str) -> list[str]:
    """What a page of docs says to type."""
    return [line for line, _ in shown(page)]


def shown(page: str) -> list[tuple[str, str]]:
    """The same, each with what the page says that it prints; "" where it says nothing."""
    text = (ROOT / "docs" / page).read_text()
    pattern = r"^\s*\$ peerd (.*(?:\\\n.*)*)\n((?:(?!```|\s*\$ ).*\n)*)"
    found = re.findall(pattern, "\n".join(re.findall(r"```console\n(.*?)```", text, re.S)), re.M)
    return [(re.sub(r"\\\n\s*", "", line), printed) for line, printed in found]


def typed(line: str, **values: str) -> list[str]:
    """A documented command with what stands for this site's own in its place."""
    for name, value in values.items():
        line = re.sub(rf"\b{name}\b", lambda _, value=value: shlex.quote(value), line)
    return shlex.split(line, comments=True)
