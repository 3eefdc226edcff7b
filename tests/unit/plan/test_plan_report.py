"""The rows and the command: docs name these keys."""

import argparse
import json
from fractions import Fraction

import pytest

from peerd.cli import plan as command
from peerd.errors import ConfigError
from protocols.plan import RULES, PlanError, PlanRow, plan_rows

TENTH = Fraction(1, 10)


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.main(parser.parse_args(words))


@pytest.mark.parametrize("rule", RULES)
def test_rows_have_the_documented_keys(rule: str) -> None:
    (row,) = plan_rows(rule, 100, [TENTH], [Fraction(0)])
    assert set(row) == set(PlanRow.__annotations__)
    assert row["rule"] == rule
    assert row["degree"] == row["threshold"] + row["packing"] - 1
    json.dumps(row, allow_nan=False)


def test_packed_failure_counts_the_restarts() -> None:
    (row,) = plan_rows("packed", 1000, [TENTH], [Fraction(0)], committee=300)
    assert row["log2_failure"] == pytest.approx(-47.9 + 6.66, abs=0.06)
    (roster,) = plan_rows("packed", 100, [TENTH], [Fraction(0)])
    assert roster["log2_failure"] is None


def test_unknown_rule_and_missing_peers_are_refused() -> None:
    with pytest.raises(PlanError, match="no rule is called"):
        plan_rows("half", 10, [TENTH], [Fraction(0)])
    with pytest.raises(PlanError, match="number of peers"):
        plan_rows("packed", None, [TENTH], [Fraction(0)])


def test_command_prints_the_papers_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--adversary", "0.1", "--dropout", "0,0.05,0.10,0.15", "--json"]
    assert run("--rule", "paper-half", *words) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["committee"] for row in rows] == [46, 53, 60, 69]
    assert [row["dropout"] for row in rows] == [0, 0.05, 0.1, 0.15]


def test_command_never_calls_the_loose_rule_secure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--rule", "paper-half", "--adversary", "0.1") == 0
    out = capsys.readouterr().out
    assert "-36.83" in out
    assert "misses 2^-40" in out
    assert run("--rule", "paper-half-strict", "--adversary", "0.1") == 0
    assert "misses" not in capsys.readouterr().out


def test_command_defaults_to_the_packed_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--peers", "100", "--adversary", "0.1", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["rule"] == "packed"
    assert row["packing"] >= 35


def test_command_prints_the_probability_over_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--peers", "1000", "--committee", "300", "--adversary", "0.1", "--rounds", "1024"]
    assert run(*words) == 0
    out = capsys.readouterr().out
    assert "-41.2" in out
    assert "-31.2" in out


@pytest.mark.parametrize(
    "words",
    [
        ["--adversary", "0.1"],
        ["--peers", "8", "--adversary", "0.5"],
        ["--peers", "8", "--adversary", "ten"],
        ["--peers", "8", "--adversary", "0.1", "--rounds", "0"],
        ["--peers", "8", "--adversary", ",".join(["0.1"] * 500)],
    ],
)
def test_command_refuses_with_one_line(words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        run(*words)
    assert "\n" not in str(caught.value)
