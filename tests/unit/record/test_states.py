"""Every pair of state and event, for each machine: what its table does not have can't happen."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from protocols.agreement.states import AGREEMENT, Talk, TalkEvent
from protocols.committee.states import OPENING, SEAT, OpeningEvent, Openness, Seat, SeatEvent
from protocols.election.states import FLIP, FlipEvent, FlipState
from protocols.record.states import IllegalMove, Machine
from protocols.session.states import (
    ROUND,
    SESSION,
    STAGE,
    RoundEvent,
    Rounding,
    Stage,
    StageEvent,
    Standing,
    StandingEvent,
)

Table = dict[tuple[Any, Any], Any]
MACHINES: dict[str, tuple[Table, type[Enum], type[Enum], Enum, set[Enum]]] = {
    "agreement": (AGREEMENT, Talk, TalkEvent, Talk.LISTENING, {Talk.DECIDED}),
    "flip": (FLIP, FlipState, FlipEvent, FlipState.WAITING, {FlipState.DONE, FlipState.RESOLVED}),
    "seat": (SEAT, Seat, SeatEvent, Seat.DEALING, {Seat.DECIDED}),
    "opening": (OPENING, Openness, OpeningEvent, Openness.FLIPPING, set()),
    "stage": (STAGE, Stage, StageEvent, Stage.ELECTING, set()),
    "round": (ROUND, Rounding, RoundEvent, Rounding.BEHIND, set()),
    "session": (SESSION, Standing, StandingEvent, Standing.SURVEYING, set()),
}
"""Table, states, events, where it starts, and the states that nothing leads out of."""
PAIRS = [
    (name, state, event)
    for name, (_, states, events, _, _) in MACHINES.items()
    for state in states
    for event in events
]


@pytest.mark.parametrize(("name", "state", "event"), PAIRS)
def test_each_pair_moves_by_the_table_or_not_at_all(name: str, state: Enum, event: Enum) -> None:
    table = MACHINES[name][0]
    machine: Machine[Enum, Enum] = Machine(state, table)
    if (state, event) in table:
        assert machine.allows(event)
        assert machine.move(event) is table[state, event]
        assert machine.state is table[state, event]
    else:
        assert not machine.allows(event)
        with pytest.raises(IllegalMove, match=event.name):
            machine.move(event)
        assert machine.state is state


@pytest.mark.parametrize("name", MACHINES)
def test_each_state_can_be_reached_and_each_end_is_one(name: str) -> None:
    table, states, events, start, ends = MACHINES[name]
    reached, frontier = {start}, [start]
    while frontier:
        state = frontier.pop()
        for event in events:
            target = table.get((state, event))
            if target is not None and target not in reached:
                reached.add(target)
                frontier.append(target)
    assert reached == set(states)
    stuck = {state for state in states if not any(source is state for source, _ in table)}
    assert stuck == ends


@pytest.mark.parametrize("name", MACHINES)
def test_a_table_is_of_its_own_states_and_uses_each_event(name: str) -> None:
    table, states, events, _, _ = MACHINES[name]
    assert all(isinstance(source, states) for source, _ in table)
    assert all(isinstance(target, states) for target in table.values())
    assert {event for _, event in table} == set(events)


def test_nothing_leads_back_before_a_decision() -> None:
    """A decided cohort stays decided, an attempt that is over stays over (docs/protocol.md §6)."""
    assert all(source is not Talk.DECIDED for source, _ in AGREEMENT)
    assert all(source is not Seat.DECIDED for source, _ in SEAT)
    assert all(source is not FlipState.DONE for source, _ in FLIP)
    over = {Stage.VOID, Stage.ENDED, Stage.LEFT, Stage.CERTIFIED}
    assert all(target is Stage.LEFT for (source, _), target in STAGE.items() if source in over)
    opened = {target for (source, _), target in STAGE.items() if source is Stage.OPENING}
    assert opened == {Stage.CERTIFIED, Stage.LEFT}


def test_a_sum_is_opened_once_and_a_round_is_left_once() -> None:
    """What is open, or certified, is not opened again, and a round that is over has no attempts."""
    opened = {Openness.OPENED, Openness.COMPLETE, Openness.CLOSED}
    assert all((state, OpeningEvent.OPEN) not in OPENING for state in opened)
    closed = {target for (source, _), target in OPENING.items() if source is Openness.CLOSED}
    assert closed == {Openness.CLOSED}
    over = {Rounding.OVER, Rounding.SPENT}
    assert all(target is Rounding.OVER for (source, _), target in ROUND.items() if source in over)
