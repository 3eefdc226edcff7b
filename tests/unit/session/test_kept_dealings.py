"""What an OK promises is on the disk while somebody may rest on it, and no longer (§6, Erasure)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.swarm import EIGHT, FOUR, swarm
from peerd.laboratory.simulation.world import World
from protocols.committee import receiver
from protocols.committee.receiver import ALONE, kept_prefix
from protocols.record.effects import Aborted, Effect, Send
from protocols.wire.frames import DealingFrame, Frame, StatementFrame, SumFrame, decode_frame
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import Statement, decode_statement


@pytest.fixture(autouse=True, params=[ALONE, 0], ids=["together", "alone"])
def alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Elements from which on dealings are checked and kept one by one: of no model here, of all."""
    least: int = request.param
    monkeypatch.setattr(receiver, "ALONE", least)
    return least


def kept(node: Node, attempt: int = 0) -> set[int]:
    """The dealers whose packages are on its disk."""
    prefix = kept_prefix(attempt)
    keys = [key for key in node.journal.get(0, {}) if key.startswith(prefix)]
    return {int(key.removeprefix(prefix)) for key in keys}


def on_each_frame(world: World, told: Callable[[Node, Frame], None]) -> None:
    before = world.before

    def telling(node: Node, effect: Effect) -> None:
        before(node, effect)
        if isinstance(effect, Send):
            told(node, decode_frame(effect.frame))

    world.before = telling


def statement_in(world: World, frame: Frame) -> Statement | None:
    if not isinstance(frame, StatementFrame):
        return None
    return decode_statement(frame.statement, world.setting.group)


def test_a_package_is_there_when_the_report_leaves_and_gone_when_the_sum_does(alone: int) -> None:
    """Or as soon as it comes: this peer's own one then, when its dealings leave."""
    world = swarm(FOUR, 1, parameters=3)
    seen: list[tuple[str, int, set[int]]] = []

    def told(node: Node, frame: Frame) -> None:
        said = statement_in(world, frame)
        if said is not None and said.kind is Kind.REPORT:
            seen.append(("report", node.index, kept(node)))
        elif isinstance(frame, SumFrame):
            seen.append(("sum", node.index, kept(node)))
        elif isinstance(frame, DealingFrame):
            seen.append(("dealing", node.index, kept(node)))

    on_each_frame(world, told)
    world.run()
    everybody = set(range(4))
    reports = [dealers for what, _, dealers in seen if what == "report"]
    sums = [dealers for what, _, dealers in seen if what == "sum"]
    early = [peer in dealers for what, peer, dealers in seen if what == "dealing"]
    assert early == [not alone] * 12
    assert len(reports) >= 4 and all(dealers == everybody for dealers in reports)
    assert len(sums) >= 4 and not any(sums)


def test_what_is_asked_for_is_on_no_disk_until_it_is_answered() -> None:
    """A dealing that a member does not hold, it does not keep; its relays' answer it does."""
    world = swarm(EIGHT, 2, parameters=3)
    seen: dict[Kind, set[int]] = {}

    def lost(sender: int, to: int, data: bytes) -> bool:
        return (sender, to) == (0, 1) and type(decode_frame(data)).__name__ == "DealingFrame"

    def told(node: Node, frame: Frame) -> None:
        said = statement_in(world, frame)
        if node.index == 1 and said is not None and said.signer == 1:
            seen.setdefault(said.kind, kept(node))

    world.drop = lost
    on_each_frame(world, told)
    world.run()
    assert seen[Kind.REPORT] == set(range(1, 8))
    assert seen[Kind.ANSWER] == set(range(8))


def test_an_attempt_without_a_result_takes_its_packages_with_it() -> None:
    world = swarm(EIGHT, 2, parameters=3)
    ended: list[tuple[set[int], int]] = []
    before = world.before

    def lost(sender: int, to: int, data: bytes) -> bool:
        said = statement_in(world, decode_frame(data))
        if said is None or said.kind is not Kind.FIRST_VOTE:
            return False
        place = said.slot.subject, said.slot.attempt
        return place == (Topic.COHORT, 0) and said.slot.view < 5

    def ending(node: Node, effect: Effect) -> None:
        before(node, effect)
        if isinstance(effect, Aborted):
            ended.append((kept(node), effect.attempt))

    world.drop = lost
    world.before = ending
    world.run()
    assert ended == [(set(), 0)] * 8
