"""A dealer that keeps its shares from honest members is not decided without their word (§3, §5)."""

import pytest

from peerd.laboratory.adversaries.dealing import LyingDealer
from peerd.laboratory.adversaries.liar import Lie
from protocols.wire.frames import StatementFrame, decode_frame
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement, decode_statement

from .swarm import EIGHT, TEN, swarm


class Withholding(LyingDealer):
    """Deals to all but two members, and answers no ASK."""

    def deliver(self, seat: int, peer: int) -> None:
        if peer not in (2, 3):
            super().deliver(seat, peer)

    def answer(self, report: Statement, key: bytes) -> None:
        pass


@pytest.mark.parametrize(("plan", "liars"), [(EIGHT, 2), (TEN, 1)])
def test_every_honest_member_is_heard_before_a_dealing_is_decided(plan, liars) -> None:
    world = swarm(plan, liars, lies={0: Lie(Withholding)})
    reporters = set()

    def note(sender: int, to: int, data: bytes) -> bool:
        frame = decode_frame(data)
        if isinstance(frame, StatementFrame):
            said = decode_statement(frame.statement, world.setting.group)
            if said.kind is Kind.REPORT:
                reporters.add(said.signer)
        return False

    world.drop = note
    world.run()
    assert {2, 3} <= reporters
    for node in world.nodes[1:]:
        assert 0 not in node.completed[0].dealers
        assert set(node.completed[0].dealers) == set(range(1, plan.committee))
        assert not node.blamed
