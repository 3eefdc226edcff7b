"""Real daemons of a group that promises something to people: they stop by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from peerd.cli.main import main


@pytest.mark.swarm
def test_a_swarm_stops_where_its_budget_is_spent(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    asked = "swarm --peers 4 --rounds 3 --aggregator dp-sgd --epsilon 8 --delta 1e-6"
    asked += " --constant momentum=1/4 --constant quantile=1/2"
    assert main([*asked.split(), "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["outcome"] == "budget spent" and len(found["rounds"]) == 3
    spent = found["privacy"]
    assert spent["rounds_opened"] == spent["rounds_max"] == 3 and spent["state"] == "budget spent"
    assert 0 < spent["epsilon_spent"] <= spent["epsilon_budget"] == 8
    curves = found["baselines"]
    assert curves.keys() == {"no_liars", "no_noise", "one_curator"}
    assert all(len(curve) == 3 and None not in curve for curve in curves.values())
