"""A metric may be any finite number, or unknown: R², a perplexity, -1. Whatever shows it copes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import json_schema
import pytest
from test_cli_daemon import PEER, record
from test_cli_schemas import load

from peerd.cli import rounds
from peerd.cli.output import decimal, share, table
from peerd.cli.task_arguments import TaskRequest
from peerd.laboratory.swarm.options import SwarmOptions
from peerd.laboratory.swarm.plot import plot
from peerd.laboratory.swarm.result import document, witness
from peerd.laboratory.swarm.screen import Screen
from peerd.laboratory.swarm.story import tell
from peerd.laboratory.swarm.watch import Watch

# What the metric gave in two rounds; how the last one is shown in a table, and in a sentence.
METRICS: dict[str, tuple[list[float | None], str, str]] = {
    "share": ([0.25, 0.935], "0.935", "93.5%"),
    "one": ([0.0, 1.0], "1", "100.0%"),
    "zero": ([1.0, 0.0], "0", "0.0%"),
    "below zero": ([-3.5, -1.0], "-1", "-1.000"),
    "perplexity": ([9000.0, 1234.0], "1234", "1234.000"),
    "whole": ([3.0, 2.0], "2", "2.000"),
    "round": ([100.0, 1200.0], "1200", "1200.000"),
    "small": ([0.1, -0.00001], "-1e-05", "-1e-05"),
    "huge": ([0.5, 1.5e30], "1.5e+30", "1.5e+30"),
    "largest": ([-1.7e308, 1.7e308], "1.7e+308", "1.7e+308"),
    "unknown": ([None, None], "-", ""),
    "known once": ([7.5, None], "-", "7.500"),
}


@pytest.fixture(params=METRICS)
def shown(request: pytest.FixtureRequest) -> tuple[list[float | None], str, str]:
    return METRICS[request.param]


def result(values: list[float | None]) -> dict[str, Any]:
    work = TaskRequest("digits", "rsa", {}, {})
    asked = SwarmOptions(peers=4, rounds=2, work=work, attacks=("silent",), seed=1)
    records = [record(number) | {"accuracy": value} for number, value in enumerate(values)]
    witnesses = [witness(PEER, None, records), witness(PEER, "silent", [])]
    return document(asked, witnesses, {"plain_mean": list(values), "no_liars": list(values)})


def test_schemas_take_it(shown: tuple[list[float | None], str, str]) -> None:
    assert json_schema.errors(load("swarm"), result(shown[0])) == []
    for value in shown[0]:
        one = record(0) | {"accuracy": value}
        assert json_schema.errors(load("round"), one) == []
        assert json_schema.errors(load("rounds"), {"rounds": [one]}) == []


def test_plots_and_stories_take_it(
    shown: tuple[list[float | None], str, str], tmp_path: Path
) -> None:
    values, _, sentence = shown
    plot(result(values), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    told = " ".join(tell(result(values), tmp_path, []))
    assert (f"to an accuracy of {sentence}, and" in told) == bool(sentence)
    if values[-1] is not None:
        assert f"it would have been {sentence}." in told


def test_tables_and_lines_take_it(shown: tuple[list[float | None], str, str]) -> None:
    values, cell, _ = shown
    one = record(1) | {"accuracy": values[-1]}
    header, row = table(rounds.HEADER, [rounds.row(one)]).splitlines()
    assert row[header.index("HERE") :].split()[0] == cell
    assert any(line.startswith("accuracy: ") for line in rounds.lines(one))
    watch = Watch([(PEER, None)], 2, 0)
    watch.event(0, {"kind": "round", **one})
    watch.event(0, {"kind": "evaluation", "round": 1, "accuracy": values[-1]})
    (line,) = (each for each in watch.take_lines(everything=True) if "model" in each)
    told = "" if values[-1] is None else f", accuracy {decimal(values[-1])}, "
    assert told in line and ("accuracy" in line) == bool(told)
    stream = io.StringIO()
    Screen(stream, live=True).draw(watch)
    assert cell in stream.getvalue().splitlines()[-1].split()


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "50.0%"), (1.0001, "1.000"), (-0.25, "-0.250"), (1e9, "1e+09")]
)
def test_only_a_share_is_in_percent(value: float, text: str) -> None:
    assert share(value) == text


def test_a_report_of_experiments_takes_it() -> None:
    pytest.importorskip("matplotlib")
    from peerd.laboratory.experiments.report.tables import _shown

    assert [_shown(each) for each in (0.5, 1.0, 1234.0, -2.0)] == [
        *("50.0", "100.0"),
        *("1234.000", "-2.000"),
    ]
