"""Four real daemons: metrics, a rotated log, a configuration that is read again, and drains."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trio

from peerd.cli.task_arguments import TaskRequest
from peerd.laboratory.swarm.layout import Layout, lay_out
from peerd.laboratory.swarm.options import MAX_ROUNDS, SwarmOptions
from peerd.runner.operators.signals import INTERRUPTED
from peerd.status.client import get, get_bytes
from peerd.storage import Store
from tests.network.group import Group, ledgers, running
from tests.patience import HANG
from tests.unit.metrics.metrics_world import names_in, parsed
from tests.unit.metrics.promtool import PROMTOOL, promtool
from tests.unit.metrics.test_metrics_files import alerts, expressions, selectors

SEED = 5
WATCHED, LEAVING, STUCK = 1, 2, 3
"""Peers: whose log, metrics and configuration are looked at; that drains; whose round can't end."""
DIGITS = TaskRequest("digits", "rsa", {}, {})

pytestmark = pytest.mark.swarm


def send(group: Group, peer: int, number: signal.Signals) -> None:
    pid = group.daemons[peer].pid
    assert pid is not None
    os.kill(pid, number)


async def until(what: Callable[[], object]) -> None:
    with trio.fail_after(HANG):
        while not what():
            await trio.sleep(0.02)


async def ended(group: Group, peer: int) -> int:
    """The exit code of a daemon that was told to end."""
    await until(lambda: group.daemons[peer].pid is None)
    process = group.daemons[peer]._process
    assert process is not None and process.returncode is not None
    return process.returncode


def lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def events(path: Path) -> set[str]:
    return {line["event"] for line in lines(path)}


class Play:
    """What was seen, step after step."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.place = layout.places[WATCHED]
        self.file = self.place.config.parent / "peerd.log"
        self.moved = self.file.with_suffix(".1")
        self.config = ""
        self.seen: dict[str, Any] = {}

    def configure(self) -> None:
        """A log in a file, and metrics on TCP."""
        text = self.place.config.read_text()
        text = text.replace('# file = "', 'file = "').replace("127.0.0.1:9464", "127.0.0.1:0")
        self.config = text.replace('# listen = "127', 'listen = "127')
        self.place.config.write_text(self.config)

    async def run(self) -> None:
        self.configure()
        async with running(self.layout, SEED, print) as group:
            await group.complete(0, group.everybody)
            await self.metrics()
            await self.hang_up(group)
            await self.leave(group)
            await self.get_stuck(group)

    async def metrics(self) -> None:
        self.seen["socket"] = await get_bytes(self.place.socket, "/metrics")
        (port,) = (line["port"] for line in lines(self.file) if line["event"] == "metrics")
        url = f"http://127.0.0.1:{port}/metrics"
        self.seen["tcp"] = await trio.to_thread.run_sync(lambda: urllib.request.urlopen(url).read())

    async def hang_up(self, group: Group) -> None:
        """The log is rotated; then one key waits for a restart; then the file is broken."""
        before = group.daemons[WATCHED].pid
        self.file.rename(self.moved)
        quiet = self.config.replace('level = "info"', 'level = "warning"')
        self.place.config.write_text(quiet)
        send(group, WATCHED, signal.SIGHUP)
        await until(self.file.exists)
        other = quiet.replace(f"rounds = {MAX_ROUNDS}", f"rounds = {MAX_ROUNDS - 1}")
        self.place.config.write_text(other)
        send(group, WATCHED, signal.SIGHUP)
        await until(lambda: "needs a restart: rounds" in events(self.file))
        self.place.config.write_text(quiet + "[metrics\n")
        send(group, WATCHED, signal.SIGHUP)
        await until(lambda: "the configuration stays as it was" in events(self.file))
        await group.together()
        self.seen["status"] = await get(self.place.socket, "/v1/status")
        self.seen["lived"] = group.daemons[WATCHED].pid == before

    async def leave(self, group: Group) -> None:
        """In the midst of a round; then it comes back."""
        round_ = await group.middle("waiting for dealings", LEAVING)
        group.failing.add(LEAVING)
        send(group, LEAVING, signal.SIGTERM)
        self.seen["drained"] = await ended(group, LEAVING)
        await until(lambda: LEAVING in group.ended)
        with Store.open(self.layout.places[LEAVING].data) as store:
            self.seen["left behind"] = (round_, store.head())
        group.start(LEAVING)
        await group.together()
        self.seen["together"] = min(group.finished.values())

    async def get_stuck(self, group: Group) -> None:
        """Two of four are frozen, so that no round ends: one that drains waits in vain. All signals
        come within the deadline for commitments: without a quorum the attempt ends with that.
        """
        config = self.layout.places[LEAVING].config
        config.write_text(config.read_text().replace("drain_seconds = 60", "drain_seconds = 1"))
        send(group, LEAVING, signal.SIGHUP)
        log = self.layout.places[LEAVING].log
        await until(lambda: "configuration read again" in events(log))
        while True:
            await group.middle("collecting commitments", STUCK)
            with group.frozen(0), group.frozen(WATCHED):
                if await self.hold_up():
                    group.failing |= {LEAVING, STUCK}
                    await self.end_in_vain(group)
                    return

    async def hold_up(self) -> bool:
        """Whether those two were frozen in time: on a busy machine the round may be beyond it."""
        sockets = (self.layout.places[peer].socket for peer in (LEAVING, STUCK))
        phases = {str((await get(socket, "/v1/status"))["phase"]) for socket in sockets}
        return phases == {"collecting commitments"}

    async def end_in_vain(self, group: Group) -> None:
        send(group, LEAVING, signal.SIGTERM)
        send(group, STUCK, signal.SIGTERM)
        socket = self.layout.places[STUCK].socket
        with trio.fail_after(HANG):
            while not (await get(socket, "/v1/status"))["draining"]:
                await trio.sleep(0.02)
        send(group, STUCK, signal.SIGTERM)
        self.seen["time over"] = await ended(group, LEAVING)
        self.seen["told again"] = await ended(group, STUCK)
        await until(lambda: {LEAVING, STUCK} <= group.ended.keys())


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    directory = Path(tempfile.mkdtemp(prefix="peerd-sig-"))

    async def main() -> Play:
        options = SwarmOptions(4, MAX_ROUNDS, DIGITS, (), SEED)
        played = Play(await lay_out(options, directory))
        await played.run()
        return played

    yield trio.run(main)
    shutil.rmtree(directory)


def test_the_metrics_are_on_the_socket_and_on_tcp(play: Play) -> None:
    for text in (play.seen["socket"], play.seen["tcp"]):
        samples = parsed(text)
        assert samples["peerd_rounds_total", (("outcome", "completed"),)] >= 1
        assert samples["peerd_connected_peers", ()] == 3
        assert samples["peerd_trainings_total", ()] >= 1
        assert samples["peerd_data_bytes", ()] > 0
        assert samples["process_resident_memory_bytes", ()] > 10**7
        assert samples["peerd_worker_process_resident_memory_bytes", ()] > 10**7
        assert sum(name == "peerd_peer_received_bytes_total" for name, _ in samples) == 3
        for place in play.layout.places:
            assert place.identity.peer_id.encode() not in text
    if PROMTOOL:
        promtool("check", "metrics", text=play.seen["socket"])


def test_a_daemon_exposes_all_that_the_alerts_and_the_dashboard_name(play: Play) -> None:
    known = names_in(play.seen["socket"]) | {"up"}
    for promql in (*(rule["expr"] for rule in alerts()), *expressions()):
        assert {name for name, _ in selectors(promql)} <= known, promql


def test_hanging_up_reads_the_configuration_and_ends_nothing(play: Play) -> None:
    assert play.seen["lived"]
    assert {"metrics", "round completed"} <= events(play.moved)
    (wrong,) = (each for each in lines(play.file) if each["level"] == "error")
    assert str(play.place.config) in wrong["file"] and "not TOML" in wrong["reason"]
    (warning,) = play.seen["status"]["warnings"]
    assert "not TOML" in warning
    assert "round completed" not in events(play.file)  # the level is "warning" now
    assert play.place.log.read_text() == ""


def test_a_drained_daemon_ends_its_round_and_begins_no_other(play: Play) -> None:
    round_, head = play.seen["left behind"]
    assert play.seen["drained"] == 0
    assert head == round_


def test_a_round_that_can_not_end_holds_nobody_longer_than_allowed(play: Play) -> None:
    assert play.seen["time over"] == 0
    (over,) = (
        each["in_the_midst"]
        for each in lines(play.layout.places[LEAVING].log)
        if each["event"] == "stopping" and each.get("in_the_midst")
    )
    assert over is True


def test_who_is_told_a_second_time_stops_at_once(play: Play) -> None:
    assert play.seen["told again"] == INTERRUPTED


def test_all_go_on_together_with_one_ledger(play: Play) -> None:
    assert ledgers(play.layout, play.seen["together"] + 1) == []
