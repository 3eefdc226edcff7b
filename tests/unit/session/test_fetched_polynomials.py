"""The opened sum of a certified round, from those who signed it: one of them may lie."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from peerd.laboratory.simulation.swarm import SEATED, swarm
from protocols.record.effects import Ask, Effect, Record, Step, Timer
from protocols.record.timers import FetchAgain
from protocols.session.fetch import FETCH_PAUSE
from protocols.session.session import Session

LIES = {
    "nothing": b"",
    "rubbish": b"\x93no polynomials",
    "another sum": b"",
}


def lie_of(name: str, right: bytes) -> bytes:
    return bytes(len(right)) if name == "another sum" else LIES[name]


class Unseated:
    """A peer that has no seat, at the moment when its round's certificate is here."""

    def __init__(self) -> None:
        world = swarm(SEATED, 1, peers=24, seed=3, traced=False, parameters=3)
        found: list[tuple[Session, Ask]] = []

        def watch(node: Any, effect: Effect) -> None:
            if not found and isinstance(effect, Ask) and effect.record is Record.POLYNOMIALS:
                found.append((node.session, effect))
                node.up = False  # it goes on here alone

        world.before = watch
        world.run()
        ((self.session, self.first),) = found
        self.right = next(n for n in world.nodes if n.completed).completed[0].polynomials

    def answered(self, ask: Ask, data: bytes) -> list[Ask | Timer]:
        """What it asks, or waits for, then."""
        effects = chain.from_iterable(self.session.on_answer(ask, data))
        return [effect for effect in effects if isinstance(effect, Ask | Timer)]


@pytest.fixture
def unseated() -> Unseated:
    return Unseated()


@pytest.mark.parametrize("lie", sorted(LIES))
@pytest.mark.parametrize("liars", [0, 1])
def test_a_signer_s_lie_costs_a_question(unseated: Unseated, lie: str, liars: int) -> None:
    session, ask, asked = unseated.session, unseated.first, [unseated.first.peer]
    assert session.rounds.current.lacks_sum
    for _ in range(liars):
        (next_,) = unseated.answered(ask, lie_of(lie, unseated.right))
        assert isinstance(next_, Ask) and next_.record is Record.POLYNOMIALS
        ask = next_
        asked.append(ask.peer)
    unseated.answered(ask, unseated.right)
    assert session.position.round == ask.round + 1
    assert len(set(asked)) == liars + 1, "each another one"


def test_where_all_of_them_lie_they_are_asked_once_more_in_a_while(unseated: Unseated) -> None:
    session, first = unseated.session, list[int]()
    effect: Ask | Timer = unseated.first
    while isinstance(effect, Ask):
        first.append(effect.peer)
        (effect,) = unseated.answered(effect, b"")
    assert effect == Timer((0, 0), FetchAgain(), FETCH_PAUSE)
    steps: list[Step] = session.on_timer(effect)
    assert [each for step in steps for each in step] == [unseated.first]
    assert len(first) == len(set(first)) == SEATED.quorum
    unseated.answered(unseated.first, unseated.right)
    assert session.position.round == 1


def test_a_sum_of_another_round_and_one_too_many_change_nothing(unseated: Unseated) -> None:
    session, ask = unseated.session, unseated.first
    for round_ in (ask.round + 1, ask.round + 7):
        assert session.on_answer(Ask(ask.peer, Record.POLYNOMIALS, round_), unseated.right) == []
    unseated.answered(ask, unseated.right)
    assert session.on_answer(ask, unseated.right) == []
    assert session.on_answer(ask, b"") == []
