"""The opened sum of a certified round, from those who signed it: one of them may lie."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from peerd.laboratory.simulation.swarm import SEATED, swarm
from peerd.laboratory.simulation.world import World
from peerd.runner.driver import Driver
from peerd.runner.library import Library
from protocols.record.effects import Effect, FetchPolynomials
from protocols.session.session import Session

LIES = {
    "nothing": b"",
    "rubbish": b"\x93no polynomials",
    "another sum": b"",
}


def lie_of(name: str, right: bytes) -> bytes:
    return bytes(len(right)) if name == "another sum" else LIES[name]


def unseated() -> tuple[World, Session, FetchPolynomials]:
    """A session whose peer has no seat, at the moment when its round's certificate is here."""
    world = swarm(SEATED, 1, peers=24, seed=3, traced=False, parameters=3)
    found: list[tuple[Session, FetchPolynomials]] = []

    def watch(node: Any, effect: Effect) -> None:
        if not found and isinstance(effect, FetchPolynomials):
            found.append((node.session, effect))
            node.up = False  # it goes on under the driver alone

    world.before = watch
    world.run()
    return world, *found[0]


@pytest.mark.parametrize("lie", sorted(LIES))
@pytest.mark.parametrize("liars", [0, 1])
def test_a_signer_s_lie_costs_a_question(lie: str, liars: int) -> None:
    world, session, effect = unseated()
    right = next(node for node in world.nodes if node.completed).completed[0].polynomials
    roster = world.setting.roster
    asked: list[int] = []

    class Asks(Library):
        async def ask(self, peer: bytes, what: str, round_: int, limit: int) -> bytes:
            await trio.lowlevel.checkpoint()
            asked.append(roster.index(peer))
            lying = asked[-1] in effect.peers[:liars]
            return lie_of(lie, right) if lying else right

    def links() -> list[Any]:
        return []

    async def run() -> None:
        nothing, transport = cast(Any, SimpleNamespace()), cast(Any, SimpleNamespace(links=links))
        server = cast(Any, SimpleNamespace(handle_requests=lambda handler: None))
        library = Asks(world.setting, nothing, server)
        driver = Driver(
            world.setting, session, nothing, transport, nothing, nothing, library, nothing
        )

        async def step(act: Any) -> None:
            act(session)

        driver._step = step  # type: ignore[method-assign]
        with trio.move_on_after(60):
            await driver._fetch(effect)

    assert session.lacks_polynomials(effect.round)
    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0.2))
    assert session.position.round == effect.round + 1
    assert asked == list(effect.peers[: liars + 1])
