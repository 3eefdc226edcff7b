"""Liars and what a starting peer asks: it loses some time by them, and nothing else (fault 47)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import Restore
from peerd.laboratory.simulation.oracle import check
from peerd.laboratory.simulation.watch import Watch
from peerd.laboratory.simulation.world import World
from protocols.presence.neighbours import MAX_HELLOS
from protocols.record.effects import Effect, Persist, Step
from protocols.session.recall import recalled
from protocols.session.session import Session
from protocols.wire.frames import RecalledFrame, RecallFrame, decode_frame, encode_frame
from protocols.wire.payloads import Commit, Kind
from protocols.wire.statement import Slot, sign
from tests.simulation.swarm import FOUR, NINE, swarm

LIAR, VICTIM = 3, 1
Answer = Callable[[World, int], bytes]


def rubbish(world: World, asker: int) -> bytes:
    return encode_frame(RecalledFrame((b"\x93no statement",), 0, 1))


def forged(world: World, asker: int) -> bytes:
    """A commitment in the asker's name, of this round and of a far one, by the liar's own key."""
    made = []
    for round_ in (0, 1000):
        slot = Slot(round_, 0, Kind.COMMIT, 0, 0, asker)
        secret = world.nodes[LIAR].secret.reveal()
        setting = world.setting
        said = Commit(b"c" * 32, b"k" * 32)
        made.append(sign(setting.crypto, secret, setting.group, slot, said))
    return encode_frame(recalled(made, 0, 0, there=True))


def other_s_own(world: World, asker: int) -> bytes:
    """What somebody else signed, and what the asker itself did in this very life."""
    session = world.nodes[LIAR].session
    assert session is not None
    said = [s for peer in range(4) for s in session.what_was_said_by(peer)]
    return encode_frame(recalled(said, 0, 0, there=True))


@pytest.mark.parametrize("answer", [None, rubbish, forged, other_s_own])
def test_nobody_is_kept_from_signing(answer: Answer | None) -> None:
    """``None``: no answer. Honest peers then begin after the deadline, and are still in time."""
    world = swarm(FOUR, 1, seed=5, rounds=2, lies={LIAR: Lie()}, traced=False)
    first: dict[int, int] = {}

    def replace(sender: int, to: int, data: bytes) -> bool:
        frame = decode_frame(data)
        if not isinstance(frame, RecallFrame | RecalledFrame):
            first.setdefault(sender, world.now)
        if sender != LIAR or not isinstance(frame, RecalledFrame):
            return False
        if answer is not None:
            said = answer(world, to)
            world.at(world.nodes[to], 300, lambda session: session.on_message(LIAR, said))
        return True

    world.drop = replace
    Watch(world)
    world.run(until=300_000)
    check(world, guilty=())
    for node in world.nodes[:LIAR]:
        assert node.session is not None and node.session.permit._sit_out < 0
        assert sorted(node.completed) == [0, 1]
        assert {0, 1, 2} <= set(node.completed[0].dealers)
    begun = min(first[peer] for peer in range(LIAR))
    assert (begun >= world.setting.deadlines.recall) is (answer is None)


def know_nothing(world: World, peers: tuple[int, ...]) -> None:
    """The victim's second life hears from these that it has signed nothing."""
    node = world.nodes[VICTIM]

    def replace(sender: int, to: int, data: bytes) -> bool:
        if (to, node.lives) != (VICTIM, 2) or sender not in peers:
            return False
        frame = decode_frame(data)
        if isinstance(frame, RecalledFrame):
            said = encode_frame(RecalledFrame((), frame.round, frame.there))
            world.at(node, 100, lambda session: session.on_message(sender, said))
        return isinstance(frame, RecalledFrame)

    world.drop = replace


@pytest.mark.parametrize("number", [7, 19, 31])
def test_one_honest_answer_is_enough(number: int) -> None:
    """Of three others two say that they know nothing: the last one's word keeps the peer silent."""
    world = swarm(FOUR, 1, seed=number, rounds=3, traced=False, parameters=3)
    know_nothing(world, (0, LIAR))
    Restore(VICTIM, number, 2_600, 500).install(world)
    Watch(world)
    world.run(until=300_000)
    assert world.faults["restore"] == 1 and not world.faults["exposed"]
    check(world, guilty=(), away=(VICTIM,))


@pytest.mark.parametrize("number", [17, 23, 28])
def test_an_answer_that_comes_late_ends_what_the_peer_does_in_that_round(number: int) -> None:
    """Too late to have kept it from signing; from then on it signs nothing more."""
    world = swarm(FOUR, 1, seed=number, rounds=3, traced=False, parameters=3)
    node = world.nodes[VICTIM]
    late = world.setting.deadlines.recall + 900
    know_nothing(world, (2, LIAR))
    world.delay = lambda sender, to, data: (
        late
        if (to, node.lives) == (VICTIM, 2) and isinstance(decode_frame(data), RecalledFrame)
        else None
    )
    Restore(VICTIM, number, 2_600, 500).install(world)
    signed: list[tuple[int, int]] = []
    before = world.before

    def watch(at: Node, effect: Effect) -> None:
        before(at, effect)
        if at is node and isinstance(effect, Persist) and effect.key.startswith("slot/"):
            signed.append((world.now, effect.round))

    world.before = watch
    at = [-1]

    def look() -> None:
        if at[0] < 0 and node.session is not None and node.session.permit._sit_out >= 0:
            at[0] = world.now
            assert node.session.rounds.current.attempt is None

    for time in range(0, 20_000, 10):
        world.happen(time, look)
    world.run(until=300_000)
    assert world.faults["restore"] == 1 and at[0] > 0
    assert node.session is not None
    assert all(round_ > node.session.permit._sit_out for time, round_ in signed if time > at[0])
    assert any(at[0] - late < time < at[0] for time, _ in signed), "it had begun"
    assert {len(other.completed) for other in world.nodes if other is not node} == {3}


def test_who_asks_again_and_again_is_answered_so_often_and_no_more() -> None:
    world = swarm(FOUR, 1, seed=5, rounds=1, traced=False)
    answers: Counter[int] = Counter()

    def count(sender: int, to: int, data: bytes) -> bool:
        if to == LIAR and isinstance(decode_frame(data), RecalledFrame):
            answers[sender] += 1
        return False

    def ask() -> None:
        frame = encode_frame(RecallFrame(0))
        for peer in range(LIAR):
            world.at(world.nodes[peer], 1, lambda session: session.on_message(LIAR, frame))

    world.drop = count
    for time in range(400, 600, 2):
        world.happen(time, ask)
    world.run(until=300_000)
    assert set(answers) == {0, 1, 2}
    assert max(answers.values()) <= MAX_HELLOS
    check(world, guilty=())


def test_who_asks_too_often_is_answered_a_while_later_and_by_one_that_sits_a_round_out() -> None:
    """No more than its share in a round and a result's time; an honest one's link may flap."""
    world = swarm(NINE, 2, seed=5, rounds=3, traced=False)
    node, answers = world.nodes[0], list[tuple[int, int]]()

    def sit_out() -> None:
        assert node.session is not None
        node.session.permit.sit_out_until(1)
        node.session._part._sit_out()

    def ask_as_the_liar(session: Session) -> list[Step]:
        return session.on_message(LIAR, encode_frame(RecallFrame(session.position.round)))

    def count(sender: int, to: int, data: bytes) -> bool:
        if (sender, to) == (node.index, LIAR) and isinstance(decode_frame(data), RecalledFrame):
            assert node.session is not None
            answers.append((world.now, node.session.position.round))
        return False

    world.drop = count
    world.happen(1000, sit_out)
    for time in range(1001, 120_000, 100):
        world.happen(time, lambda: world.at(node, 0, ask_as_the_liar))
    world.run(until=300_000)
    check(world, guilty=(), away=(node.index,))
    assert {round_ for _, round_ in answers} >= {0, 1, 3}
    result = world.setting.deadlines.result
    for begin, here in answers:
        within = sum(begin <= at < begin + result and here == round_ for at, round_ in answers)
        assert within <= 2 * (MAX_HELLOS + 1)
    assert answers[-1][0] - answers[0][0] > 3 * result, "it goes on"
