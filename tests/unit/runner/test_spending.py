"""What a daemon tells of its group's privacy budget: in its status, its warnings and its log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import structlog

from peerd.runner.records import Records
from peerd.runner.resume import setting_of
from peerd.runner.spending import BUDGET_SPENT, reached, spending, warning
from peerd.runner.teller import Teller
from peerd.status.board import StatusBoard
from peerd.storage import Store
from protocols.record.effects import Phase
from protocols.record.ledger import Ledger
from protocols.record.position import Position, first_position
from protocols.record.setting import Setting
from protocols.session.events import Peer
from protocols.session.states import Standing
from tests.unit.group.successions import MODEL, group
from tests.unit.group.test_promise import private

MOST = 30


@dataclass
class Stands:
    """A session that only says where it stands."""

    position: Position
    finished: bool = False


@pytest.mark.parametrize(
    ("opened", "threshold"), [(0, 0), (14, 0), (15, 50), (24, 80), (28, 80), (29, 95), (30, 95)]
)
def test_people_are_warned_from_half_on(opened: int, threshold: int) -> None:
    assert reached(opened, MOST) == threshold
    assert (warning(opened, MOST) is None) == (threshold == 0)


def test_what_is_spent_grows_and_stays_within() -> None:
    setting = setting_of(private())
    found = [spending(setting, charged) for charged in (0, 1, MOST)]
    spent = [each["epsilon_spent"] for each in found if each is not None]
    assert spent[0] == 0 < spent[1] < spent[2] <= 2
    assert spending(setting_of(group()), 0) is None


def told(tmp_path: Path, setting: Setting, charged: int, *, finished: bool = False) -> Any:
    """The status behind so many rounds, and the log's lines."""
    board, position = StatusBoard(), first_position(setting, MODEL)
    position.ledger = Ledger(charged=charged)
    with Store.open(tmp_path) as store, structlog.testing.capture_logs() as lines:
        records = Records(store, setting.roster)
        stands = cast(Peer, Stands(position, finished))
        teller = Teller(setting, stands, store, board, records)
        teller.on_spent = lambda round_, share: board.publish("spending", share=share)
        teller.head(charged - 1, bytes(32))
        teller.head(charged - 1, bytes(32))
        if finished:
            teller.tell(Phase(charged, 0, Standing.BUDGET_SPENT.value))
    shares = [each["share"] for each in board.recent("spending")]
    return board.snapshot() | {"shares": shares}, [line["event"] for line in lines]


def test_the_status_has_it_and_warns_once(tmp_path: Path) -> None:
    shown, lines = told(tmp_path, setting_of(private()), 24)
    assert shown["privacy"]["rounds_opened"] == 24 and shown["privacy"]["rounds_max"] == MOST
    assert shown["warnings"] == ["80 % of the privacy budget's rounds are spent: 24 of 30"]
    assert lines.count("the privacy budget is being spent") == 1 and shown["state"] == "running"
    assert shown["shares"] == [24 / MOST]  # what the alarms hear


def test_behind_the_last_it_says_so(tmp_path: Path) -> None:
    shown, lines = told(tmp_path, setting_of(private()), MOST, finished=True)
    assert shown["state"] == BUDGET_SPENT and shown["phase"].startswith(BUDGET_SPENT)
    assert "the group opens no more" in shown["warnings"][0]
    assert "the privacy budget is spent: the group opens nothing more" in lines


def test_a_group_that_promises_nothing_has_nothing_to_say(tmp_path: Path) -> None:
    shown, _ = told(tmp_path, setting_of(group()), 24)
    assert shown["privacy"] is None and not any("privacy" in each for each in shown["warnings"])
