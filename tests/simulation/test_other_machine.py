"""A machine on which the certified sum gives another model: it resyncs, and nobody blames it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.agenda import Act
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.swarm import EIGHT, swarm
from peerd.laboratory.simulation.world import World
from protocols.aggregation.contract import Model
from protocols.record.certificate import verify_certificate
from protocols.record.evidence import contradicts


def other_floats(world: World, peer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """This peer computes the last bit of a parameter differently (fault 67)."""
    acting: list[int] = []
    rule, act = type(world.setting.aggregator), world._act
    sound = rule.apply

    def noted(node: Node, life: int, event: Act) -> None:
        acting[:] = [node.index]
        act(node, life, event)

    def apply(*given: object) -> Model:
        model = sound(*given)  # type: ignore[arg-type]
        if acting == [peer]:
            model[0] = np.nextafter(model[0], np.float32(np.inf))
        return model

    monkeypatch.setattr(world, "_act", noted)
    monkeypatch.setattr(rule, "apply", apply)


def test_it_takes_the_model_by_its_hash_and_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = swarm(EIGHT, 2, rounds=3, seed=5, lies={2: Lie()})
    other_floats(world, 2, monkeypatch)
    world.run(until=600_000)
    assert not any(node.blamed for node in world.nodes)
    models = {node.completed[1].model_hash for node in world.nodes if 1 in node.completed}
    assert len(models) == 1
    other = world.nodes[2].session
    assert other is not None
    assert other.position.round >= 1


def test_a_model_s_hash_alone_contradicts_nothing_and_anything_else_does() -> None:
    world = swarm(EIGHT, 2, rounds=1, seed=5)
    world.run(until=600_000)
    record = world.nodes[0].completed[0].certificate
    result = verify_certificate(world.setting, record).result
    assert not contradicts(result, result)
    assert not contradicts(replace(result, model=bytes(32)), result)
    for field in ("election", "previous", "cohort", "polynomials"):
        assert contradicts(replace(result, **{field: bytes(32)}), result)
    assert contradicts(replace(result, dealers=result.dealers + 1), result)
