"""Where the group stands, before anything is signed (faults 42, 47): what others can make of it."""

from __future__ import annotations

import pytest
from catching_up import (
    ANSWER,
    LOST,
    Crash,
    Disk,
    Scene,
    certified_world,
    model_at,
    say,
    shown,
)

from peerd.laboratory.simulation.world import World
from protocols.record.effects import Adopted, Ask, Effect, Persist, Record, Timer
from protocols.record.timers import FollowDue, RecallOver
from protocols.session.catchup import AGAIN, SURVEY
from protocols.session.follow import SLOWEST_ROUND, SLOWEST_START
from protocols.session.standing import DOUBTED, SIGNS, sat_out, sat_out_key
from protocols.session.states import Standing
from protocols.wire.canonical import pack
from protocols.wire.frames import encode_frame

LIAR = 1
BOAST = say(pack(4))
"""A round more than it has: it is asked first."""


@pytest.fixture(scope="module")
def world() -> World:
    return certified_world()


def scene(
    world: World,
    rounds: int,
    *,
    journal: bool = True,
    sits_out: int = SIGNS,
    restored: bool | None = None,
    heads: tuple[int, ...] = (3, 3, 1),
) -> Scene:
    disk = Disk.of(world, rounds, journal=journal, sits_out=sits_out)
    return Scene(world, disk, list(heads), restored=restored)


def test_with_nobody_further_the_store_stands(world: World) -> None:
    at = scene(world, 4)
    at.stand()
    assert at.stands_at(4)
    assert at.sits_out() == at.doubts() == SIGNS
    assert at.now == ANSWER, "heads are waited for, and nothing else"


def test_a_crash_leaves_one_round_to_catch_up_and_none_to_sit_out(world: World) -> None:
    at = scene(world, 3)
    at.stand()
    assert at.stands_at(4)
    assert at.sits_out() == at.doubts() == SIGNS
    assert at.disk.journal == {}, "what was signed in a certified round is erased"


@pytest.mark.parametrize(("rounds", "journal"), [(3, False), (2, True), (1, True), (0, False)])
def test_a_store_that_may_have_forgotten_is_suspect_in_the_next_round(
    world: World, rounds: int, journal: bool
) -> None:
    at = scene(world, rounds, journal=journal)
    at.stand()
    assert at.stands_at(4)
    assert at.sits_out() == SIGNS
    assert at.doubts() == 4
    assert at.disk.journal == {4: {DOUBTED: b""}}


@pytest.mark.parametrize("rounds", [2, 3, 4])
def test_an_operator_s_word_that_it_was_restored_sits_two_rounds_out(
    world: World, rounds: int
) -> None:
    at = scene(world, rounds, restored=True)
    at.stand()
    assert at.stands_at(4)
    assert at.sits_out() == 5
    assert sat_out(at.disk.journal[4]) == 5


@pytest.mark.parametrize("last", [2, 3, 4, 9])
def test_what_is_to_be_sat_out_is_known_in_the_round_that_it_catches_up_to(
    world: World, last: int
) -> None:
    """The journal of the round in which it was written is erased with that round."""
    at = scene(world, 2, sits_out=last)
    at.stand()
    assert at.stands_at(4)
    assert sat_out(at.disk.journal.get(4, ())) == (last if last >= 4 else SIGNS)
    known = {sat_out_key(last)} if last >= 4 else set()
    assert {round_: set(keys) for round_, keys in at.disk.journal.items()} == {4: {DOUBTED} | known}


def test_a_journal_that_only_says_what_to_sit_out_remembers_nothing(world: World) -> None:
    """It was written because something had been forgotten."""
    at = scene(world, 3, journal=False, sits_out=3)
    at.stand()
    assert at.stands_at(4)
    assert at.doubts() == 4


# -- a crash in between ----------------------------------------------------------------------------


def crash_behind_adoption(at: Scene) -> None:
    """The disk has the new head, and nothing that comes behind it."""
    seen: list[Effect] = []

    def watch(effect: Effect) -> None:
        if seen:
            raise Crash
        if isinstance(effect, Adopted):
            seen.append(effect)

    at.before = watch


def test_what_is_to_be_sat_out_outlives_a_crash_in_catching_up(world: World) -> None:
    """As soon as the store's head is the later one, only the later round's journal is read."""
    at = scene(world, 2, sits_out=4)
    crash_behind_adoption(at)
    with pytest.raises(Crash):
        at.stand()
    assert at.disk.position.round == 4
    assert sat_out(at.disk.journal[4]) == 4


def test_and_one_in_catching_up_later(world: World) -> None:
    """A round that ends while this peer sits it out is followed as at the start."""
    at = scene(world, 2, sits_out=4, heads=(1, 1, 1))
    at.stand()
    at.carry_out(at.session.on_timer(recall_over(at)))
    assert at.session.state is Standing.SITTING_OUT
    at.heads = dict.fromkeys(at.heads, 3)
    crash_behind_adoption(at)
    at.carry_out(at.session.on_message(2, encode_frame(shown(world, 3))))
    with pytest.raises(Crash):
        at.run()
    assert at.disk.position.round == 4
    assert sat_out(at.disk.journal[4]) == 4


@pytest.mark.parametrize("restored", [None, True])
def test_what_is_to_be_sat_out_is_persisted_in_the_step_that_adopts(
    world: World, restored: bool | None
) -> None:
    """A step is carried out field by field: persist, complete, erase."""
    at = scene(world, 2, sits_out=4, restored=restored)
    at.stand()
    (step,) = [step for step in at.steps if step.complete]
    assert Persist(4, sat_out_key(4), b"") in step.persist
    assert [erased.round for erased in step.erase] == [2, 3]


def recall_over(at: Scene) -> Timer:
    return next(t for step in at.steps for t in step.timers if t.event == RecallOver())


# -- liars -----------------------------------------------------------------------------------------


def test_a_head_without_certificates_is_hot_air(world: World) -> None:
    at = scene(world, 4)
    at.lies[LIAR, Record.HEAD] = say(pack(10**6))
    at.stand()
    assert at.stands_at(4)
    assert at.sits_out() == at.doubts() == SIGNS


@pytest.mark.parametrize(
    ("record", "lie"),
    [
        (Record.MODEL, bytes(4 * 7)),
        (Record.MODEL, b"short"),
        (Record.CERTIFICATE, b"rubbish"),
        (Record.CERTIFICATE, "late"),
        (Record.HEAD, b"\xff"),
    ],
    ids=["another model", "no model", "rubbish", "another round's", "no head"],
)
def test_a_liar_s_rubbish_costs_a_question_and_an_honest_peer_is_asked(
    world: World, record: Record, lie: bytes | str
) -> None:
    assert world.setting.parameters == 7
    late = world.nodes[1].completed[4].certificate
    at = scene(world, 3)
    at.lies[LIAR, record] = say(late if isinstance(lie, str) else lie)
    at.stand()
    assert at.stands_at(4)
    assert at.sits_out() == at.doubts() == SIGNS


def test_a_certificate_of_another_round_s_place_is_refused(world: World) -> None:
    """All three tell the same lie: then nothing is adopted."""
    late = world.nodes[1].completed[4].certificate
    at = scene(world, 3)
    at.lies |= {(peer, Record.CERTIFICATE): say(late) for peer in at.heads}
    at.stand()
    assert at.stands_at(3)


def test_whoever_does_not_answer_is_not_waited_for_long(world: World) -> None:
    at = scene(world, 2)
    at.lies |= {(peer, Record.HEAD): say(b"") for peer in at.heads}
    at.stand()
    assert at.stands_at(2)
    assert at.now == SURVEY
    each = SURVEY // (AGAIN + ANSWER) + 1
    assert len(at.asked) <= 3 * each


def test_nor_is_one_that_says_nothing_at_all(world: World) -> None:
    at = scene(world, 3)
    at.lies[LIAR, Record.HEAD] = say(None)
    at.stand()
    assert at.stands_at(4)
    assert SURVEY <= at.now < SURVEY + 1_000


def test_a_head_that_comes_late_from_a_peer_that_is_starting_counts(world: World) -> None:
    at = scene(world, 3)
    turns = iter([b"", b"", b""])
    at.lies |= {(peer, Record.HEAD): say(pack(2)) for peer in at.heads}
    at.lies[LIAR, Record.HEAD] = lambda round_: next(turns, pack(3))
    at.stand()
    assert at.stands_at(4)
    assert at.now < SURVEY


def test_who_shows_certificates_and_no_model_is_waited_for_once(world: World) -> None:
    """However many rounds this peer is behind: each has a model that could be asked for."""
    at = scene(world, 0, journal=False)
    at.lies |= {(LIAR, Record.HEAD): BOAST, (LIAR, Record.MODEL): say(None)}
    at.stand()
    assert at.stands_at(4)
    assert SLOWEST_START <= at.now < SLOWEST_START + 1_000


def test_who_is_shown_certificates_and_no_model_signs_in_none_of_those_rounds(
    world: World,
) -> None:
    """What was signed there nobody remembers but liars: of whoever signs anew in a round that is
    over they hold two statements in one slot.
    """
    at = scene(world, 0, journal=False)
    at.lies |= {(peer, Record.MODEL): say(b"") for peer in at.heads}
    at.stand()
    assert at.stands_at(0)
    assert at.sits_out() == 3
    assert at.doubts() == 4
    assert sat_out(at.disk.journal[0]) == 3


def test_certificates_drop_by_drop_are_waited_for_no_longer_than_others_take(
    world: World,
) -> None:
    at = scene(world, 0, journal=False, heads=(3, 3, 3))
    drop = LOST - 1_000
    at.lies[LIAR, Record.HEAD] = BOAST
    at.slow = {(LIAR, Record.CERTIFICATE): drop, (LIAR, Record.MODEL): drop}
    at.stand()
    assert at.stands_at(4)
    assert at.now < 3 * LOST


def test_who_leads_on_in_time_is_followed_however_far(world: World) -> None:
    """Each certificate just in time for its round; the model takes its own time."""
    at = scene(world, 0, journal=False, heads=(3,))
    at.slow = {
        (LIAR, Record.CERTIFICATE): (SLOWEST_START + SLOWEST_ROUND) // 3,
        (LIAR, Record.MODEL): SLOWEST_START - 1,
    }
    at.stand()
    assert not at.stands_at(4), "the last ones came too slowly"
    at = scene(world, 0, journal=False, heads=(3,))
    at.slow = {
        (LIAR, Record.CERTIFICATE): SLOWEST_START // 5,
        (LIAR, Record.MODEL): SLOWEST_START - 1,
    }
    at.stand()
    assert at.stands_at(4)


def test_an_older_model_than_the_last_is_taken_and_the_rest_from_another(world: World) -> None:
    """It says at once what it does not have."""
    at = scene(world, 0, journal=False)
    models = {r: model_at(world, r + 1).astype("<f4").tobytes() for r in (0, 1)}
    at.lies |= {(LIAR, Record.HEAD): BOAST, (LIAR, Record.MODEL): lambda r: models.get(r, b"")}
    at.stand()
    assert at.stands_at(4)
    adopted = [step.complete[0] for step in at.steps if step.complete]
    assert [[c.round for c in each.rounds] for each in adopted] == [[0, 1], [2, 3]]
    assert at.doubts() == 4
    assert at.now < 1_000


def test_a_chain_goes_on_to_where_its_giver_has_got_to_meanwhile(world: World) -> None:
    """Hundreds of rounds: of those in between nobody has a model any more."""
    at = scene(world, 1, heads=(4,))
    heads = iter([2, 4, 4])
    last = model_at(world, 5).astype("<f4").tobytes()
    at.lies[LIAR, Record.HEAD] = lambda round_: pack(next(heads))
    at.lies[LIAR, Record.MODEL] = lambda round_: last if round_ == 4 else b""
    at.stand()
    assert at.stands_at(5)
    certificates = [ask.round for ask in at.asked if ask.record is Record.CERTIFICATE]
    assert certificates == [1, 2, 3, 4]
    assert next(heads, None) is None, "asked once more at its last head"


# -- after the start -------------------------------------------------------------------------------


def late_follower(world: World) -> Scene:
    """In round 4, and the others have just ended it."""
    at = scene(world, 4)
    at.stand()
    at.heads = dict.fromkeys(at.heads, 4)
    at.asked.clear()
    return at


def test_who_shows_that_a_round_is_over_is_followed_after_a_while(world: World) -> None:
    at = late_follower(world)
    since = at.now
    at.carry_out(at.session.on_message(2, encode_frame(shown(world, 4))))
    assert at.asked == []
    while at.disk.position.round < 5:
        at.next()
    assert at.stands_at(5)
    assert at.now >= since + AGAIN
    assert {ask.peer for ask in at.asked} == {2}


def test_and_once_however_often_it_shows_it(world: World) -> None:
    at = late_follower(world)
    for _ in range(50):
        at.carry_out(at.session.on_message(2, encode_frame(shown(world, 4))))
    due = [t for step in at.steps for t in step.timers if t.event == FollowDue(2)]
    assert len(due) == 1
    while at.disk.position.round < 5:
        at.next()
    assert len([ask for ask in at.asked if ask.record is Record.CERTIFICATE]) == 1


def test_a_timer_of_an_earlier_follow_ends_no_later_one(world: World) -> None:
    """The first one left its timers behind; the second has led on by nothing yet."""
    at = scene(world, 2, heads=(3,))
    at.stand()
    old = [t for step in at.steps for t in step.timers if t.place[0] == 2]
    at.heads[1] = 4
    at.carry_out(at.session.on_message(1, encode_frame(shown(world, 4))))
    while at.asked[-1] != Ask(1, Record.CERTIFICATE, 4):
        at.next()
    for timer in old:
        at.carry_out(at.session.on_timer(timer))
    while at.disk.position.round < 5:
        at.next()
    assert at.stands_at(5)


def test_a_head_that_is_on_its_way_does_not_end_a_follow_of_its_giver(world: World) -> None:
    """Asked at the start, it comes while this peer already takes certificates from there."""
    at = scene(world, 2, heads=(3, 1, 1))
    at.slow = {(LIAR, Record.HEAD): AGAIN + ANSWER // 2}
    at.carry_out(at.session.start({0, 1, 2, 3}))
    at.carry_out(at.session.on_message(LIAR, encode_frame(shown(world, 3))))
    while at.session.state is Standing.SURVEYING:
        at.next()
    assert at.stands_at(4)
    assert at.now < SURVEY
    certificates = [ask.round for ask in at.asked if ask.record is Record.CERTIFICATE]
    assert certificates == [2, 3]
