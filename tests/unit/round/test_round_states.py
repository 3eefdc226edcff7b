"""Every pair of state and event, for each machine of the round (protocols.record.states)."""

from __future__ import annotations

from enum import Enum

import pytest

from protocols.record.states import (
    FLIP,
    SEAT,
    STAGE,
    Flip,
    FlipEvent,
    IllegalMove,
    Machine,
    Seat,
    SeatEvent,
    Stage,
    StageEvent,
)

MACHINES = {
    "flip": (FLIP, Flip, FlipEvent, Flip.WAITING, {Flip.DONE}),
    "seat": (SEAT, Seat, SeatEvent, Seat.DEALING, {Seat.DECIDED}),
    "stage": (STAGE, Stage, StageEvent, Stage.ELECTING, set()),
}
PAIRS = [
    (name, state, event)
    for name, (_, states, events, _, _) in MACHINES.items()
    for state in states
    for event in events
]


@pytest.mark.parametrize(("name", "state", "event"), PAIRS)
def test_each_pair_moves_by_the_table_or_not_at_all(name: str, state: Enum, event: Enum) -> None:
    table = MACHINES[name][0]
    machine: Machine[Enum, Enum] = Machine(state, table)  # type: ignore[arg-type]
    if (state, event) in table:
        assert machine.allows(event)
        assert machine.move(event) is table[state, event]  # type: ignore[index]
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
            target = table.get((state, event))  # type: ignore[call-overload]
            if target is not None and target not in reached:
                reached.add(target)
                frontier.append(target)
    assert reached == set(states)
    stuck = {state for state in states if not any(source is state for source, _ in table)}
    assert stuck == ends


def test_nothing_leads_back_before_a_decision() -> None:
    """A decided cohort stays decided, an attempt that is over stays over (docs/protocol.md §6)."""
    assert all(source is not Seat.DECIDED for source, _ in SEAT)
    assert all(source is not Flip.DONE for source, _ in FLIP)
    over = {Stage.VOID, Stage.ENDED, Stage.LEFT, Stage.CERTIFIED}
    assert all(target is Stage.LEFT for (source, _), target in STAGE.items() if source in over)
    opened = {target for (source, _), target in STAGE.items() if source is Stage.OPENING}
    assert opened == {Stage.CERTIFIED, Stage.LEFT}
