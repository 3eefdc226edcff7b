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


@pytest.mark.swarm
def test_liars_about_sums_and_noise_are_told_beside_what_they_would_do(tmp_path: Path) -> None:
    """With momentum and a clip that moves: the count of clipped rows lies behind the sum."""
    out = tmp_path / "result.json"
    asked = "swarm --peers 8 --liars 2 --attack sign-flip,poisoned-noise --rounds 6"
    asked += " --aggregator dp-sgd --epsilon 8 --delta 1e-6"
    asked += " --constant eta=4 --constant momentum=1/4 --constant quantile=1/2"
    assert main([*asked.split(), "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert all(len(each["absent"]) == 0 for each in found["rounds"]), "both lies are taken"
    assert not any(peer["blamed"] for peer in found["peers"])
    curves = found["baselines"]
    assert curves.keys() == {"no_liars", "no_noise", "one_curator", "plain_mean", "unsigned"}
    ended = found["rounds"][-1]["accuracy"]
    assert ended > 0.1 + max(curves["plain_mean"][-1], curves["unsigned"][-1])
