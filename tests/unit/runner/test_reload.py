"""A configuration that is read again: what takes effect, what waits, and what is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
import trio
from structlog.testing import capture_logs

from peerd.config import Config, declared
from peerd.dashboard.port import DashboardPort
from peerd.dashboard.sources import Sources
from peerd.learning import Trainer, Training
from peerd.runner.operators import reload as reloading
from peerd.runner.operators.reload import differing, in_force, reload
from peerd.status import StatusBoard, Views
from peerd.status.control_port import ControlPort
from peerd.status.gate import Gate
from peerd.status.metrics_port import MetricsPort
from peerd.status.roles import Roles
from tests.certificates import Authority
from tests.unit.metrics.metrics_world import MEMBERS, genesis

BASE = 'data = "data"\nkey = "peer.key"\ngenesis = "genesis.json"\nstatus = "run/status.sock"\n'
MEMBER, STRANGER = MEMBERS[0].peer_id, "12D3KooWKP8smp2LyYzaGwDYVN2pauNQFyEa5o48piTQsWZm3CCm"
TAKEN_OVER = {
    "announce",
    "bootstrap",
    "relays",
    "drain_seconds",
    "task.evaluation_seconds",
    "storage.keep",
    "storage.disk_budget",
    "log.level",
    "log.format",
    "log.file",
    "metrics.listen",
    "dashboard.listen",
    "control.second_factor",
    "control.confirm_seconds",
    "control.tls.listen",
    "control.tls.certificate",
    "control.tls.key",
    "control.tls.clients_ca",
    "control.tls.crl",
    "alarms.on_norm",
    "alarms.on_loss",
    "alarms.on_storage",
    "alarms.on_budget",
    "alarms.rounds",
    "alarms.score",
}
OTHER = {
    "data": 'data = "elsewhere"',
    "key": 'key = "k"',
    "genesis": 'genesis = "g"',
    "listen": 'listen = "/ip4/127.0.0.1/tcp/1"',
    "announce": 'announce = ["/ip4/192.0.2.1/tcp/1"]',
    "bootstrap": f'bootstrap = ["/ip4/192.0.2.1/tcp/1/p2p/{MEMBER}"]',
    "relays": f'relays = ["/ip4/192.0.2.1/tcp/1/p2p/{MEMBER}"]',
    "relay": "relay = true",
    "status": 'status = "s"',
    "rounds": "rounds = 5",
    "drain_seconds": "drain_seconds = 5",
    "task.data": 'data = "rows"',
    "task.partition": "partition = 1\npartitions = 2",
    "task.partitions": "partitions = 2",
    "task.seed": "seed = 1",
    "task.device": 'device = "cuda:0"',
    "task.python": 'python = "p"',
    "task.start_from": 'start_from = "f"',
    "task.evaluation_seconds": "evaluation_seconds = 5",
    "task.options": "options = {a = 1}",
    "storage.keep": 'keep = "all"',
    "storage.disk_budget": 'disk_budget = "5 GB"',
    "storage.key": 'key = "passphrase"',
    "log.level": 'level = "error"',
    "log.format": 'format = "json"',
    "log.file": 'file = "log"',
    "metrics.listen": 'listen = "127.0.0.1:0"',
    "dashboard.listen": 'listen = "127.0.0.2:0"',
    "control.viewers": 'viewers = ["root"]',
    "control.operators": 'operators = ["root"]',
    "control.officers": 'officers = ["root"]',
    "control.second_factor": "second_factor = true",
    "control.officers_needed": 'officers_needed = 2\nofficers = ["root", "@root"]',
    "control.confirm_seconds": "confirm_seconds = 61",
    "control.tls.listen": 'listen = "127.0.0.1:0"\ncertificate = "server.crt"\nkey = "server.key"'
    '\nclients_ca = "ca.crt"',
    "control.tls.certificate": 'certificate = "c"',
    "control.tls.key": 'key = "k"',
    "control.tls.clients_ca": 'clients_ca = "c"',
    "control.tls.crl": 'crl = "c"',
    "alarms.on_norm": 'on_norm = "alert"',
    "alarms.on_loss": 'on_loss = "alert"',
    "alarms.on_storage": 'on_storage = "pause"',
    "alarms.on_budget": 'on_budget = "log"',
    "alarms.rounds": "rounds = 30",
    "alarms.score": "score = 9",
}


VIEWS = Views(list, lambda limit: [], lambda number: None)


class Points:
    """In the place of a discovery, which needs a network."""

    def __init__(self) -> None:
        self.pointed: list[tuple[Any, ...]] = []

    def point_to(self, bootstrap: Any, announce: Any, relays: Any) -> None:
        self.pointed.append((list(bootstrap), announce, list(relays)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "peerd.toml"
    path.write_text(BASE)
    return path


@pytest.fixture(autouse=True)
def _log_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Unless a test is about it: ``configure`` would end the capturing of what is logged."""
    monkeypatch.setattr(reloading, "configure", lambda *words, **more: None)
    yield
    structlog.reset_defaults()


def written(key: str) -> str:
    section = key.rpartition(".")[0]
    name = OTHER[key].partition(" ")[0]
    kept = "\n".join(line for line in BASE.splitlines() if not line.startswith(f"{name} ="))
    if section:
        return f"{BASE}[{section}]\n{OTHER[key]}\n"
    return f"{kept}\n{OTHER[key]}\n"


def daemon(file: Path) -> Any:
    board = StatusBoard()
    return SimpleNamespace(
        config=Config.load(file),
        genesis=genesis(),
        store=SimpleNamespace(keeping=None),
        trainer=Trainer(Training("digits", "rsa", file.parent)),
        board=board,
        metrics_port=MetricsPort(bytes, board),
        dashboard_port=DashboardPort(Sources(board, VIEWS, list, lambda first, limit: [])),
        control_port=ControlPort(board),
        discovery=Points(),
        bootstraps=tuple,
        founding_addresses=list,
        gate=Gate(),
    )


def play(daemon: Any, file: Path) -> list[Any]:
    """What is logged of one SIGHUP."""

    async def main() -> list[Any]:
        async with trio.open_nursery() as nursery:
            await nursery.start(daemon.metrics_port.run)
            await nursery.start(daemon.dashboard_port.run)
            await nursery.start(daemon.control_port.run)
            daemon.dashboard_port.open(daemon.config.dashboard.address)
            with capture_logs() as logged:
                reload(daemon, file)
            nursery.cancel_scope.cancel()
            return list(logged)

    return trio.run(main)


def test_the_cases_are_all_keys() -> None:
    assert OTHER.keys() == {name for name, _, _ in declared()}


@pytest.mark.parametrize("key", OTHER)
def test_each_key_is_taken_over_or_named(file: Path, key: str) -> None:
    it = daemon(file)
    before = it.config
    file.write_text(written(key))
    if key == "control.tls.listen":
        Authority(file.parent).server()
    logged = play(it, file)
    said = [line["event"] for line in logged if line["log_level"] == "warning"]
    if key in TAKEN_OVER:
        assert said == []
        assert key in differing(before, it.config)
        assert it.board.snapshot().get("warnings", []) == []
    else:
        assert len(said) == 1 and said[0].startswith("needs a restart: ") and key in said[0]
        assert it.config == before
        assert it.board.snapshot()["warnings"] == said


def test_roles_are_taken_over_where_others_may_connect_already(file: Path) -> None:
    file.write_text(f'{BASE}[control]\noperators = ["root"]\n')
    it = daemon(file)
    file.write_text(f'{BASE}[control]\nviewers = ["@root"]\n')
    play(it, file)
    assert it.gate.roles == Roles(viewers=("@root",)) and it.config.control.viewers == ("@root",)
    before = it.config
    file.write_text(f'{BASE}[control]\nviewers = ["nobody-of-this-name"]\n')
    play(it, file)
    assert it.gate.roles == Roles(viewers=("@root",)) and it.config == before
    assert "no such user" in it.board.snapshot()["warnings"][0]


def test_what_waits_is_said_again_until_it_is_put_back(file: Path) -> None:
    it = daemon(file)
    file.write_text(written("listen"))
    for _ in range(2):
        assert [e["event"] for e in play(it, file)] == [
            "configuration read again",
            "needs a restart: listen",
        ]
    file.write_text(BASE)
    assert [e["event"] for e in play(it, file)] == ["configuration read again"]
    assert it.board.snapshot()["warnings"] == []


def test_it_takes_effect(file: Path) -> None:
    it = daemon(file)
    more = '[task]\nevaluation_seconds = 7\n[storage]\nkeep = "all"\n'
    file.write_text(written("bootstrap") + "\n" + OTHER["relays"] + "\n" + more)
    play(it, file)
    there = [f"/ip4/192.0.2.1/tcp/1/p2p/{MEMBER}"]
    assert it.store.keeping == it.config.storage.keeping and it.store.keeping.transcripts is None
    assert it.discovery.pointed == [(there, None, there)]
    assert it.trainer.training.evaluation_seconds == 7


def test_that_nobody_can_dial_this_peer_is_taken_over(file: Path) -> None:
    it = daemon(file)
    file.write_text(f"{BASE}announce = []\n")
    play(it, file)
    assert it.discovery.pointed == [([], (), [])]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (BASE + "[log]\nlevel = 5", "log.level must be text"),
        (BASE + "rounds = ", "not TOML"),
        ("", "the key 'data' is missing"),
        (BASE + "bootstraps = []", "unknown key 'bootstraps'"),
        (
            f'{BASE}drain_seconds = 1\nbootstrap = ["/ip4/192.0.2.1/tcp/1/p2p/{STRANGER}"]',
            f"peer {STRANGER} of 'bootstrap' or 'relays' is not in the group's roster",
        ),
        (BASE + 'drain_seconds = 1\n[metrics]\nlisten = "192.0.2.77:9464"', "metrics.listen 192"),
    ],
)
def test_what_is_broken_leaves_everything_and_is_named(file: Path, text: str, what: str) -> None:
    it = daemon(file)
    before, training = it.config, it.trainer.training
    file.write_text(text)
    (line,) = play(it, file)
    assert (line["event"], line["log_level"]) == ("the configuration stays as it was", "error")
    assert what in line["reason"] and line["file"] == file
    assert (it.config, it.trainer.training, it.discovery.pointed) == (before, training, [])
    (warning,) = it.board.snapshot()["warnings"]
    assert str(file) in warning and what in warning


def test_a_file_that_is_gone(file: Path) -> None:
    it = daemon(file)
    file.unlink()
    (line,) = play(it, file)
    assert line["log_level"] == "error" and str(file) in line["reason"]


def test_a_log_that_can_not_be_opened_leaves_no_port_open(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    it = daemon(file)
    file.write_text(f'{BASE}[log]\nfile = "no/such/log"\n[metrics]\nlisten = "127.0.0.1:{port}"')
    (line,) = play(it, file)
    assert "log.file" in line["reason"] and it.config.metrics.listen is None
    socket.create_server(("127.0.0.1", port)).close()


def test_during_the_start_there_is_no_discovery_yet(file: Path) -> None:
    it = daemon(file)
    it.discovery = None
    file.write_text(written("bootstrap"))
    play(it, file)
    assert it.config.bootstrap


def test_in_force_is_what_was_taken_over(file: Path, tmp_path: Path) -> None:
    old = Config.load(file)
    new = replace(old, rounds=3, drain_seconds=1)
    assert in_force(old, new) == replace(old, drain_seconds=1)
    assert differing(in_force(old, new), new) == ["rounds"]
