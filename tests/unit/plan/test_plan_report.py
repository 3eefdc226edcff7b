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


def test_rows_say_who_may_be_absent() -> None:
    rows = plan_rows("packed", 8, [Fraction(1, 5)], [Fraction(0), Fraction(3, 20)])
    assert [row["absent"] for row in rows] == [0, 1]
    (paper,) = plan_rows("paper-third-strict", None, [Fraction(1, 5)], [Fraction(0)])
    assert paper["absent"] is None


def test_a_list_of_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--peers", "4, 6,8", "--adversary", "0.2,1/4", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    found = [(row["peers"], row["adversary"]) for row in rows]
    assert found == [(n, a) for n in (4, 6, 8) for a in (0.2, 0.25)]
    assert run("--peers", "4,8", "--adversary", "0.2", "--dropout", "0.15") == 0
    head, four, eight = capsys.readouterr().out.splitlines()[:3]
    column = head.split().index("absent")
    assert (four.split()[column], eight.split()[column]) == ("0", "1")


@pytest.mark.parametrize("sizes", ["x", "4,", "4.5", "-4", "", "٤", "1" * 30, "4;6"])
def test_what_is_no_size_is_named(sizes: str) -> None:
    with pytest.raises(ConfigError, match="--peers"):
        run(f"--peers={sizes}", "--adversary", "0.2")


def test_a_size_without_a_plan_says_what_it_needs_and_why_others_would_do() -> None:
    said = (
        r"needs 3 \* 1 \+ 2 \* 1 \+ 1 = 6 peers where 1 may lie and 1 be absent, and this group has"
        r" 5; 4, 6 or 7 peers would do at these bounds \(of 4, 1 may lie and 0 be absent; of 6, 1"
    )
    with pytest.raises(ConfigError, match=said):
        run("--peers", "4,5", "--adversary", "0.2", "--dropout", "0.2")
