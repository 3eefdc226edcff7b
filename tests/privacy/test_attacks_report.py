"""``peerd lab privacy``: one document, the same for a seed, and what it would not let pass."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from peerd.cli.dispatch import dispatch
from peerd.laboratory.experiments.privacy.membership import ALONE, SWARM, infer
from peerd.laboratory.experiments.privacy.report import Size, broken, measure, outsider
from tests.tiers import later

TINY = Size(
    *(6, 10, 2, 12, 2, 6, 5, 2, 8, (2,), 2, 4),
    hidden=16,
    steps=40,
    courses=(replace(SWARM, rounds=4, pool=300), replace(ALONE, rounds=40)),
    canary_runs=4,
    canaries=200,
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return measure(1, TINY, lambda line: None)


def test_the_document_is_json_and_nothing_is_contradicted(document: dict[str, Any]) -> None:
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert broken(document) == []


@pytest.mark.acceptance
def test_the_same_seed_measures_the_same(document: dict[str, Any]) -> None:
    def tell(line: str) -> None: ...

    assert outsider(1, TINY, tell) == document["outsider"]
    assert [infer(course, TINY.models, 1, tell) for course in TINY.courses] == document[
        "membership"
    ]


@pytest.mark.parametrize("rule", ["rsa", *later(["centered-clipping-l2"])])
def test_one_rule_alone_gives_its_rows_of_the_whole_document(
    document: dict[str, Any], rule: str
) -> None:
    alone = measure(1, TINY, lambda line: None, [rule])
    for part in ("gradient_inversion", "confirmation"):
        assert alone[part] == [row for row in document[part] if row["rule"] == rule]
    assert {"membership", "outsider", "noised_inversion", "canaries"}.isdisjoint(alone)
    assert broken(alone) == []


def spoil_closed(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["case"] == "before the opening")["at_chance"] = False


def spoil_plain(rows: list[dict[str, Any]]) -> None:
    rows[0]["label"]["mean"] = 0.3


def spoil_planted(rows: list[dict[str, Any]]) -> None:
    row = next(row for row in rows if row["case"].startswith("planted"))
    for attack in row["attacks"]:
        attack["identified"]["mean"] = 0.5


def spoil_opened(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["case"] == "after the opening")["rests_on"] = "shares"


def spoil_guess(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["leak"] == "none")["named"]["mean"] = 0.6


def spoil_outside(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["seats"] == 0)["named"]["mean"] = 0.7


def spoil_leak(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["leak"] == "leaves without salt")["named"]["mean"] = 0.5


def spoil_outsider(found: dict[str, Any]) -> None:
    found["groups"][0]["sound"]["models_confirmed"] = 1


def spoil_outsider_control(found: dict[str, Any]) -> None:
    found["groups"][1]["planted"]["models_confirmed"] = 0


def spoil_noised(rows: list[dict[str, Any]]) -> None:
    found = [row for row in rows if row["case"] == "after the opening"]
    found[1]["at_chance"] = False


def spoil_quiet(rows: list[dict[str, Any]]) -> None:
    next(row for row in rows if row["case"] == "after the opening")["at_chance"] = True


def spoil_canaries(rows: list[dict[str, Any]]) -> None:
    rows[0]["at_least"] = 1.01


def spoil_canary_control(rows: list[dict[str, Any]]) -> None:
    rows[-1]["at_least"] = 0.9


@pytest.mark.parametrize(
    ("part", "edit", "said"),
    [
        ("gradient_inversion", spoil_closed, "not at chance"),
        ("gradient_inversion", spoil_plain, "the control fails"),
        ("gradient_inversion", spoil_planted, "the control fails"),
        ("gradient_inversion", spoil_opened, "the shares say more than the sum"),
        ("confirmation", spoil_outside, "0 seats, none: not at chance"),
        ("confirmation", spoil_guess, "not at chance"),
        ("confirmation", spoil_leak, "the control fails"),
        ("outsider", spoil_outsider, "confirmed a model"),
        ("outsider", spoil_outsider_control, "without masks"),
        ("noised_inversion", spoil_noised, "the opened sum: not at chance"),
        ("noised_inversion", spoil_quiet, "the opened sum: the control fails"),
        ("canaries", spoil_canaries, "more than what is proven"),
        ("canaries", spoil_canary_control, "the control fails"),
    ],
)
def test_each_contradiction_is_named(
    document: dict[str, Any], part: str, edit: Any, said: str
) -> None:
    spoilt = copy.deepcopy(document)
    edit(spoilt[part])
    found = broken(spoilt)
    assert len(found) == 1
    assert said in found[0]


def test_the_command_writes_the_numbers_and_fails_on_a_contradiction(
    document: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoilt = copy.deepcopy(document)
    spoil_closed(spoilt["gradient_inversion"])
    path = tmp_path / "privacy.json"
    for measured, code in ((document, 0), (spoilt, 1)):
        monkeypatch.setattr(
            "peerd.laboratory.experiments.privacy.report.measure",
            lambda seed, size, tell, rules, m=measured: m,
        )
        assert dispatch(["lab", "privacy", "--json", str(path)]) == code
        assert json.loads(path.read_text()) == measured
    out, err = capsys.readouterr()
    assert "masks of zero" in out
    assert "contradicted: gradient inversion, rsa, before the opening: not at chance" in err
    assert dispatch(["lab", "privacy", "--seed", "-1"]) == 2
    assert dispatch(["lab", "privacy", "--aggregator", "krum"]) == 2
    assert "--aggregator krum is not attacked" in capsys.readouterr().err
