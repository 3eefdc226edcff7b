"""Operators' orders: read at the desk before anything is done, and rubbish is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from peerd.errors import ConfigError
from peerd.runner.operators.orders import Desk, Event, order_of
from peerd.status.gate import ENROL
from peerd.status.routes import CONFIRM, ROUTES, WITHDRAW
from peerd.storage import Store
from protocols.session.events import Order, Return, Stay
from tests.unit.group.successions import group
from tests.unit.runner.signers import signer

ORDER = Order(3, 1, bytes(range(32)))
PLACE: dict[str, object] = {"round": 3, "attempt": 1, "cohort": bytes(range(32)).hex()}


@pytest.mark.parametrize(
    ("act", "document", "event"),
    [
        ("pause", {}, Stay()),
        ("resume", {}, Return()),
        ("drain", {}, Stay(lasts=False)),
        ("abandon", PLACE, ORDER),
    ],
)
def test_an_order_is_carried_out_by_the_driver_and_not_before_there_is_one(
    tmp_path: Path, act: str, document: dict[str, object], event: Event
) -> None:
    heard: list[Event] = []

    async def carry_out(order: Event) -> None:
        heard.append(order)

    with Store.open(tmp_path) as store:
        desk = Desk(store, group(), lambda: None, signer(store))
        asked = desk.order(act, document)
        assert asked.arguments == document
        with pytest.raises(ConfigError, match="in no round yet"):
            trio.run(asked.carry_out)
        desk.carry_out = carry_out
        trio.run(asked.carry_out)
    assert heard == [event]


def test_reload_needs_no_driver(tmp_path: Path) -> None:
    done: list[str] = []
    with Store.open(tmp_path) as store:
        desk = Desk(store, group(), lambda: done.append("reload"), signer(store))
        asked = desk.order("reload", {})
        assert done == []
        trio.run(asked.carry_out)
    assert done == ["reload"]


def test_every_order_of_the_table_is_read(tmp_path: Path) -> None:
    """One that is not falls through to ``abandon``, which lacks its cohort."""
    orders = {each.act for each in ROUTES if each.answer is None and each.act != ENROL}
    read = {"pause", "resume", "drain", "reload", "approve pause", "approve resume", "rotate"}
    assert orders == read | {"abandon", "approve handover", "sign", CONFIRM, WITHDRAW}
    with Store.open(tmp_path) as store:
        desk = Desk(store, group(), lambda: None, signer(store))
        for act in read:
            desk.order(act, {})


@pytest.mark.parametrize(
    ("round_", "attempt", "cohort"),
    [
        (True, 0, "00" * 32),
        (0, 9000, "00" * 32),
        (-1, 0, "00" * 32),
        (None, 0, "00" * 32),
        ("3", 0, "00" * 32),
        (0, 0, "00" * 31),
        (0, 0, "zz" * 32),
        (0, 0, None),
        (0, 0, []),
    ],
)
def test_what_names_no_cohort_is_refused(round_: object, attempt: object, cohort: object) -> None:
    with pytest.raises(ConfigError):
        order_of(round_, attempt, cohort)
