"""``peerd privacy plan``: least noise, most rounds, what sites add, and refusals."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import json_schema
import pytest

from peerd.cli.main import main
from protocols.aggregation.noise import SLACK
from protocols.privacy import ACCOUNTANT, Budget, Mechanism, Phase, fits

SCHEMA = Path(__file__).resolve().parents[3] / "docs/schemas/privacy-plan.json"
BUDGET = ("--epsilon", "2", "--delta", "1e-6")
RECORD = ("privacy", "plan", "--unit", "record", *BUDGET, "--rate", "0.01")
MEMBER = ("privacy", "plan", "--unit", "member", "--epsilon", "8", "--delta", "1/1000000")


def plan(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert json_schema.errors(json.loads(SCHEMA.read_text()), document) == []
    return document


def test_rounds_find_the_least_noise(capsys: pytest.CaptureFixture[str]) -> None:
    found = plan(capsys, *RECORD, "--rounds", "180")
    assert (found["noise_multiplier"], found["rounds"]) == (0.938, 180)
    assert 1.98 < found["epsilon"] <= found["budget"] == 2
    assert found["accountant"] == ACCOUNTANT and found["sites"] is None


def test_noise_finds_the_most_rounds_which_anybody_can_recompute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = plan(capsys, *RECORD, "--noise", "0.938")
    mechanism = Mechanism(
        Fraction(1), found["clip"] ** 2, Fraction("0.01"), Fraction(found["slack"])
    ).with_noise(Fraction("0.938"))
    budget = Budget(Fraction(2), Fraction(1, 10**6))
    assert fits([Phase(mechanism, found["rounds"])], budget)
    assert not fits([Phase(mechanism, found["rounds"] + 1)], budget)
    assert found["rounds"] == 185


def test_a_member_is_in_every_round(capsys: pytest.CaptureFixture[str]) -> None:
    found = plan(capsys, *MEMBER, "--noise", "12")
    assert (found["unit"], found["rate"], found["rounds"]) == ("member", 1.0, 298)


def test_what_sites_add_that_may_withhold(capsys: pytest.CaptureFixture[str]) -> None:
    """Eight, two of whom lie: a cohort of six, four of whom are honest."""
    sites = plan(capsys, *RECORD, "--rounds", "9", "--sites", "8", "--liars", "2")["sites"]
    assert sites == {
        "sites": 8,
        "liars": 2,
        "cohort": 6,
        "share": 0.25,
        "least": 1.0,
        "most": 1.5,
    }
    assert plan(capsys, *RECORD, "--rounds", "9", "--sites", "8")["sites"]["liars"] == 1


def test_it_says_what_it_means_and_which_groups_do_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*RECORD, "--rounds", "180", "--sites", "8", "--liars", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    text = " ".join(lines)
    assert max(map(len, lines)) <= 100
    assert "A group that stops after 180 rounds: a record's presence at a site changes" in text
    assert "at most a factor e^2 (7.39), and by 1e-06 beside it" in text
    assert "the noise of 6 is in a sum, however many are there" in text
    assert "A group whose rule adds noise" in text and "nothing is promised" in text
    assert main([*MEMBER, "--rounds", "3"]) == 0
    assert "all that a member deals changes" in " ".join(capsys.readouterr().out.split())


def test_the_help_says_so_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["privacy", "plan", "--help"])
    assert "with any other rule nothing is promised" in " ".join(capsys.readouterr().out.split())


def test_slack_that_delta_does_not_pay_names_delta(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RECORD[:4], "--epsilon", "1", "--delta", "1e-17", "--rounds", "9"]) == 2
    assert "doesn't pay" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((*RECORD, "--rounds", "0"), "--rounds 0: it must be 1 to 1000000000"),
        ((*RECORD, "--noise", "0"), "--noise 0: it must be thousandths"),
        ((*RECORD, "--noise", "1.2345"), "--noise 1.2345: it must be thousandths"),
        ((*RECORD, "--noise", "1001"), "at most 1000"),
        ((*RECORD, "--noise", "x"), "--noise: 'x' is not a number such as 0.1"),
        ((*RECORD, "--noise", "0.1"), "allows no round within epsilon 2"),
        ((*RECORD, "--rounds", "3", "--clip", "0"), "--clip 0: it must be 1 to"),
        ((*RECORD, "--rounds", "3", "--liars", "2"), "--liars is of how many?; add --sites"),
        ((*RECORD, "--rounds", "3", "--sites", "4", "--liars", "0"), "--liars 0: every group"),
        ((*RECORD, "--rounds", "3", "--sites", "4", "--liars", "2"), "7 or 8 peers would do"),
        ((*RECORD[:-1], "0", "--rounds", "3"), "--rate 0: a chance is more than 0"),
        ((*RECORD[:-1], "1.5", "--rounds", "3"), "--rate 1.5: a chance is more than 0"),
        ((*MEMBER, "--rate", "0.5", "--rounds", "3"), "--rate 0.5 with --unit member"),
        ((*RECORD[:5], "0", *RECORD[6:], "--rounds", "3"), "--epsilon 0: it must be more than 0"),
        ((*RECORD[:5], "101", *RECORD[6:], "--rounds", "3"), "at most 100"),
        ((*RECORD[:7], "0", *RECORD[8:], "--rounds", "3"), "--delta 0: it must be more than 0"),
        ((*RECORD[:7], "0.1", *RECORD[8:], "--rounds", "3"), "at most 0.01"),
        ((*RECORD[:7], "1e-x", *RECORD[8:], "--rounds", "3"), "--delta: '1e-x' is not a number"),
    ],
)
def test_nonsense_is_refused_in_a_line(
    words: tuple[str, ...], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 2
    told = capsys.readouterr()
    assert what in told.err and told.err.count("\n") == 1 and told.out == ""


def test_one_of_rounds_and_noise_is_needed() -> None:
    for words in ((), ("--rounds", "3", "--noise", "1")):
        with pytest.raises(SystemExit):
            main([*RECORD, *words])


def test_the_slack_covers_what_the_table_leaves_out() -> None:
    """docs/privacy.md: 2^40 values, each within 2^-110, and 2^-60 each for blocks of noise that are
    too long and for samples with too many rows.
    """
    assert 2**40 * Fraction(1, 2**110) + 2 * Fraction(1, 2**60) <= SLACK


def test_a_plan_counts_the_slack_that_a_rule_counts(capsys: pytest.CaptureFixture[str]) -> None:
    asked = "privacy plan --unit record --epsilon 2 --delta 1e-6 --rounds 10 --json"
    assert main(asked.split()) == 0
    found = json.loads(capsys.readouterr().out)
    assert Fraction(found["slack"]) == SLACK
    assert {"noise_multiplier", "rounds", "epsilon", "accountant"} <= found.keys()
