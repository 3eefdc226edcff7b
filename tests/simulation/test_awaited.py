"""An attempt without a result names whose word was wanting: for operators, and nobody's guilt."""

from __future__ import annotations

from peerd.laboratory.adversaries import DEALERS, ELECTORS
from peerd.laboratory.simulation.swarm import EIGHT, Lies, swarm
from protocols.record.effects import Abort, Aborted
from protocols.version import EARLIEST, LATEST
from protocols.wire.frames import DealingFrame, decode_frame

MUTE = {2: DEALERS["Mute"], 5: DEALERS["Mute"]}


def aborted(lies: Lies, late: tuple[int, ...] = (), version: int = LATEST) -> set[Aborted]:
    """What the honest peers say of the first attempt; the dealings of ``late`` never come."""
    world = swarm(EIGHT, 2, lies=lies, traced=False, version=version)
    world.drop = lambda sender, to, data: (
        sender in late and isinstance(decode_frame(data), DealingFrame)
    )
    world.run(until=300_000)
    return {item for node in world.nodes if node.honest for item in node.aborted[:1]}


def test_dealings_that_did_not_come() -> None:
    (found,) = aborted(MUTE, late=(0, 7))
    assert found == Aborted(0, 0, Abort.COHORT, (0, 2, 5, 7))


def test_a_silent_revealer() -> None:
    (found,) = aborted({3: ELECTORS["SilentRevealer"]}, version=EARLIEST)
    assert found == Aborted(0, 0, Abort.FLIP, (3,))
