"""Who has announced that it is away is not called absent; the log says when it goes and comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from peerd.cli.event_line import line
from peerd.identity import peer_id_of
from peerd.labels import label
from peerd.laboratory.simulation.swarm import EIGHT, FOUR, setting_of, swarm
from peerd.runner.absences import Absences
from peerd.runner.operators import stays
from peerd.runner.operators.orders import in_words
from peerd.runner.records import Records
from peerd.status.board import StatusBoard
from peerd.storage import Store
from protocols.record.certificate import verify_certificate
from protocols.session.events import Approval, Order, Return, Stay
from protocols.wire.payloads import Act

SETTING = setting_of(FOUR, 1)
NAMES = ("St. Mary's", "Köln", "Ward #3", "d")
EVERYBODY = frozenset(range(4))
KÖLN = label(NAMES[1], peer_id_of(SETTING.roster[1]))


def test_who_goes_and_comes_is_told_once(tmp_path: Path) -> None:
    board = StatusBoard()
    with Store.open(tmp_path / "data") as store, capture_logs() as said:
        records = Records(store, SETTING.roster, NAMES)
        absences = Absences(records, board)
        absences.hear(((1, 7),), EVERYBODY)
        absences.hear(((1, 7), (2, 9)), EVERYBODY)
        assert records.unannounced((1, 2, 3), 8) == (2, 3)
        assert records.unannounced((1, 2, 3), 9) == (3,)
        absences.hear(((2, 9),), EVERYBODY)
        absences.hear((), frozenset({0, 1, 3}))  # 2 has hung up: whether it is back nobody knows
        assert records.unannounced((1, 2, 3), 9) == (1, 2, 3)
    assert [(each["event"], each["name"]) for each in said] == [
        ("a member is away, as it has announced", "Köln"),
        ("a member is away, as it has announced", "Ward #3"),
        ("a member takes part again", "Köln"),
    ]
    assert board.snapshot()["away"] == {}
    lines = [line(each, {}) for each in board._after(0)]
    assert lines[0].endswith(f"  {KÖLN} is away from round 7 on, as it has announced")
    assert lines[-1].endswith(f"  {KÖLN} takes part again")


def test_a_round_that_was_missed_names_whom_the_others_miss_in_it(tmp_path: Path) -> None:
    """Also who did not even commit; not who has announced it, as this peer for its operator."""
    silent, paused = 1, 3
    world = swarm(EIGHT, 2, rounds=2, silent=frozenset({silent}))
    world.nodes[paused].paused = 0
    world.run()
    done = world.nodes[0].completed
    chain = [verify_certificate(world.setting, each.certificate) for each in done.values()]
    found = []
    with Store.open(tmp_path / "data") as store:
        for me, since in ((None, None), (paused, None), (paused, 1), (paused, 0)):
            stays.keep(store, since)
            records = Records(store, world.setting.roster, me=me)
            records.adopted(world.setting, chain, done[1].model)
            found.append([each["absent"] for each in store.rounds()])
        others = Records(store, world.setting.roster, me=0)
        others.away = {paused: 0}
        live = others.unannounced(done[1].absent, 1)
    both, one = [
        [{"peer": peer_id_of(world.setting.roster[peer]), "name": None} for peer in who]
        for who in ((silent, paused), (silent,))
    ]
    assert done[1].absent == (silent, paused) and live == (silent,)
    assert found == [[both, both], [both, both], [both, one], [one, one]]


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (Stay(), "pause"),
        (Stay(since=7, lasts=False), "drain from round 7 on"),
        (Return(), "resume"),
        (Order(3, 1, b"\xab\xcd"), "abandon 3.1.abcd"),
        (Approval(Act.PAUSE), "approve the group's pause"),
        (Approval(Act.RESUME), "approve the group's resume"),
        (Approval(Act.HANDOVER, b"\xab\xcd"), "approve the handover to abcd"),
    ],
    ids=str,
)
def test_an_order_is_told_by_the_words_of_its_command(
    order: Order | Approval | Stay | Return, words: str
) -> None:
    assert in_words(order) == words
    carried_out = {"time": 0, "kind": "order", "order": words, "refused": None}
    assert line(carried_out, {}).endswith(f"  the operator's order ({words}) is carried out")
