"""What a group has spent: counted by certificates, reported, and audited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from histories import group, lay_out
from private_histories import ROUNDS, genesis, private_group

from peerd.audit.spent import read_spent
from peerd.cli.main import main
from peerd.errors import ConfigError
from protocols.privacy import ACCOUNTANT
from tests.unit.cli import json_schema

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"


def report(directory: Path) -> dict[str, Any]:
    return read_spent([directory])


def test_a_report_counts_rounds_by_their_certificates(tmp_path: Path) -> None:
    found = report(lay_out(tmp_path / "one", private_group(made=2)))
    assert found["unit"] == "record" and found["accountant"] == ACCOUNTANT
    assert (found["rounds_opened"], found["rounds_max"], found["rounds_left"]) == (2, ROUNDS, 2)
    assert 0 < found["epsilon_of_one_round"] < found["epsilon_spent"] < found["epsilon_budget"] == 6
    assert found["state"] == "open" and found["delta"] == 1e-6
    spent = [each["epsilon_spent"] for each in found["rounds"]]
    assert spent == sorted(spent) and spent[-1] == found["epsilon_spent"]
    assert found["warnings"] == ["50 % of the privacy budget's rounds are spent: 2 of 4"]


def test_a_spent_budget_is_said_to_be(tmp_path: Path) -> None:
    found = report(lay_out(tmp_path / "one", private_group()))
    assert found["state"] == "budget spent" and found["rounds_left"] == 0
    assert found["epsilon_spent"] <= found["epsilon_budget"]


def test_before_the_first_round_nothing_is_spent(tmp_path: Path) -> None:
    found = report(lay_out(tmp_path / "one", private_group(made=0)))
    assert found["epsilon_spent"] == 0 and found["rounds"] == []


def test_several_places_are_one_history(tmp_path: Path) -> None:
    places = [lay_out(tmp_path / str(made), private_group(made=made)) for made in (1, 2)]
    assert read_spent(places)["rounds_opened"] == 2


def test_a_group_without_a_promise_has_none_to_report(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="promises nothing"):
        report(lay_out(tmp_path / "one", group()))


@pytest.mark.parametrize("form", ["text", "json", "html"])
def test_its_three_forms(tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = lay_out(tmp_path / "one", private_group(made=2))
    file = tmp_path / "report.html"
    extra = {"text": [], "json": ["--json"], "html": ["--html", str(file)]}[form]
    assert main(["privacy", "report", str(place), *extra]) == 0
    told = capsys.readouterr().out
    if form == "json":
        found = json.loads(told)
        schema = json.loads((SCHEMAS / "privacy-report.json").read_text())
        assert json_schema.errors(schema, found) == []
    elif form == "html":
        page = file.read_text()
        assert "2 of 4" in page and "<script" not in page and "default-src 'none'" in page
        assert page.count("<polyline") == 1 and "http://" not in page.replace("http://www.w3", "")
    else:
        assert "rounds: 2 of 4, 2 left" in told and "this assumes:" in told


def test_an_audit_names_the_round_beyond_the_budget(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = lay_out(tmp_path / "one", private_group(2, 4))
    assert main(["audit", str(place), "--json"]) == 9
    failure = json.loads(capsys.readouterr().out)["first_failure"]
    assert (
        failure["round"] == 2 and "beyond the privacy budget, which allows 2" in failure["reason"]
    )
    assert main(["privacy", "report", str(place)]) == 9


def test_an_audit_of_one_within_it_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = lay_out(tmp_path / "one", private_group())
    assert main(["audit", str(place), "--genesis", genesis().group_id.hex(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "verified"
