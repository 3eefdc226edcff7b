"""Flower: a SuperLink, SuperNodes and a ServerApp as processes on loopback (flower_app)."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

from baselines.missing import HERE, Missing, output
from baselines.multiparty import free_ports

APP = HERE / "flower_app"
START = 60
"""Seconds in which a SuperLink listens."""
Line = dict[str, float]


@dataclass(frozen=True)
class Asked:
    """``secure``: under SecAgg+, or else plain FedAvg."""

    peers: int
    params: int
    rounds: int
    secure: bool


def measure(python: Path, asked: Asked) -> dict[str, Any]:
    """Medians over the rounds after the first. Raises Missing where one failed."""
    with tempfile.TemporaryDirectory(prefix="baseline-flower-") as directory:
        folder = Path(directory)
        with ExitStack() as running:
            _run(asked, _Place(python.parent, folder, running))
        server = _lines(folder / "server.jsonl")
        clients = [_lines(folder / f"client-{index}.jsonl") for index in range(asked.peers)]
    if len(server) != asked.rounds + 1 or any(len(each) != asked.rounds for each in clients):
        raise Missing(f"{asked}: not every client took part in every round")
    return summary(server, clients)


def summary(server: Sequence[Line], clients: Sequence[Sequence[Line]]) -> dict[str, Any]:
    """``server``: a line after each round, and one before the first; of a client a line in each.

    A round of a client goes from one such line to the next.
    """
    spent = [_median("cpu_seconds", each) for each in clients]
    central = _median("cpu_seconds", server[1:]) + _median("superlink_cpu_seconds", server[1:])
    return {
        "peers": len(clients),
        "wall_seconds": round(_median("time", server[1:]), 4),
        "cpu_seconds_client": round(fmean(spent), 4),
        "cpu_seconds_server": round(central, 4),
        "bytes_sent": round(fmean(_median("bytes_sent", each) for each in clients)),
    }


def _median(name: str, lines: Sequence[Line]) -> float:
    return median(after[name] - before[name] for before, after in pairwise(lines))


def _lines(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# -- the processes ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    programs: Path
    folder: Path
    running: ExitStack

    def command(self, name: str, *words: str) -> list[str]:
        return [str(self.programs / f"flower-{name}"), "--insecure", *words]

    def start(self, environment: dict[str, str], name: str, *words: str) -> subprocess.Popen[bytes]:
        return self.running.enter_context(
            _process(self.command(name, *words), environment, self.folder)
        )


def _run(asked: Asked, at: _Place) -> None:
    port = free_ports(2)
    drivers, nodes = f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}"
    environment = _environment(asked, at.folder)
    link = at.start(
        environment, "superlink", "--driver-api-address", drivers, "--fleet-api-address", nodes
    )
    _until_it_listens(link, port)
    for index in range(asked.peers):
        config = f"partition-id={index} parameters={asked.params}"
        words = ["--superlink", nodes, "--node-config", config, str(APP)]
        at.start(environment, "supernode", *words)
    command = at.command("server-app", "--superlink", drivers, str(APP))
    output(command, {**environment, "BASELINE_SUPERLINK": str(link.pid)})


def _until_it_listens(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise Missing("Flower's SuperLink does not start")


def _environment(asked: Asked, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(HERE / "poll"),
        "FLWR_HOME": str(folder),
        "FLWR_TELEMETRY_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "BASELINE_ACCOUNTS": str(folder),
        "BASELINE_CLIENTS": str(asked.peers),
        "BASELINE_PARAMETERS": str(asked.params),
        "BASELINE_ROUNDS": str(asked.rounds),
        "BASELINE_SECURE": "1" if asked.secure else "0",
    }


@contextmanager
def _process(
    command: Sequence[str], environment: dict[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Ended when it is left. What it says is not kept: a failure shows at the server."""
    with subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
