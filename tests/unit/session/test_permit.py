"""Whether a peer may sign in its round, by what it hears after its start (fault 47)."""

from __future__ import annotations

import pytest
from catching_up import Disk, Scene, certified_world, shown

from peerd.laboratory.simulation.world import World
from protocols.record.effects import Effect, Persist, Send
from protocols.session.standing import SIGNS, sat_out, suspected_until
from protocols.session.states import Standing
from protocols.wire.frames import RecalledFrame, RecallFrame, decode_frame, encode_frame

pytestmark = pytest.mark.xdist_group("survey")  # one process makes what all share


@pytest.fixture(scope="module")
def world() -> World:
    return certified_world()


def asking(world: World, rounds: int, *, journal: bool, head: int) -> Scene:
    at = Scene(world, Disk.of(world, rounds, journal=journal), [head] * 3)
    at.stand()
    return at


def signed(effects: list[Effect]) -> set[int]:
    """The rounds in which something was signed."""
    return {e.round for e in effects if isinstance(e, Persist) and e.key.startswith("slot/")}


@pytest.mark.parametrize("missed", [1, 2, 3])
@pytest.mark.parametrize("remembers", [True, False])
def test_a_store_that_turns_out_older_before_it_signs_is_suspect(
    world: World, missed: int, remembers: bool
) -> None:
    """Whoever was asked where the group stands said too little, or it went on since."""
    at = asking(world, 0, journal=remembers, head=-1)
    at.heads = dict.fromkeys(at.heads, missed - 1)
    at.carry_out(at.session.on_message(1, encode_frame(shown(world, missed - 1))))
    while at.session.state is Standing.ASKING and at.disk.position.round < missed:
        at.next()
    assert at.stands_at(missed)
    assert at.session.state is Standing.ASKING, "nothing was signed"
    assert at.doubts() == suspected_until(0, missed, remembers)
    assert (at.doubts() == SIGNS) == (missed == 1 and remembers)


def test_who_is_shown_that_a_round_is_over_signs_nothing_in_it(world: World) -> None:
    """While it asks; the model that leads on may never come, and is not waited for."""
    at = asking(world, 3, journal=True, head=2)
    at.carry_out(at.session.on_message(2, encode_frame(shown(world, 3))))
    for peer in at.heads:
        at.carry_out(at.session.on_message(peer, encode_frame(RecalledFrame(()))))
    assert at.session.state is Standing.SITTING_OUT
    assert signed([effect for step in at.steps for effect in step]) == set()
    assert sat_out(at.disk.journal[3]) == 3


def test_nothing_is_signed_before_the_survey_and_the_question_are_over(world: World) -> None:
    at = Scene(world, Disk.of(world, 3, journal=True), [3, 3, 3])
    effects: list[Effect] = []
    at.before = effects.append
    at.carry_out(at.session.start({0, *at.heads}))
    for peer in at.heads:  # an answer that nobody has asked for yet is none
        at.carry_out(at.session.on_message(peer, encode_frame(RecalledFrame(()))))
    while at.session.state is Standing.SURVEYING:
        at.next()
    assert signed(effects) == set()
    frames = [decode_frame(effect.frame) for effect in effects if isinstance(effect, Send)]
    assert frames == [RecallFrame(4)] * 3, "asked about the round where it has got to"
    for peer in at.heads:
        assert at.session.state is Standing.ASKING and signed(effects) == set()
        at.carry_out(at.session.on_message(peer, encode_frame(RecalledFrame(()))))
    assert at.session.state is Standing.RUNNING
    assert signed(effects) == {4}


def test_a_suspect_store_begins_with_the_word_of_a_quorum(world: World) -> None:
    at = asking(world, 2, journal=True, head=3)
    at.carry_out(at.session.on_present({0, 1}))
    at.carry_out(at.session.on_message(1, encode_frame(RecalledFrame(()))))
    assert at.session.state is Standing.SUSPECT, "one of three"
    at.carry_out(at.session.on_present({0, 1, 2}))
    at.carry_out(at.session.on_message(2, encode_frame(RecalledFrame(()))))
    assert at.session.state is Standing.RUNNING
