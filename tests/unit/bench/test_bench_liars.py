"""What liars make others spend: counts that are those of the work, and what bounds it. No times."""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from peerd.cli.main import main
from peerd.errors import ConfigError
from peerd.laboratory.adversaries.spenders import PIECES
from peerd.laboratory.bench.liars import CATALOGUE, HONEST, Run, Unfinished, measure, play
from peerd.laboratory.bench.spending import Books
from peerd.laboratory.pool.work import Alone
from peerd.laboratory.simulation.operations import LIARS
from protocols.proof import Verdict
from protocols.record import evidence

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/unit/cli"))
json_schema = importlib.import_module("json_schema")
SCHEMA = json.loads((ROOT / "docs/schemas/bench-liars.json").read_text())
GROUP = Run.create("rsa", {}, 7, 40, Fraction(2, 7), 1)
EXCEPT_TIME = ("attempts", "frames", "bytes", "statements", "signatures")


def first_round(adversary: str) -> dict[str, float]:
    return play(replace(GROUP, adversary=adversary))[0]


@pytest.fixture(scope="module")
def honest() -> dict[str, float]:
    return first_round(HONEST)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Counter[Verdict]:
    """How many dealings all peers judge that are not dealt to them."""
    counts: Counter[Verdict] = Counter()
    check: Callable[..., Verdict] = evidence.check

    def counted(*args: Any) -> Verdict:
        verdict = check(*args)
        counts[verdict] += 1
        return verdict

    monkeypatch.setattr(evidence, "check", counted)
    return counts


def test_the_whole_catalogue_is_measured() -> None:
    assert set(LIARS) < set(CATALOGUE)


def test_as_many_lie_as_the_plan_covers() -> None:
    assert GROUP.liars == GROUP.plan.threshold == 2
    assert len(replace(GROUP, adversary="Mute").lying) == 2
    assert not GROUP.lying


def test_what_is_spent_is_a_function_of_the_seed_but_for_time(honest: dict[str, float]) -> None:
    again = first_round(HONEST)
    assert [honest[name] for name in EXCEPT_TIME] == [again[name] for name in EXCEPT_TIME]
    assert honest["cpu_seconds"] > 0
    assert honest["attempts"] == 1


def test_each_peer_verifies_for_itself(honest: dict[str, float]) -> None:
    """A commitment, a reveal, a header, a report and four votes of each of the six others at least:
    with one memory for all these would be a seventh of that.
    """
    assert honest["signatures"] > 6 * 8


def test_a_flood_shows(honest: dict[str, float]) -> None:
    many = first_round("ManyReports")
    hoards = first_round("Hoarder")
    assert many["statements"] > honest["statements"]
    assert many["bytes"] > honest["bytes"]
    assert hoards["frames"] > honest["frames"] + 2 * 30


def test_silence_costs_less(honest: dict[str, float]) -> None:
    silent = first_round("silent")
    assert silent["frames"] < honest["frames"]
    assert silent["signatures"] < honest["signatures"]


def test_many_proofs_against_one_liar_are_judged_a_few_times(honest: dict[str, float]) -> None:
    """Two signatures each: they come, are read, and are old."""
    accused = first_round("SelfAccuser")
    pieces = GROUP.liars * PIECES
    assert accused["frames"] > honest["frames"] + pieces / 2
    assert accused["signatures"] < honest["signatures"] + pieces / 2


@pytest.mark.parametrize("adversary", ["HighDegree", "ComplainerOfAll"])
def test_complaints_by_or_about_a_proven_liar_are_judged_by_who_proposes(
    adversary: str, judged: Counter[Verdict]
) -> None:
    """Of each bad dealing all complain, and one liar of all good ones; each would be judged by each
    peer, and most under each one's election certificate again.
    """
    run = replace(Run.create("rsa", {}, 10, 40, Fraction(3, 10), 2), adversary=adversary)
    play(run)
    complaints = run.liars * (run.peers - 1)
    assert sum(judged.values()) < run.peers * complaints * 2 / 3


def test_the_worst_comes_first_and_is_of_the_costliest_round() -> None:
    told: list[tuple[int, int, str]] = []
    run = replace(GROUP, rounds=2)
    found = measure(run, ("Mute", "ManyReports"), Alone(), lambda *step: told.append(step))
    assert not json_schema.errors(SCHEMA, found)
    ratios = [row["ratio"] for row in found["adversaries"]]
    assert ratios == sorted(ratios, reverse=True)
    for row in found["adversaries"]:
        assert row["ratio"] == pytest.approx(
            row["cpu_seconds"] / found["honest"]["cpu_seconds"], abs=1e-3
        )
    assert [done for done, _, _ in told] == [1, 2, 3, 4, 5]


def test_rounds_that_do_not_complete_are_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peerd.laboratory.bench.liars.LONGEST", 1)
    with pytest.raises(Unfinished, match="Mute"):
        play(replace(GROUP, adversary="Mute"))


def test_the_command_prints_a_table_or_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["bench", "liars", "--peers", "4", "--params", "3", "--rounds", "1", "--lie", "Mute"]
    assert main([*asked, "--json"]) == 0
    assert not json_schema.errors(SCHEMA, json.loads(capsys.readouterr().out))
    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("liars, rsa: 1 of 4 peers")
    assert {line.split()[0] for line in lines[3:]} == {"Mute", "nobody"}


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--lie", "Nobody"], "--lie Nobody"),
        (["--peers", "3"], "--peers 3"),
        (["--rounds", "0"], "--rounds 0"),
        (["--params", "0"], "--params 0"),
        (["--processes", "0"], "--processes"),
        (["--adversary", "0.5"], "--peers, --adversary"),
    ],
)
def test_what_cannot_be_measured_is_said(
    words: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "liars", *words]) != 0
    assert what in capsys.readouterr().err


def test_a_rule_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="--aggregator"):
        Run.create("no-such-rule", {}, 4, 3, Fraction(1, 10), 1)


def test_what_nobody_s_turn_it_is_costs_nobody() -> None:
    books = Books()
    books.crypto.verify(bytes(32), b"", bytes(64))
    assert not books.spent
