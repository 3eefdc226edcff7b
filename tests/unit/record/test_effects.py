"""A step's order is what makes it safe: journaled, then stored, erased, and only then said."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from protocols.record import timers
from protocols.record.effects import (
    NOTHING,
    Abandonment,
    Abort,
    Aborted,
    Adopted,
    Announced,
    Approved,
    Ask,
    AwaitTime,
    Blame,
    Completed,
    Draft,
    Dropped,
    Effect,
    Erase,
    Keep,
    Persist,
    Phase,
    Record,
    Send,
    Spent,
    Staying,
    Step,
    Stop,
    Stopped,
    Timer,
    Train,
    step_of,
)
from protocols.record.outcomes import Begun, Drawn, Hopeless
from protocols.record.party import Component
from protocols.wire.payloads import Act

MODEL = np.zeros(3, np.float32)
ORDERED: list[Effect] = [
    Persist(0, "a", b"1"),
    Keep(b"approval"),
    Persist(0, "b", b"2"),
    Completed(0, b"", b"", b"", MODEL, bytes(32), (), ()),
    Adopted((), MODEL),
    Staying(3),
    Erase(0, ("b",)),
    Erase(0),
    Send((1,), b"frame"),
    Train(0, MODEL),
    Send((2,), b"frame"),
    Ask(1, Record.HEAD, 0),
    AwaitTime(1),
    Timer((0, 0), timers.RevealsDue(), 1),
    Timer((0, 0), timers.ReportsDue(), 1),
    Phase(0, 0, "here"),
    Blame(0, 1, "why", b""),
    Stopped(0, Stop.QUORUM),
    Approved(1, Act.PAUSE, bytes(32), 0, 9),
    Spent(3),
    Abandonment(0, 0, (1,)),
    Announced(((1, 3),)),
    Aborted(0, 0, Abort.FLIP),
    Dropped(1, "why"),
]
"""In the order in which a step with all of these is carried out."""


def test_every_effect_is_in_the_example() -> None:
    assert {type(effect) for effect in ORDERED} == set(get_args(Effect))


def in_turn(seed: int) -> list[Effect]:
    """Mixed as they may come up; those that are carried out together keep their order."""
    lanes: dict[int, list[Effect]] = {}
    for effect in ORDERED:
        lanes.setdefault(kind_of(effect), []).append(effect)
    rng = np.random.default_rng(seed)
    mixed: list[Effect] = []
    while lanes:
        lane = list(lanes)[int(rng.integers(len(lanes)))]
        mixed.append(lanes[lane].pop(0))
        if not lanes[lane]:
            del lanes[lane]
    return mixed


def kind_of(effect: Effect) -> int:
    kinds = (
        (Persist, Keep),
        (Completed, Adopted, Staying),
        (Erase,),
        (Send, Train, Ask, AwaitTime),
        (Timer,),
    )
    return next((n for n, kind in enumerate(kinds) if isinstance(effect, kind)), len(kinds))


@pytest.mark.parametrize("seed", range(20))
def test_a_step_is_carried_out_kind_by_kind(seed: int) -> None:
    step = step_of(in_turn(seed))
    assert list(step) == ORDERED
    fields = step.persist, step.complete, step.erase, step.request, step.timers, step.notices
    assert [effect for field in fields for effect in field] == ORDERED
    assert [len(field) for field in fields] == [3, 3, 2, 5, 2, 9]
    assert step.outcomes == ()


def test_what_a_draft_gave_it_gives_once() -> None:
    draft = Draft(ORDERED)
    assert draft.done() == Step(
        *(step_of(ORDERED).persist, step_of(ORDERED).complete, step_of(ORDERED).erase),
        *(step_of(ORDERED).request, step_of(ORDERED).timers, step_of(ORDERED).notices),
    )
    assert draft.done() is NOTHING
    assert not NOTHING and list(NOTHING) == []


def test_outcomes_are_for_the_caller_and_are_not_carried_out() -> None:
    draft = Draft([Send((1,), b"frame")])
    for outcome in (Drawn(), Hopeless(Stop.QUORUM), Begun()):
        draft.emit(outcome)
    step = draft.done()
    assert step and list(step) == [Send((1,), b"frame")]
    assert step.outcomes == (Drawn(), Hopeless(Stop.QUORUM), Begun())


def test_a_step_with_nothing_but_an_outcome_is_one() -> None:
    draft = Draft()
    draft.emit(Drawn())
    assert draft.done()


def test_another_s_step_goes_in_behind_what_was_there_and_leaves_its_outcomes() -> None:
    part, whole = Component(), Component()
    part.emit(Send((2,), b"second"))
    part.emit(Persist(0, "b", b"2"))
    part.emit(Drawn())
    whole.emit(Send((1,), b"first"))
    whole.emit(Persist(0, "a", b"1"))
    assert tuple(whole.absorb(part.done())) == (Drawn(),)
    whole.emit(Send((3,), b"third"))
    step = whole.done()
    assert [effect.key for effect in step.persist] == ["a", "b"]
    assert step.request == (Send((1,), b"first"), Send((2,), b"second"), Send((3,), b"third"))
    assert step.outcomes == ()
    assert whole.done() is NOTHING
