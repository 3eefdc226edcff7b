"""How long a wait may last, as a status says it."""

from __future__ import annotations

from collections.abc import Iterator

from peerd.runner.sight.sight import Member, Sight
from protocols.record.effects import Phase, Timer
from protocols.record.timers import SurveyOver
from protocols.record.waits import Awaiting, Wait

OTHERS = frozenset({1})
WAIT = Wait(Awaiting.HEAD, OTHERS, (SurveyOver(),))


class Scene:
    """A sight of two members whose clock is turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        members = [Member("me", None), Member("other", None)]
        self.sight = Sight(0, members, 10.0, lambda: self.now)
        self.sight.note(Phase(0, 0, "survey"))
        self.sight.note(Timer((0, 0), SurveyOver(), 5_000))

    def entries(self, *waits: Wait) -> Iterator[tuple[object, object]]:
        self.sight.look(waits, OTHERS)
        return ((each["seconds"], each["deadline"]) for each in self.sight.entries())


def test_a_wait_ends_when_its_timer_rings_and_is_told_beyond_that() -> None:
    scene = Scene()
    assert list(scene.entries(WAIT)) == [(0.0, 5.0)]
    scene.now += 8
    assert list(scene.entries(WAIT)) == [(8.0, 5.0)]


def test_a_wait_that_began_when_its_timer_had_rung_has_no_bound() -> None:
    """A daemon that was stopped wakes up to this: “4 s of 0” told nobody anything."""
    scene = Scene()
    scene.now += 60
    assert list(scene.entries(WAIT)) == [(0.0, None)]
    scene.now += 4
    assert list(scene.entries(WAIT)) == [(4.0, None)]


def test_members_that_had_their_time_already_are_awaited_without_a_bound() -> None:
    """Before a session there is one: the patience of a peer that resumes is over at once."""
    scene = Scene()
    scene.sight.gather(frozenset(), None)
    scene.now += 3
    scene.sight.gather(frozenset(), scene.now)
    assert [each["deadline"] for each in scene.sight.entries()] == [3.0]
    scene = Scene()
    scene.sight.gather(frozenset(), scene.now)
    assert [each["deadline"] for each in scene.sight.entries()] == [None]
