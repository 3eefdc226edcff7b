"""What comes unasked, out of turn or out of nothing: nothing is raised, and nothing changes."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from catching_up import ROUNDS, Disk, Scene, certified_world, shown

from peerd.laboratory.simulation.world import World
from protocols.record.effects import Ask, Effect, Event, Record, Timer
from protocols.record.timers import (
    AnswersDue,
    AskAgain,
    CertificateLate,
    FetchAgain,
    FollowDue,
    RecallOver,
    RetryDue,
    SurveyOver,
    TooSlow,
)
from protocols.session.states import Standing
from protocols.wire.canonical import pack
from protocols.wire.frames import (
    Frame,
    HelloFrame,
    RecalledFrame,
    RecallFrame,
    encode_frame,
)

LIAR, FORGETFUL = 1, 2
"""The second has nothing, and is honest."""
SEEDS = range(40)
TURNS = 150


@pytest.fixture(scope="module")
def world() -> World:
    return certified_world()


class Hostile:
    """``LIAR`` says anything, at any time, asked or not; the others are honest."""

    def __init__(self, world: World, seed: int) -> None:
        self.dice = random.Random(f"hostile/{seed}")
        self.world = world
        rounds = self.dice.randrange(4)
        journal = self.dice.random() < 0.5
        disk = Disk.of(world, rounds, journal=journal)
        self.start = rounds
        self.at = Scene(world, disk, [3, -1, 3])
        for record in Record:
            self.at.lies[LIAR, record] = lambda round_: self.anything()
            self.at.slow[LIAR, record] = self.dice.choice([0, 10, 600, 19_000, 25_000])
        self.open: Counter[Ask] = Counter()
        self.timers: list[Timer] = []
        self.at.before = self._note

    def _note(self, effect: Effect) -> None:
        if isinstance(effect, Ask):
            self.open[effect] += 1
        elif isinstance(effect, Timer):
            self.timers.append(effect)

    def anything(self) -> bytes:
        done = self.world.nodes[0].completed[self.dice.randrange(ROUNDS)]
        right = done.certificate, done.model.astype("<f4").tobytes(), done.polynomials
        wrong = b"", b"\xff", pack(self.dice.randrange(-1, 9)), pack(2**32 - 1), bytes(28)
        return self.dice.choice([*right, *wrong])

    def unasked(self) -> Ask:
        """A question that this session has never put to anybody."""
        while True:
            ask = Ask(
                self.dice.randrange(4), self.dice.choice(list(Record)), self.dice.randrange(7)
            )
            if ask not in self.open:
                return ask

    def event(self) -> Event:
        peer = self.dice.randrange(4)
        of_all = SurveyOver(), RecallOver(), CertificateLate(), AnswersDue(), FetchAgain()
        of_one = AskAgain(peer), FollowDue(peer), TooSlow(peer), TooSlow(peer, True)
        return self.dice.choice([*of_all, *of_one, RetryDue()])

    def frame(self) -> Frame:
        round_ = self.dice.randrange(4)
        frames = (
            HelloFrame(round_, 0),
            RecallFrame(round_),
            RecalledFrame((), 0, 1),
            RecalledFrame((b"?",), 0, 1),
        )
        return self.dice.choice([*frames, shown(self.world, round_)])

    def strike(self) -> None:
        session = self.at.session
        match self.dice.randrange(5):
            case 0:
                assert session.on_answer(self.unasked(), self.anything()) == []
            case 1:
                place = self.dice.randrange(6), self.dice.randrange(2)
                self.at.carry_out(session.on_timer(Timer(place, self.event(), 0)))
            case 2:
                self.at.carry_out(session.on_timer(self.dice.choice(self.timers)))
            case 3:
                self.at.carry_out(session.on_message(LIAR, encode_frame(self.frame())))
            case 4:
                others = self.dice.sample([1, 2, 3], self.dice.randrange(1, 4))
                self.at.carry_out(session.on_present({0, *others}))


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_raised_and_nothing_but_the_group_s_rounds_is_taken_up(
    world: World, seed: int
) -> None:
    hostile = Hostile(world, seed)
    at = hostile.at
    at.carry_out(at.session.start({0, *at.heads}))
    place = at.session.position.round
    for _ in range(TURNS):
        if hostile.dice.random() < 0.5 and at.waits():
            at.next()
        else:
            hostile.strike()
        assert at.session.position.round >= place, "never back"
        place = at.session.position.round
        assert at.stands_at(place)
    assert max(Counter(at.asked).values()) < TURNS


@pytest.mark.parametrize("seed", SEEDS)
def test_what_nobody_asked_for_changes_nothing(world: World, seed: int) -> None:
    """The survey comes to the same end, in the same time, with the same questions."""
    ends = []
    for struck in (False, True):
        hostile = Hostile(world, seed)
        at = hostile.at
        at.lies.clear()
        dice = random.Random(seed)
        at.carry_out(at.session.start({0, *at.heads}))
        while at.session.state is Standing.SURVEYING:
            at.next()
            for _ in range(dice.randrange(9) if struck else 0):
                assert at.session.on_answer(hostile.unasked(), hostile.anything()) == []
                far = Timer((hostile.start + 5, 0), TooSlow(dice.randrange(4), True), 0)
                assert at.session.on_timer(far) == []
                if at.session.state is Standing.SURVEYING:
                    assert at.session.on_timer(Timer((0, 0), RecallOver(), 0)) == []
        ends.append((at.now, at.asked, at.session.position.round, at.doubts(), at.sits_out()))
    assert ends[0] == ends[1]
    assert ends[0][2] == 4
