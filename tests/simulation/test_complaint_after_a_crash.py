"""A member dies between report and complaint, and the dealer then sends it a valid dealing."""

import pytest

from peerd.laboratory.adversaries.dealing import LyingDealer
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.oracle import check
from peerd.laboratory.simulation.watch import Watch
from protocols.hashing import digest
from protocols.proof import Dealing, seal, split
from protocols.record.base import Values
from protocols.record.effects import Effect, Persist, Send
from protocols.wire.frames import DealingFrame, encode_frame
from protocols.wire.payloads import Kind

from .swarm import FOUR, swarm

VICTIM = 2
COMPLAINT = f"slot/0/{int(Kind.COMPLAINT)}/0/"


class Turncoat(LyingDealer):
    """Deals a wrong share to one, and a valid dealing of another header when that one is back."""

    def split(self, values: Values) -> Dealing:
        panel = self.at.panel
        parts = split(self.shape, values, self.at.dealing_secret, self.context())
        row = parts.vectors[panel.seats.index(VICTIM) - panel.plan.threshold]
        row[0] = (int(row[0]) + 1) % self.at.setting.field.p
        other = split(self.shape, values, digest("lab/second"), self.context())
        self._second = seal(self.shape, self.context(), other)
        return seal(self.shape, self.context(), parts)

    def deliver(self, seat: int, peer: int) -> None:
        if peer != VICTIM:
            super().deliver(seat, peer)
            return
        assert self.header is not None
        frame = DealingFrame(self.header.wire, self.package(seat))
        self.at.send((peer,), frame, again=False)
        later = DealingFrame(self.head(self._second).wire, self._second.packages[seat])
        self.at.kept.append(Send((peer,), encode_frame(later)))


@pytest.mark.parametrize("seed", [3, 5, 8])
def test_nobody_complains_of_a_share_that_is_valid_by_now(seed: int) -> None:
    world = swarm(FOUR, 1, lies={0: Lie(Turncoat)}, seed=seed, rounds=2)
    crashes: list[int] = []

    def dies(node: Node, effect: Effect) -> None:
        if node.index != VICTIM or crashes or not isinstance(effect, Persist):
            return
        if effect.key.startswith(COMPLAINT):
            crashes.append(world.now)
            world.crash(node)
            world.happen(world.now + 40, lambda: world.boot(node))

    world.before = dies
    Watch(world)
    world.run(until=300_000)
    assert crashes, "its report is out, its complaint is not"
    check(world, away=(VICTIM,))
    assert all(0 in {blame.peer for blame in node.blamed} for node in world.nodes if node.honest)
