"""The orchestrator against processes that only look like daemons: it starts, follows, kills,
restarts and stops them, and leaves none behind."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from peerd.cli.failure import explain
from peerd.cli.task_arguments import TaskRequest
from peerd.errors import ConfigError
from peerd.group import Genesis
from peerd.identity import Identity
from peerd.interruptible import interruptible
from peerd.laboratory.swarm import orchestrate, process
from peerd.laboratory.swarm.layout import Layout, Place, _check_directory
from peerd.laboratory.swarm.options import Kill, SwarmOptions
from peerd.laboratory.swarm.orchestrate import Run, catch_up_limit, run_swarm, time_limit
from peerd.laboratory.swarm.process import Command
from peerd.laboratory.swarm.screen import Screen
from protocols.record.deadlines import Deadlines

SCRIPT = Path(__file__).with_name("scripted_daemon.py")
WORK = TaskRequest("digits", "rsa", {}, {})
LIMIT = 120  # seconds; only a hang takes so long


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        yield Path(name)


def options(attacks: tuple[str, ...] = (), **changes: Any) -> SwarmOptions:
    return SwarmOptions(
        **{"peers": 4, "rounds": 2, "work": WORK, "attacks": attacks, "seed": 1} | changes
    )


def make_layout(directory: Path, asked: SwarmOptions, peers: int = 2) -> Layout:
    """``peers`` places with keys, and a genesis whose first model nobody will ask for."""
    places = []
    for index in range(peers):
        place = directory / f"peer-{index}"
        identity = Identity.create(place / "peer.key")
        places.append(Place(index, identity, asked.lie_of(index + 4 - peers), place, 0))
    genesis = Genesis(
        name="scripted",
        task="peerd.tasks.digits:Digits",
        task_options={},
        roster=tuple(sorted(Identity.create(directory / f"k{i}").public for i in range(4))),
        aggregator="rsa",
        constants={},
        adversary=Fraction(1, 4),
        dropout=Fraction(0),
        absent=0,
        delta_ms=750,
        bandwidth_bytes_per_second=10**7,
        training_seconds=5,
        parameters=1,
        first_model=bytes(32),
    )
    return Layout(directory, genesis, directory / "genesis.json", tuple(places))


def command(scripts: dict[int, dict[str, Any]] | None = None) -> Command:
    def of(place: Place) -> list[str]:
        script = {"rounds": 2, "phase_seconds": 0.01} | (scripts or {}).get(place.index, {})
        return [sys.executable, str(SCRIPT), str(place.directory), json.dumps(script)]

    return of


async def run(
    directory: Path, asked: SwarmOptions, of: Command, stream: io.StringIO | None = None
) -> tuple[Run, str]:
    stream = stream or io.StringIO()
    layout = make_layout(directory, asked)
    with trio.fail_after(LIMIT):
        result = await run_swarm(asked, layout, Screen(stream), of)
    return result, stream.getvalue()


def running(directory: Path) -> list[int]:
    """Processes whose command line names ``directory``."""
    found = []
    for each in Path("/proc").iterdir():
        if each.name.isdigit() and int(each.name) != os.getpid():
            try:
                line = (each / "cmdline").read_bytes()
                state = (each / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if os.fsencode(directory) in line and state != "Z":
                found.append(int(each.name))
    return found


@pytest.mark.trio
async def test_to_the_end(directory: Path) -> None:
    result, text = await run(directory, options(), command())
    assert [sorted(each.rounds) for each in result.witnesses] == [[0, 1], [0, 1]]
    assert all(resident > 1_000_000 for resident in result.resident)
    assert "round 1: completed" in text
    assert running(directory) == []


@pytest.mark.trio
async def test_a_killed_daemon_comes_back_and_finishes(directory: Path) -> None:
    asked = options(kills=(Kill(1, 0),))
    slow = {1: {"phase_seconds": 0.08}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orchestrate, "RESTART_PAUSE", 0.1)
        result, text = await run(directory, asked, command(slow))
    assert "round 0: kill -9 of peer 1" in text
    assert sorted(result.witnesses[1].rounds) == [0, 1]
    assert running(directory) == []


@pytest.mark.trio
async def test_an_honest_daemon_that_dies_ends_the_swarm_with_its_last_words(
    directory: Path,
) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        await run(directory, options(), command({0: {"die_in": 1}}))
    line, code = explain(caught.value)
    assert "peer 0 ended with code 5: peerd: error: the disk is full" in line
    assert code == 1
    assert running(directory) == []


@pytest.mark.trio
async def test_a_liar_that_dies_or_hangs_does_not_stop_the_others(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestrate, "STRAGGLER_SECONDS", 0.2)
    slow = {"phase_seconds": 0.5}  # so that the other one is dead long before it has finished
    result, text = await run(directory, options(("silent",)), command({0: slow, 1: {"die_in": 0}}))
    assert sorted(result.witnesses[0].rounds) == [0, 1]
    assert result.witnesses[1].rounds == {}
    assert "liar peer 1 ended with code 5" in text


@pytest.mark.trio
async def test_a_swarm_that_hangs_is_stopped_at_its_limit(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestrate, "time_limit", lambda options, deadlines: 8.0)
    with pytest.raises(BaseExceptionGroup) as caught:
        await run(directory, options(), command({1: {"stop_in": 1}}))
    assert "did not finish in 8 s: peer 1 is in round 0" in explain(caught.value)[0]
    assert running(directory) == []


@pytest.mark.trio
async def test_one_that_never_catches_up_is_not_waited_for(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestrate, "catch_up_limit", lambda deadlines: 0.5)
    with pytest.raises(BaseExceptionGroup) as caught:
        await run(directory, options(), command({1: {"stop_in": 1}}))
    line = explain(caught.value)[0]
    assert "others finished 0 s ago, and not all have caught up: peer 1 is in round 0" in line
    assert running(directory) == []


@pytest.mark.trio
async def test_one_that_is_deaf_to_sigint_is_killed(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STOP_SECONDS", 0.2)
    await run(directory, options(), command({1: {"deaf": True}}))
    assert running(directory) == []


def test_a_signal_stops_everything(directory: Path) -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(interrupt_when_running)
            await interruptible(partial(run, directory, options(), command({0: {"stop_in": 0}})))

    async def interrupt_when_running() -> None:
        while len(running(directory)) < 2:
            await trio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(BaseExceptionGroup) as caught:
        trio.run(main)
    assert explain(caught.value) == ("interrupted", 130)
    assert running(directory) == []


def test_the_limit_covers_every_phase_of_every_attempt() -> None:
    asked = options(("silent",), rounds=3)
    phases = Deadlines().phases
    total = sum(phases.values()) / 1000
    assert time_limit(asked, phases) >= 3 * 2 * total
    assert total < catch_up_limit(phases) < time_limit(asked, phases)


def test_a_directory_too_deep_for_sockets_or_not_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too long a path"):
        _check_directory(tmp_path / ("d" * 80), 4)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="not empty"):
        _check_directory(tmp_path, 4)
