"""Runs that are interrupted and go on, their tables, and the page made of them."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from peerd.cli.main import main
from peerd.errors import ConfigError, StorageError, TaskError
from peerd.laboratory.experiments.campaign import run
from peerd.laboratory.experiments.experiment import read_experiment
from peerd.laboratory.experiments.report import write_report
from peerd.laboratory.experiments.report.plots import seconds_a_round
from peerd.laboratory.experiments.report.tables import as_markdown, rule_by_attack
from peerd.laboratory.experiments.results import Directory, final
from peerd.laboratory.pool.processes import Processes
from tests.patience import HANG
from tests.tiers import later
from tests.unit.pool.local_cluster import group_of, until

ONE = Processes(1)
EXPERIMENT = """
title = "Test <of> the laboratory"
note = "digits & little else"
task.name = "digits"
task.options = { hidden = 4 }
peers = 5
liars = [1]
rounds = 2
seeds = [1, 2]
attacks = ["none", "backdoor"]
rules = ["rsa", { clear = "median" }]
secured = 1
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Directory:
    folder = tmp_path_factory.mktemp("lab")
    path = folder / "e.toml"
    path.write_text(EXPERIMENT)
    directory = Directory(folder / "out")
    seen: list[tuple[int, int]] = []
    ran = run(
        read_experiment(path),
        directory,
        Processes(2),
        lambda done, total, *_: seen.append((done, total)),
    )
    assert ran == 8
    assert seen == [(number, 8) for number in range(1, 9)]
    return directory


def rows(directory: Directory, name: str) -> list[dict[str, str]]:
    with (directory.path / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_cell_has_a_row_and_every_evaluation_one(finished: Directory) -> None:
    cells = rows(finished, "results.csv")
    assert len(cells) == 8 and len(rows(finished, "rounds.csv")) == 16
    for row in cells:
        assert 0 <= float(row["accuracy"]) <= float(row["best"]) <= 1
        assert bool(row["trigger"]) == (row["attack"] == "backdoor")
        assert bool(row["member_seconds_a_round"]) == (row["rule"] == "rsa")
        assert row["liars"] == ("1" if row["attack"] == "backdoor" else "0")


def test_an_interrupted_run_goes_on_with_what_is_missing(
    finished: Directory, tmp_path: Path
) -> None:
    """Two results gone and half a one left: those two are run, with the same numbers as before."""
    experiment = read_experiment(_written(tmp_path))
    before = {row["cell"]: row["accuracy"] for row in rows(finished, "results.csv")}
    files = sorted((finished.path / "cells").glob("*.json"))
    (finished.path / "cells" / "left.part").write_text("{")
    files[0].unlink()
    files[3].unlink()
    ran: list[str] = []
    assert run(experiment, finished, ONE, lambda *told: ran.append(told[2].identifier)) == 2
    assert sorted(ran) == [files[0].stem, files[3].stem]
    assert {row["cell"]: row["accuracy"] for row in rows(finished, "results.csv")} == before
    assert not list(finished.path.rglob("*.part"))
    assert run(experiment, finished, ONE) == 0


def test_what_is_finished_is_tabulated_when_a_cell_fails(tmp_path: Path) -> None:
    """The second rule wants public root data, which this task has not."""
    text = EXPERIMENT.replace('{ clear = "median" }', '"fltrust"').replace(
        'task.name = "digits"', 'task.name = "lab_rootless:Rootless"'
    )
    path = _written(tmp_path, text)
    module = tmp_path / "lab_rootless.py"
    module.write_text(
        "from peerd.tasks.digits import Digits\n"
        "class Rootless(Digits):\n"
        "    def root(self):\n"
        "        return None\n"
        "    def unknown_options(self, known, local):\n"
        "        super().unknown_options(known - {'partition'}, local)\n"  # as the docs' own task
    )
    directory = Directory(tmp_path / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        patch.setenv("PYTHONPATH", str(tmp_path))
        with pytest.raises(TaskError, match=r"fltrust · none .*: the task has no public root data"):
            run(read_experiment(path), directory, ONE)
    assert [row["rule"] for row in rows(directory, "results.csv")] == ["rsa"]


def test_a_wrong_option_of_the_task_is_named_with_its_key(tmp_path: Path) -> None:
    text = EXPERIMENT.replace("hidden = 4", "hiden = 4")
    with pytest.raises(TaskError, match=r"task \(digits\) or --data: unknown task option 'hiden'"):
        run(read_experiment(_written(tmp_path, text)), Directory(tmp_path / "out"), ONE)


def test_the_page_stands_alone_and_shows_every_number(finished: Directory, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    write_report(finished, page)
    text = page.read_text()
    assert text.startswith("<!doctype html>") and text.rstrip().endswith("</html>")
    assert "Test &lt;of&gt; the laboratory" in text and "digits &amp; little else" in text
    for fetched in ("<script", "<link", "src=", "@import", "url(http"):
        assert fetched not in text
    assert len(re.findall("<svg", text)) == 4
    assert len(re.findall("<table>", text)) == 3
    assert "median, clear" in text and 'class="clear"' in text
    for row in rows(finished, "results.csv"):
        assert f"{100 * float(row['accuracy']):.1f}" in text
    again = tmp_path / "again.html"
    write_report(finished, again)
    assert again.read_text() == text


def test_a_page_of_half_a_run_says_so(finished: Directory, tmp_path: Path) -> None:
    part = Directory(tmp_path / "part")
    (part.path / "cells").mkdir(parents=True)
    names = json.loads((finished.path / "experiment.json").read_text())["cells"]
    (part.path / "experiment.json").write_bytes((finished.path / "experiment.json").read_bytes())
    for name in names[:3]:
        file = Path("cells") / f"{name}.json"
        (part.path / file).write_bytes((finished.path / file).read_bytes())
    write_report(part, tmp_path / "page.html")
    assert "5 runs are not finished" in (tmp_path / "page.html").read_text()
    (part.path / "cells" / f"{names[0]}.json").write_text("{")
    with pytest.raises(StorageError, match="is damaged"):
        write_report(part, tmp_path / "page.html")


def test_a_table_holds_means_over_seeds_with_their_range() -> None:
    def cell(attack: str, accuracy: float, diverged: int | None = None) -> dict[str, Any]:
        return {
            "attack": attack,
            "diverged": diverged,
            "evaluations": [{"round": 0, "accuracy": accuracy}],
            "cell": {"rule": {"label": "r", "form": "clear"}},
        }

    cells = [cell("alie", 0.5, 3), cell("none", 0.8), cell("none", 0.9)]
    table = rule_by_attack(cells, final)
    assert table == [["rule", "none", "alie"], ["r", "85.0 (80.0–90.0)", "50.0†"]]
    assert as_markdown(table).splitlines() == [
        "| rule | none             | alie  |",
        "|------|------------------|-------|",
        "| r    | 85.0 (80.0–90.0) | 50.0† |",
    ]


def test_a_round_costs_a_rule_the_same_under_every_attack() -> None:
    """The x of a curve: the median over all the rule's cells, of a member's time where known."""

    def cell(member: float | None, aggregate: float) -> dict[str, Any]:
        secured = {} if member is None else {"member": member}
        return {"secured": secured, "seconds": {"aggregate": aggregate}, "rounds": 4}

    assert seconds_a_round([cell(0.02, 8), cell(0.3, 8), cell(0.01, 8), cell(None, 8)]) == 0.02
    assert seconds_a_round([cell(None, 8), cell(None, 4), cell(None, 2)]) == 1
    assert seconds_a_round([cell(None, 0)]) is None
    assert seconds_a_round([]) is None


def test_the_command(
    finished: Directory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _written(tmp_path)
    assert main(["lab", "run", str(path), "--out", str(finished.path)]) == 0
    assert "8 cells, 0 of them run now" in capsys.readouterr().out
    assert main(["lab", "run", str(path), "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 8
    assert main(["lab", "report", str(finished.path), "--out", str(tmp_path / "p.html")]) == 0
    assert (tmp_path / "p.html").is_file()
    assert main(["lab", "run", str(tmp_path / "gone.toml")]) == ConfigError.exit_code
    assert main(["lab", "run", str(path), "--processes", "0"]) == ConfigError.exit_code
    assert main(["lab", "run", str(path), "--data", "x"]) == ConfigError.exit_code
    assert main(["lab", "report", str(tmp_path)]) == StorageError.exit_code
    assert "peerd: error: can't read" in capsys.readouterr().err


@pytest.mark.acceptance
def test_a_run_that_is_stopped_leaves_its_tables_and_no_process(tmp_path: Path) -> None:
    """The second cell would take an hour. SIGTERM, as from a service manager; then none is left."""
    path = _written(tmp_path, EXPERIMENT.replace("secured = 1", ""))
    out = tmp_path / "out"
    assert run(read_experiment(path), Directory(out), ONE) == 8
    path.write_text(path.read_text().replace("rounds = 2", "rounds = 90000"))
    program = [sys.executable, "-m", "peerd.cli.main", "lab", "run", str(path), "--out", str(out)]
    with subprocess.Popen(program, start_new_session=True, stderr=subprocess.PIPE) as process:
        until(lambda: len(group_of(process.pid)) >= 4)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 130
        until(lambda: not group_of(process.pid))
    assert (out / "results.csv").read_text().count("\n") == 1
    assert len(list((out / "cells").glob("*.json"))) == 8


@pytest.mark.parametrize("processes", [4, *later([3])])
def test_ctrl_c_says_one_line_and_leaves_no_process(tmp_path: Path, processes: int) -> None:
    """A terminal sends SIGINT to all of them; whoever loads torch would print a traceback."""
    with _started(tmp_path) as run_:
        until(lambda: len(group_of(run_.pid)) >= processes)
        os.killpg(run_.pid, signal.SIGINT)
        _, said = run_.communicate(timeout=HANG)
        assert run_.returncode == 130
        until(lambda: not group_of(run_.pid))
    assert said.decode() == (
        "peerd: interrupted; 0 of 1 cells are finished, and the same command goes on from there\n"
    )


@pytest.mark.acceptance
def test_a_cell_that_is_killed_is_one_line(tmp_path: Path) -> None:
    with _started(tmp_path) as run_:
        until(lambda: len(group_of(run_.pid)) >= 4)
        os.kill(max(group_of(run_.pid)), signal.SIGKILL)  # the youngest: the cell
        _, said = run_.communicate(timeout=HANG)
        assert run_.returncode == TaskError.exit_code
        until(lambda: not group_of(run_.pid))
    assert said.count(b"\n") == 1
    assert "seed 1: its process was killed by signal 9; memory may be short" in said.decode()


def test_a_server_of_cells_that_is_killed_is_one_line(tmp_path: Path) -> None:
    with _started(tmp_path) as run_:
        until(lambda: len(group_of(run_.pid)) >= 3)
        os.kill(max(group_of(run_.pid)), signal.SIGKILL)
        _, said = run_.communicate(timeout=HANG)
        assert run_.returncode == TaskError.exit_code
    assert said.count(b"\n") == 1
    assert "the server of the processes ended" in said.decode()


@pytest.mark.acceptance
def test_a_run_that_is_killed_takes_its_cells_with_it(tmp_path: Path) -> None:
    """The cell would take an hour, and then find nobody to tell."""
    with _started(tmp_path) as run_:
        until(lambda: len(group_of(run_.pid)) >= 4)
        run_.kill()
        _, said = run_.communicate(timeout=HANG)  # at its end nobody holds the pipe
        until(lambda: not group_of(run_.pid))
    assert said == b""


def _started(folder: Path) -> subprocess.Popen[bytes]:
    """A run, in a group of its own, of one cell that takes an hour."""
    text = EXPERIMENT.replace("secured = 1", "").replace("rounds = 2", "rounds = 90000")
    text = text.replace('["none", "backdoor"]', '["none"]').replace("[1, 2]", "[1]")
    text = text.replace('["rsa", { clear = "median" }]', '["rsa"]')
    # A shell that started the tests with "&" has them ignore SIGINT, and their children too.
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from peerd.cli.main import main; sys.exit(main())"
    )
    words = ["lab", "run", str(_written(folder, text)), "--out", str(folder / "out")]
    return subprocess.Popen(
        [sys.executable, "-c", program, *words],
        start_new_session=True,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _written(folder: Path, text: str = EXPERIMENT) -> Path:
    path = folder / "e.toml"
    path.write_text(text)
    return path
