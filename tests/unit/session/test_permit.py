"""Whether a peer may sign in its round, by what it hears after its start (fault 47)."""

from __future__ import annotations

import pytest
from catching_up import Disk, Scene, certified_world, shown

from peerd.laboratory.simulation.world import World
from protocols.record.effects import Effect, Persist, Send, Stop, Stopped
from protocols.session.participation import patience
from protocols.session.standing import DOUBTED, SIGNS, sat_out, suspected_until
from protocols.session.states import Standing
from protocols.wire.frames import RecalledFrame, RecallFrame, decode_frame, encode_frame


@pytest.fixture(scope="module")
def world() -> World:
    return certified_world()


def asking(world: World, rounds: int, *, journal: bool, head: int) -> Scene:
    at = Scene(world, Disk.of(world, rounds, journal=journal), [head] * 3)
    at.stand()
    return at


def answer(at: Scene, *, there: bool = True) -> bytes:
    """From one that stands where this peer does, and knows of nothing."""
    return encode_frame(RecalledFrame((), at.session.position.round, int(there)))


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
        at.carry_out(at.session.on_message(peer, answer(at)))
    assert at.session.state is Standing.SITTING_OUT
    assert signed([effect for step in at.steps for effect in step]) == set()
    assert sat_out(at.disk.journal[3]) == 3


def test_nothing_is_signed_before_the_survey_and_the_question_are_over(world: World) -> None:
    at = Scene(world, Disk.of(world, 3, journal=True), [3, 3, 3])
    effects: list[Effect] = []
    at.before = effects.append
    at.carry_out(at.session.start({0, *at.heads}))
    for peer in at.heads:  # an answer that nobody has asked for yet is none
        at.carry_out(at.session.on_message(peer, answer(at)))
    while at.session.state is Standing.SURVEYING:
        at.next()
    assert signed(effects) == set()
    frames = [decode_frame(effect.frame) for effect in effects if isinstance(effect, Send)]
    assert frames == [RecallFrame(4)] * 3, "asked about the round where it has got to"
    for peer in at.heads:
        assert at.session.state is Standing.ASKING and signed(effects) == set()
        at.carry_out(at.session.on_message(peer, answer(at)))
    assert at.session.state is Standing.RUNNING
    assert signed(effects) == {4}


def test_a_suspect_store_begins_with_the_word_of_a_quorum(world: World) -> None:
    at = asking(world, 2, journal=True, head=3)
    at.carry_out(at.session.on_present({0, 1}))
    at.carry_out(at.session.on_message(1, answer(at)))
    assert at.session.state is Standing.SUSPECT, "one of three"
    at.carry_out(at.session.on_present({0, 1, 2}))
    at.carry_out(at.session.on_message(2, answer(at)))
    assert at.session.state is Standing.RUNNING


# -- whose answers count ---------------------------------------------------------------------------


def hears(at: Scene, peer: int, frame: RecalledFrame) -> None:
    at.carry_out(at.session.on_message(peer, encode_frame(frame)))


def again(world: World, at: Scene, *, restored: bool | None = None) -> Scene:
    """The same disk, in another life."""
    life = Scene(world, at.disk, list(at.heads.values()), restored=restored)
    life.stand()
    return life


def test_an_emptied_store_is_not_cleared_by_those_that_started_since(world: World) -> None:
    """What others said in the round they have forgotten, however many they are."""
    at = asking(world, 0, journal=False, head=3)
    for peer in at.heads:
        at.carry_out(at.session.on_message(peer, answer(at, there=False)))
    assert at.session.state is Standing.SUSPECT
    at.next()  # nobody else answers: it asks once more
    asked = [e for step in at.steps for e in step if isinstance(e, Send)]
    assert [decode_frame(e.frame) for e in asked].count(RecallFrame(4)) == 6
    hears(at, 1, RecalledFrame((), 4, 1))
    assert at.session.state is Standing.SUSPECT, "one of three"
    hears(at, 2, RecalledFrame((), 4, 0))
    hears(at, 3, RecalledFrame((), 4, 1))
    assert at.session.state is Standing.RUNNING


def test_who_has_left_the_round_or_not_reached_it_does_not_know_of_it(world: World) -> None:
    for stands, there in ((2, 1), (3, 0), (5, 1)):
        at = asking(world, 0, journal=False, head=3)
        for peer in at.heads:
            hears(at, peer, RecalledFrame((), stands, there))
        assert at.session.state is Standing.SUSPECT


def test_who_was_there_in_the_round_before_has_what_was_said_ahead(world: World) -> None:
    at = asking(world, 0, journal=False, head=3)
    for peer in at.heads:
        hears(at, peer, RecalledFrame((), 3, 1))
    assert at.session.state is Standing.RUNNING


@pytest.mark.parametrize("answers", [True, False])
def test_who_is_led_on_waits_for_those_that_it_asks_anew(world: World, answers: bool) -> None:
    """A quorum's older answers hold; the third one's may be all that knows."""
    at = asking(world, 0, journal=False, head=2)
    hears(at, 3, RecalledFrame((), 3, 0))
    hears(at, 1, RecalledFrame((), 3, 1))
    at.heads = dict.fromkeys(at.heads, 3)
    at.carry_out(at.session.on_message(1, encode_frame(shown(world, 3))))
    hears(at, 2, RecalledFrame((), 4, 1))
    while at.disk.position.round < 4:
        at.next()
    assert at.session.state is Standing.SUSPECT and signed([*at.steps[-1]]) == set()
    if answers:
        hears(at, 3, RecalledFrame((), 4, 0))
    while not answers and at.session.state is Standing.SUSPECT:
        at.next()  # until it has had its time
    assert at.session.state is Standing.RUNNING


@pytest.mark.parametrize("stands", [4, 5])
def test_a_life_signs_nothing_before_a_quorum_has_answered(world: World, stands: int) -> None:
    """Its store looks sound; those for whom the round is over have forgotten it."""
    at = asking(world, 4, journal=True, head=3)
    at.carry_out(at.session.on_present({0, 1, 2}))
    hears(at, 1, RecalledFrame((), 4, 0))
    hears(at, 2, RecalledFrame((), stands, 0))
    heard = Standing.RUNNING if stands == 4 else Standing.SUSPECT
    assert at.session.state is heard


def test_a_doubt_outlives_the_life_that_had_it(world: World) -> None:
    """The store has the group's certificates then, and looks like that of a peer that was there."""
    at = asking(world, 0, journal=False, head=3)
    assert at.disk.position.round == 4 and at.disk.journal == {4: {DOUBTED: b""}}
    at = again(world, at)
    for peer in at.heads:
        hears(at, peer, RecalledFrame((), 4, 0))
    assert at.session.state is Standing.SUSPECT


def test_a_doubt_that_is_over_is_forgotten(world: World) -> None:
    at = asking(world, 0, journal=False, head=3)
    for peer in at.heads:
        at.carry_out(at.session.on_message(peer, answer(at)))
    assert at.session.state is Standing.RUNNING
    assert DOUBTED not in at.disk.journal[4] and signed([*at.steps[-1], *at.steps[-2]]) == {4}


def test_an_operator_s_word_that_it_is_intact_ends_the_doubt(world: World) -> None:
    at = again(world, asking(world, 0, journal=False, head=3), restored=False)
    for peer in at.heads:
        hears(at, peer, RecalledFrame((), 4, 0))
    assert at.session.state is Standing.RUNNING


def test_a_doubt_goes_along_until_enough_that_were_there_have_answered(world: World) -> None:
    """Where its peer really was nobody has said yet: the group may have been further."""
    at = asking(world, 0, journal=False, head=2)
    for peer in at.heads:
        hears(at, peer, RecalledFrame((), 3, 0))
    at.heads = dict.fromkeys(at.heads, 3)
    at.carry_out(at.session.on_message(1, encode_frame(shown(world, 3))))
    while at.disk.position.round < 4:
        at.next()
    assert at.session.state is Standing.SUSPECT and at.disk.journal[4] == {DOUBTED: b""}
    for peer in at.heads:
        at.carry_out(at.session.on_message(peer, answer(at)))
    assert at.session.state is Standing.RUNNING


def test_who_must_doubt_for_as_long_as_a_round_takes_calls_its_operator(world: World) -> None:
    at = asking(world, 0, journal=False, head=3)
    for peer in at.heads:
        hears(at, peer, RecalledFrame((), 4, 0))

    def stops() -> list[Stopped]:
        return [e for step in at.steps for e in step if isinstance(e, Stopped)]

    while at.now < patience(world.setting):
        assert not stops()
        at.next()
    while at.now < 2 * patience(world.setting):
        at.next()
    assert stops() == [Stopped(4, Stop.FORGOTTEN)], "once"
