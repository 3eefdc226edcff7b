"""What a daemon makes of its operator's signals, one after the other."""

from __future__ import annotations

import os
import re
import signal
from functools import partial
from pathlib import Path

import pytest
import trio

from peerd.config import Config
from peerd.runner.operators.signals import INTERRUPTED, heed_signals
from peerd.runner.operators.told import Told
from peerd.trail import Actor, Factor, TrailError
from tests.patience import HANG

TERM, INT, HUP = signal.SIGTERM, signal.SIGINT, signal.SIGHUP


class Recording:
    """A daemon that drains for ever; ``done``: what was done to it, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def drain(self) -> None:
        self.done.append("drain")
        await trio.sleep_forever()

    def stop(self, code: int) -> None:
        self.done.append(f"stop {code}")

    def reload(self) -> None:
        self.done.append("reload")


class Noted:
    """A trail. ``full``: it can't be written."""

    def __init__(self, *, full: bool = False) -> None:
        self.acts: list[tuple[str, str]] = []
        self._full = full

    async def noted(self, act: str, actor: Actor, **arguments: object) -> None:
        if self._full:
            raise TrailError("no space left on device")
        assert actor == Actor(Factor.SIGNAL)
        self.acts.append((act, str(arguments["signal"])))


@pytest.mark.parametrize(
    ("sent", "done"),
    [
        ([TERM], ["drain"]),
        ([INT], ["stop 0"]),
        ([TERM, TERM], ["drain", f"stop {INTERRUPTED}"]),
        ([TERM, INT], ["drain", f"stop {INTERRUPTED}"]),
        ([HUP, HUP, INT], ["reload", "reload", "stop 0"]),
        ([TERM, HUP, TERM], ["drain", "reload", f"stop {INTERRUPTED}"]),
    ],
)
def test_signals(sent: list[int], done: list[str]) -> None:
    trail = Noted()
    assert trio.run(heeded, Told(), sent, len(done), trail) == done
    assert [act for act, _ in trail.acts] == [each.split()[0] for each in done]
    assert [name for _, name in trail.acts] == [each.name for each in sent]


def test_a_full_disk_keeps_nobody_from_stopping_and_changes_nothing_else() -> None:
    sent = [HUP, TERM, TERM]
    found = trio.run(heeded, Told(), sent, 2, Noted(full=True), False)
    assert found == ["drain", f"stop {INTERRUPTED}"]


def test_what_came_before_anybody_heeded_it_is_heeded_then() -> None:
    before = Told()
    handlers = [(number, signal.getsignal(number)) for number in (TERM, INT, HUP)]
    try:
        before.note()
        for number in (TERM, HUP, INT):  # SIGHUP is ignored until there is something to read again
            os.kill(os.getpid(), number)
        assert {*trio.run(heeded, before, [], 2)} == {"drain", f"stop {INTERRUPTED}"}
        os.kill(os.getpid(), TERM)  # while all is closed: it ends nothing
        assert before.taken() == [TERM]
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)


async def heeded(
    before: Told, sent: list[int], expected: int, trail: Noted | None = None, waits: bool = True
) -> list[str]:
    """What is done to a daemon that is sent these, each once it has done something of the last."""
    daemon = Recording()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(heed_signals, daemon, nursery, before, trail or Noted()))
        for count, number in enumerate(sent, start=1):
            os.kill(os.getpid(), number)
            await until(daemon, count if waits else count - 1)
        await until(daemon, expected)
        nursery.cancel_scope.cancel()
    return daemon.done


async def until(daemon: Recording, count: int) -> None:
    with trio.fail_after(HANG):
        while len(daemon.done) < count:
            await trio.sleep(0.001)


ROOT = Path(__file__).parents[3]
DRAIN_SECONDS: int = Config.__dataclass_fields__["drain_seconds"].default


def test_containers_are_given_the_time_to_drain() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    (grace,) = re.findall(r"stop_grace_period: (\d+)s", compose)
    (stop,) = re.findall(r"docker stop --time (\d+)", (ROOT / "docs/operate/run.md").read_text())
    assert int(grace) > DRAIN_SECONDS and int(stop) > DRAIN_SECONDS
