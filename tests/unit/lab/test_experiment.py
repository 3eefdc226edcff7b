"""Reading experiments: grids, what is left out, and every mistake named."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerd.errors import ConfigError, TaskError
from peerd.laboratory.experiments.cell import CLEAR, LIFTED
from peerd.laboratory.experiments.experiment import Experiment, read_experiment

ROOT = Path(__file__).resolve().parents[3]
GOOD = """
title = "T"
task.name = "digits"
peers = 8
liars = [0, 2]
rounds = 4
seeds = [1, 2]
partitions = ["iid", "dirichlet:0.5"]
attacks = ["none", "alie", { name = "ipm", epsilon = 3 }]
[training]
rate = 0.5
[[rules]]
name = "rsa"
constants = { eta = "1" }
[[rules]]
clear = "median"
"""


def read(tmp_path: Path, text: str) -> Experiment:
    path = tmp_path / "e.toml"
    path.write_text(text)
    return read_experiment(path)


def test_a_grid_holds_every_combination_once(tmp_path: Path) -> None:
    """Per partition, seed and rule: no attack, ALIE, inner product; attacks without liars are the
    run without an attack."""
    cells = read(tmp_path, GOOD).cells
    assert len(cells) == 2 * 2 * 2 * 3
    assert len({cell.identifier for cell in cells}) == len(cells)
    assert {(cell.attack.label, cell.liars) for cell in cells} == {
        ("none", 0),
        ("alie", 2),
        ("ipm(epsilon=3)", 2),
    }
    lifted = next(cell for cell in cells if cell.rule.form == LIFTED)
    assert lifted.rule.constants["eta"] == "1" and "lambda" in lifted.rule.constants
    clear = next(cell for cell in cells if cell.rule.form == CLEAR)
    assert (clear.rule.label, clear.descent.rate) == ("median, clear", 0.5)


def test_a_result_depends_on_what_its_cell_says_and_on_nothing_else(tmp_path: Path) -> None:
    """Identifiers name files of results: equal for equal runs, or a resumed run would mix two."""
    before = {cell.title: cell.identifier for cell in read(tmp_path, GOOD).cells}
    changes = {
        "rounds = 4": "rounds = 5",
        'eta = "1"': 'eta = "2"',
        "rate = 0.5": "rate = 0.25",
        'task.name = "digits"': 'task.name = "digits"\ntask.options = { hidden = 8 }',
    }
    for old, new in changes.items():
        after = {c.title: c.identifier for c in read(tmp_path, GOOD.replace(old, new)).cells}
        same = {title for title in before if before[title] == after[title]}
        expected = {
            'eta = "1"': {title for title in before if "median" in title},
            "rate = 0.5": {title for title in before if "rsa" in title},
        }.get(old, set())
        assert same == expected, old
    elsewhere = GOOD.replace('title = "T"', 'title = "U"').replace("[0, 2]", "[2]")
    assert {c.identifier for c in read(tmp_path, elsewhere).cells} == set(before.values())


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "lab").glob("*.toml")), ids=lambda path: path.stem
)
def test_the_experiments_that_ship_are_readable(path: Path) -> None:
    assert read_experiment(path).cells


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "T"', "title = ", "is not TOML"),
        ('title = "T"', "color = 1", "unknown key 'color'"),
        ("peers = 8", "", "key 'peers' is missing"),
        ("peers = 8", "peers = 0", r"peers = 0 must be an integer in 1…1000"),
        ("peers = 8", "peers = true", "peers = True must be an integer"),
        ("liars = [0, 2]", "liars = [8]", "liars = 8 must be an integer in 0…7"),
        ("liars = [0, 2]", "liars = []", "liars is empty"),
        ("rounds = 4", "rounds = 4\nevaluate_every = 5", "evaluate_every = 5"),
        ("seeds = [1, 2]", "seeds = [-1]", "seeds = -1"),
        ('"dirichlet:0.5"', '"dirichlet:x"', "partitions: digits: partition 'dirichlet:x'"),
        ('"alie"', '"aly"', "attacks: there is no attack 'aly'"),
        ("epsilon = 3", "tau = 3", "attacks: attack ipm has no parameter 'tau'"),
        ("epsilon = 3", 'epsilon = "3"', "must be a number"),
        ('"alie"', "7", "attacks must be a table"),
        ("rate = 0.5", "rate = -1", "training.rate = -1"),
        ("rate = 0.5", "rat = 1", "training has no key 'rat'"),
        ("rate = 0.5", 'rate = "fast"', "training.rate = 'fast'"),
        ('name = "rsa"', 'name = "rsb"', "rules: rule rsb: there is no aggregator 'rsb'"),
        ('eta = "1"', 'eta = "x"', "rule rsa: constant eta"),
        ('eta = "1"', "zeta = 1", "rsa has no constant 'zeta'"),
        ('clear = "median"', 'clear = "medium"', "rules: there is no rule 'medium' in the clear"),
        ('clear = "median"', 'clear = "median"\nconstants = { a = 1 }', "has no constants"),
        ('clear = "median"', 'clear = "rsa"\nlabel = "rsa"', "two rules are labelled 'rsa'"),
        ('clear = "median"', 'label = "x"', 'a rule has a name = "…"'),
        ('task.name = "digits"', "task.options = {}", "task.name is missing"),
        ('task.name = "digits"', 'task.name = "digit"', "task.name = 'digit' is no task; there"),
        ("rounds = 4", "rounds = 4\nsecured = 5", "secured = 5"),
        ("liars = [0, 2]", "liars = [3]\nsecured = true", "no committee of 8 peers stands 3"),
    ],
)
def test_every_mistake_is_named_with_the_file(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = GOOD.replace(old, new)
    assert text != GOOD
    with pytest.raises(ConfigError, match=message) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "e.toml") in str(caught.value)


def test_a_rule_that_does_not_exist_for_so_many_liars_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("liars = [0, 2]", "liars = [3]").replace('"median"', '"krum"')
    with pytest.raises(ConfigError, match="krum, clear needs 9 peers for 3 liars; there are 8"):
        read(tmp_path, text)


def test_a_rule_whose_own_code_fails_is_no_mistake_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "lab_failing.py").write_text("def Rule(given):\n    return given['none']\n")
    with pytest.raises(TaskError, match=r"e\.toml: rules: aggregator lab_failing:Rule: KeyError"):
        read(
            tmp_path,
            GOOD.replace('name = "rsa"\nconstants', 'name = "lab_failing:Rule"\nconstants'),
        )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"can't read .*gone\.toml"):
        read_experiment(tmp_path / "gone.toml")
