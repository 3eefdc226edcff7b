"""A crash while missed rounds are taken over: the store can be opened, and stands at one end."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerd.laboratory.simulation.swarm import FOUR, first_model, swarm
from peerd.laboratory.simulation.world import World
from peerd.runner.records import Records
from peerd.runner.resume import position_of
from peerd.storage import Store
from protocols.record.certificate import verify_certificate

ROUNDS = 4


@pytest.fixture(scope="module")
def world() -> World:
    made = swarm(FOUR, 1, rounds=ROUNDS)
    made.run()
    return made


class PowerCut(Exception):
    pass


def cut_after(store: Store, writes: int) -> None:
    """The power, when so many transactions are done."""
    transaction, left = store._database.transaction, [writes]

    def counted() -> object:
        if not left[0]:
            raise PowerCut
        left[0] -= 1
        return transaction()

    store._database.transaction = counted  # type: ignore[method-assign, assignment]


def adopt(world: World, path: Path, writes: int) -> bool:
    """Whether it is done before the power is cut, after so many transactions."""
    done = [world.nodes[0].completed[round_] for round_ in range(ROUNDS)]
    chain = [verify_certificate(world.setting, record.certificate) for record in done]
    with Store.open(path) as store:
        cut_after(store, writes)
        try:
            Records(store, world.setting.roster).adopted(world.setting, chain, done[-1].model)
        except PowerCut:
            return False
    return True


def test_a_crash_in_between_leaves_a_store_to_start_from(world: World, tmp_path: Path) -> None:
    reached = []
    for writes in range(100):
        path = tmp_path / str(writes)
        whole = adopt(world, path, writes)
        with Store.open(path) as store:
            reached.append(position_of(world.setting, store, first_model(1, 7)).round)
            Records(store, world.setting.roster).fill(world.setting)
            assert [each["round"] for each in store.rounds()] == list(range(reached[-1]))
        if whole:
            break
    assert set(reached) == {0, ROUNDS}
    assert reached == sorted(reached)


def test_a_round_that_was_certified_and_not_told_is_told_at_the_next_start(
    world: World, tmp_path: Path
) -> None:
    with Store.open(tmp_path) as store:
        records = Records(store, world.setting.roster)
        for round_ in range(ROUNDS):
            effect = world.nodes[0].completed[round_]
            records.completed(effect)
            if round_ < 2:
                store.put_round(round_, records.summary(effect, {}))
        records.fill(world.setting)
        told = store.rounds()
        assert [each["round"] for each in told] == list(range(ROUNDS))
        assert [each["reason"] for each in told] == [None] * 2 + ["restarted as it ended"] * 2
        assert told[3]["model_hash"] == world.nodes[0].completed[3].model_hash.hex()
        records.fill(world.setting)
        assert store.rounds() == told
