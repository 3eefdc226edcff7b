"""A machine on which the certified sum gives another model: it resyncs, and nobody blames it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from peerd.laboratory.simulation.swarm import EIGHT, swarm
from protocols.committee.opener import Opener
from protocols.opening import Opened
from protocols.record.certificate import verify_certificate
from protocols.record.evidence import contradicts
from protocols.session.attempt import Parts


class OtherFloats(Opener):
    """Computes the last bit of a parameter differently (fault 67)."""

    def _adopt(self, opened: Opened) -> None:
        super()._adopt(opened)
        assert self.model is not None
        self.model = self.model.copy()
        self.model[0] = np.nextafter(self.model[0], np.float32(np.inf))


class OtherMachine(Parts):
    opener = OtherFloats


def test_it_takes_the_model_by_its_hash_and_is_not_blamed() -> None:
    world = swarm(EIGHT, 2, rounds=3, seed=5, lies={2: OtherMachine})
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
