"""The model of a round's cost against what simulated peers send; what it says of large groups."""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest

from peerd.cli.main import main
from peerd.errors import ConfigError
from peerd.laboratory.bench.counted import kind_of
from peerd.laboratory.bench.model import RoundModel
from peerd.laboratory.bench.scene import Scene
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.swarm import swarm
from protocols.aggregation import aggregator
from protocols.plan import plan_swarm
from protocols.record.effects import Effect, Phase, Send

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/unit/cli"))
json_schema = importlib.import_module("json_schema")
SCHEMA = json.loads((ROOT / "docs/schemas/bench-model.json").read_text())
ROUND = 1
BYTES = 0.02
"""By how much the model may be wrong in all bytes, as a share; docs/performance.md says it."""
OF_A_KIND = 0.06
SAME = {
    "list": "seen",
    "cohort proposal": "proposal",
    "cohort decision": "decision",
    "cohort vote": "vote",
    "first vote": "vote",
    "second vote": "vote",
}
"""What is one kind on the wire, and two in the model; and the other way round."""
BESIDE = {"polynomials", "hello", "ready", "certificate"}
"""Fetched over a stream of its own, or sent now and then."""


def modelled(model: RoundModel) -> dict[str, float]:
    found: Counter[str] = Counter()
    for name, each in model.messages.items():
        size = each.bytes / 1.5 if name == "commit" else each.bytes  # nobody here begins late
        found[SAME.get(name, name)] += size  # type: ignore[assignment]
    return {name: size for name, size in found.items() if name not in BESIDE}


def simulated(model: RoundModel, seats: int) -> dict[str, float]:
    """Bytes by kind of a mean peer in a round, all messages of which take as long."""
    scene = model.scene
    world = swarm(
        scene.plan,
        model.liars,
        peers=scene.peers,
        rounds=ROUND + 1,
        slowest=1,
        traced=False,
        parameters=scene.params,
    )
    world.delay = lambda sender, to, data: 50
    begun: set[int] = set()
    sent: Counter[str] = Counter()

    def look(node: Node, effect: Effect) -> None:
        if isinstance(effect, Phase) and effect.round == ROUND:
            begun.add(node.index)
        if isinstance(effect, Send) and node.index in begun:
            kind = kind_of(world.setting.group, effect.frame)
            sent[SAME.get(kind, kind)] += len(effect.peers) * len(effect.frame)

    world.before = look
    world.run()
    return {kind: size / scene.peers for kind, size in sent.items() if kind not in BESIDE}


@pytest.mark.parametrize(
    ("peers", "seats", "params"), [(4, 4, 1000), (8, 8, 10_000), (20, 20, 1000), (24, 12, 1000)]
)
def test_its_bytes_are_those_that_simulated_peers_send(peers: int, seats: int, params: int) -> None:
    plan = plan_swarm(seats, max(1, seats // 10))
    model = RoundModel(Scene(peers, params, aggregator("rsa", {}), plan), plan.threshold)
    counted, told = simulated(model, seats), modelled(model)
    assert counted.keys() == told.keys()
    for kind, size in counted.items():
        # of a drawn committee a third of the roster begins later, and is sent commitments again
        if kind != "commit" or seats == peers:
            assert told[kind] == pytest.approx(size, rel=OF_A_KIND), kind
    assert sum(told.values()) == pytest.approx(sum(counted.values()), rel=BYTES)


def test_twice_the_peers_cost_an_election_four_times_the_bytes() -> None:
    """What ends it: all else grows more slowly."""
    small, large = (
        RoundModel.create("rsa", {}, peers, 1000, Fraction(1, 10)) for peers in (2500, 5000)
    )
    assert large.frame_bytes / small.frame_bytes == pytest.approx(4, rel=0.1)
    assert large.seconds(0.05, 1e7) > 60


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "model", "--peers", "1000", "--params", "10000"]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert json_schema.errors(SCHEMA, document) == []
    assert document["peers"] == 1000 and document["plan"]["committee"] == 508
    frames = sum(each["bytes"] for each in document["messages"].values())
    assert document["bytes_sent"] == pytest.approx(1.005 * frames, rel=0.001)
    assert main(words) == 0
    assert "model, rsa: 1000 peers" in capsys.readouterr().out
    assert main(["bench", "model", "--peers", "2000000"]) == ConfigError.exit_code
    assert main(["bench", "model", "--peers", "3"]) == ConfigError.exit_code
    assert main(["bench", "model", "--bandwidth", "0"]) == ConfigError.exit_code
