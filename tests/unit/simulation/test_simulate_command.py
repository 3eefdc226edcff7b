"""``peerd simulate``: what it prints, writes and refuses; the same whatever the hash seed."""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from peerd.cli.main import main
from peerd.errors import TaskError
from peerd.laboratory.pool.processes import Processes
from peerd.laboratory.pool.work import Alone, Results, Work
from peerd.laboratory.simulation.campaign import Plan, campaign, parts_of, run_seeds
from peerd.laboratory.simulation.dice import FAULTS
from peerd.laboratory.simulation.world import World
from tests.patience import HANG
from tests.unit.pool.local_cluster import group_of, until

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/unit/cli"))
json_schema = importlib.import_module("json_schema")
SCHEMA = json.loads((ROOT / "docs/schemas/simulate.json").read_text())
BROKEN = "lie 0 bad-share"


def test_a_report_fits_its_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    assert main(["simulate", "--seeds", "5:9", "--rounds", "1", "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    assert json_schema.errors(SCHEMA, report) == []
    assert report["seeds"] == 4 and report["rounds"] >= 4 and report["outcomes"]["completed"] >= 4
    assert "4 seeds" in capsys.readouterr().out


def test_a_violation_is_shrunk_reported_and_replayed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The oracle is told that a liar is honest: its blame is then a framing."""
    from peerd.laboratory.simulation import operations

    install = operations.Lie.install

    def trusted(self: operations.Lie, world: World) -> None:
        install(self, world)
        world.nodes[self.peer].lying = False

    monkeypatch.setattr(operations.Lie, "install", trusted)
    plan = Plan(4, 1, frozenset(FAULTS))
    found = next(r for seed in range(60) if (r := run_seeds(plan, [seed])).violations)
    violation = found.violations[0]
    assert violation["rule"] in ("framed", "refused", "result")
    replay = str(violation["replay"])
    text = replay.partition('--replay "')[2].removesuffix('"')
    assert text.count(";") == 0 and text.startswith("lie "), "one lie is enough"
    assert json_schema.errors(SCHEMA, found.document()) == []
    arguments = replay.partition(" --replay ")[0].split()[1:]
    capsys.readouterr()
    path = tmp_path / "report.json"
    assert main([*arguments, "--json", str(path)]) == 1
    assert json.loads(path.read_text())["violations"] == found.document()["violations"]
    assert f"\n  {replay}\n" in capsys.readouterr().out, "the command that shows it is printed"
    assert main([*arguments, "--replay", text]) == 1
    told = capsys.readouterr().out
    assert "broken: " in told and "COMMIT COMMITS" not in told and "COMMIT of peer" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", "5"], "write A:B"),
        (["--seeds", "5:5"], "no range"),
        (["--seeds", "0:1", "--peers", "3"], "--peers is 3"),
        (["--seeds", "0:1", "--rounds", "0"], "--rounds is 0"),
        (["--seeds", "0:1", "--processes", "0"], "--processes is 0"),
        (["--seeds", "0:1", "--faults", "crash,flood"], "'flood' is no fault"),
        (["--seeds", "0:1", "--replay", "explode"], "no operation"),
        (["--seeds", "0:1", "--peers", "4", "--replay", "silent 4"], "there is no peer 4"),
    ],
)
def test_what_it_refuses(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_processes_add_up_to_what_one_finds() -> None:
    plan = Plan(4, 1, frozenset({"lie", "silent"}))
    parts = parts_of(plan, range(24))
    one, two = (campaign(parts, pool).document() for pool in (Alone(), Processes(2)))
    assert {**one, "cpu_seconds": 0} == {**two, "cpu_seconds": 0}


class Breaking:
    """A pool that ends after the pieces ``done``."""

    def __init__(self, done: tuple[int, ...], error: BaseException) -> None:
        self.done = done
        self.error = error

    def run(self, work: Work) -> Results:
        for index in self.done:
            yield index, work.function(work.items[index])
        raise self.error


@pytest.mark.parametrize(
    ("error", "code"), [(TaskError("a worker died"), 7), (KeyboardInterrupt(), 130)]
)
def test_what_was_done_is_reported_when_a_campaign_ends_early(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pool = Breaking((3, 1), error)
    monkeypatch.setattr("peerd.cli.simulate.pool_of", lambda args: pool)
    path = tmp_path / "report.json"
    words = ["--seeds", "0:110", "--peers", "4", "--rounds", "1", "--processes", "2"]
    assert main(["simulate", *words, "--json", str(path)]) == code
    assert json.loads(path.read_text())["seeds"] == 40
    told = capsys.readouterr()
    assert "40 seeds, 40 rounds" in told.out
    assert "peerd: not all seeds were run; left are 0:20, 40:60, 80:110\n" in told.err
    pool.done = ()
    path.unlink()
    assert main(["simulate", *words, "--json", str(path)]) == code
    assert not path.exists() and "left are" not in capsys.readouterr().err


def test_ctrl_c_ends_all_processes() -> None:
    """A terminal sends SIGINT to all of them; two are at work, and their server, and a tracker."""
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from peerd.cli.main import main; sys.exit(main())"
    )
    words = ["simulate", "--seeds", "0:100000", "--processes", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *words],
        cwd=ROOT, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        until(lambda: len(group_of(process.pid)) >= 5)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=HANG)
        assert process.returncode == 130
        until(lambda: not group_of(process.pid))
    assert b"Traceback" not in said


def test_a_campaign_leaves_python_s_collector_as_it_was() -> None:
    before = gc.get_threshold()
    run_seeds(Plan(4, 1, frozenset()), range(1))
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


PROGRAM = """
from peerd.errors import TaskError
from peerd.laboratory.pool.processes import Processes
from peerd.laboratory.pool.work import Alone, Results, Work
from peerd.laboratory.simulation.campaign import Plan
from peerd.laboratory.simulation.dice import FAULTS
from peerd.laboratory.simulation.world import World
from peerd.laboratory.simulation.scenario import run
for seed in range(900, 912):
    print(run(Plan(None, 2, FAULTS).scenario(seed)).digest)
"""


def test_a_trace_does_not_depend_on_the_hash_seed() -> None:
    traces = []
    for seed in ("0", "1", "77"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"}
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        traces.append(ran.stdout.split())
    assert traces[0] == traces[1] == traces[2]
    assert len(set(traces[0])) == 12
