"""Refusals in the trail: each of them comes to it, and nobody fills the disk with them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from peerd.config import Config, render_config
from peerd.discovery.address_book import AddressBook
from peerd.runner.node import Node
from peerd.status import Views
from peerd.status.callers import Caller
from peerd.status.gate import Gate
from peerd.status.refusals import MAX_REFUSED, MAX_VALUES, QUIET_SECONDS, Refusals
from peerd.status.roles import Role, Roles
from peerd.trail import Actor, Factor, Head, TrailError
from tests.unit.group.successions import MEMBERS, group

ANNA, BORIS = Caller(70_001), Caller(70_002)
WHO = Role.VIEWER
PAUSE, SIGN = ({"what": "pause", "needs": "operator"}, {"what": "sign", "needs": "officer"})


class Trail:
    def __init__(self) -> None:
        self.full = False
        self.records: list[tuple[Actor, dict[str, Any]]] = []

    async def noted(self, act: str, actor: Actor, **arguments: Any) -> Head:
        assert act == "refuse"
        await trio.sleep(0)
        if self.full:
            raise TrailError("no space left on device")
        self.records.append((actor, arguments))
        return Head(len(self.records), "")

    def told(self) -> list[dict[str, Any]]:
        return [arguments for _, arguments in self.records]


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.mark.trio
async def test_the_first_is_told_at_once_and_the_others_when_the_minute_is_over(
    trail: Trail, mock_clock: trio.testing.MockClock
) -> None:
    refusals = Refusals(trail.noted)
    for about in (PAUSE, PAUSE, SIGN, PAUSE):
        await refusals.refused(ANNA, WHO, about)
    await refusals.flush(QUIET_SECONDS)
    assert trail.told() == [PAUSE]
    mock_clock.jump(QUIET_SECONDS + 1)
    await refusals.flush(QUIET_SECONDS)
    assert trail.told()[1:] == [{"what": "pause, sign", "needs": "operator, officer", "more": 2}]
    assert trail.records[1][0] == Actor(Factor.SOCKET, ANNA.uid, None, "viewer")
    mock_clock.jump(QUIET_SECONDS + 1)
    await refusals.flush(QUIET_SECONDS)
    assert len(trail.records) == 2  # there is nothing more


@pytest.mark.trio
async def test_who_never_asks_again_is_told_of_by_itself_and_so_is_who_asked_at_the_end(
    trail: Trail, mock_clock: trio.testing.MockClock
) -> None:
    refusals = Refusals(trail.noted)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(refusals.run)
        for _ in range(5):
            await refusals.refused(ANNA, WHO, PAUSE)
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(QUIET_SECONDS + 1)
        await trio.testing.wait_all_tasks_blocked()
        assert trail.told() == [PAUSE, {**PAUSE, "more": 3}]
        for caller in (ANNA, BORIS, BORIS):
            await refusals.refused(caller, WHO, SIGN)
        assert trail.told()[2:] == [SIGN]  # Boris' first
        nursery.cancel_scope.cancel()  # the daemon ends
    assert trail.told()[3:] == [SIGN, SIGN]
    assert {actor.uid for actor, _ in trail.records[3:]} == {ANNA.uid, BORIS.uid}


@pytest.mark.trio
async def test_one_user_has_one_record_a_minute(
    trail: Trail, mock_clock: trio.testing.MockClock
) -> None:
    refusals = Refusals(trail.noted)
    for _ in range(10):
        for number in range(40):
            await refusals.refused(ANNA, WHO, {"what": str(number), "needs": "officer"})
        mock_clock.jump(QUIET_SECONDS + 1)
        await refusals.flush(QUIET_SECONDS)
    assert len(trail.records) == 11
    assert 1 + sum(1 + each.get("more", 0) for each in trail.told()[1:]) == 400
    assert all(len(each["what"].split(", ")) <= MAX_VALUES for each in trail.told())


@pytest.mark.trio
async def test_many_users_fill_neither_memory_nor_disk(
    trail: Trail, mock_clock: trio.testing.MockClock
) -> None:
    refusals = Refusals(trail.noted)
    for uid in range(70_000, 70_000 + 2 * MAX_REFUSED):
        await refusals.refused(Caller(uid), None, PAUSE)
        await refusals.unanswered(Caller(uid), Role.OFFICER, "sign")
    assert len(refusals._held) == len(trail.records) == MAX_REFUSED
    mock_clock.jump(QUIET_SECONDS + 1)
    await refusals.flush(QUIET_SECONDS)
    assert len(trail.records) == 2 * MAX_REFUSED + 1
    actor, about = trail.records[-1]
    assert actor.factor is Factor.DAEMON and about["more"] == 2 * MAX_REFUSED - 1
    assert "beyond those that are told apart" in about["by"]


@pytest.mark.trio
async def test_what_can_not_be_written_is_written_later(
    trail: Trail, mock_clock: trio.testing.MockClock
) -> None:
    refusals = Refusals(trail.noted)
    trail.full = True
    with capture_logs() as said:
        await refusals.refused(ANNA, WHO, PAUSE)
    assert said[0]["event"] == "a refusal is not in the trail"
    trail.full = False
    await refusals.refused(ANNA, WHO, SIGN)
    assert trail.told() == []
    mock_clock.jump(QUIET_SECONDS + 1)
    await refusals.flush(QUIET_SECONDS)
    assert trail.told() == [{"what": "pause, sign", "needs": "operator, officer", "more": 1}]


@pytest.mark.trio
async def test_a_code_that_never_comes_is_a_refusal_and_one_that_comes_is_none(
    trail: Trail, mock_clock: trio.testing.MockClock
) -> None:
    refusals = Refusals(trail.noted)
    for caller in (ANNA, BORIS):
        await refusals.unanswered(caller, Role.OFFICER, "sign")
    refusals.answered(BORIS)
    assert trail.told() == []
    mock_clock.jump(QUIET_SECONDS + 1)
    await refusals.flush(QUIET_SECONDS)
    assert trail.told() == [{"what": "sign", "needs": "code", "code": "missing"}]
    assert trail.records[0][0].uid == ANNA.uid


@pytest.mark.trio
async def test_a_wrong_code_after_the_question_is_told_at_once(trail: Trail) -> None:
    refusals = Refusals(trail.noted)
    await refusals.unanswered(ANNA, Role.OFFICER, "sign")
    refusals.answered(ANNA)
    about = {"what": "sign", "needs": "code", "code": "wrong"}
    await refusals.refused(ANNA, Role.OFFICER, about)
    assert trail.told() == [about]


@pytest.mark.trio
async def test_a_daemon_leaves_none_out(trail: Trail) -> None:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        home = Path(name)
        (home / "peerd.toml").write_text(render_config())
        genesis = group()
        book = AddressBook(home / "addresses.json", genesis.roster, genesis.group_id)
        node = Node(Config.load(home / "peerd.toml"), MEMBERS[0], genesis, book)
        gate = Gate(Roles(viewers=("cert:anna",)), trail.noted)
        async with trio.open_nursery() as nursery:
            await node.show(nursery, Views(list, lambda n: [], lambda n: None), gate)
            for _ in range(3):
                await gate.refusal(ANNA, None)
            assert len(trail.records) == 1
            nursery.cancel_scope.cancel()
    assert [each.get("more") for each in trail.told()] == [None, 1]
