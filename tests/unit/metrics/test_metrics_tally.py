"""What is counted of a session's effects, and that a stranger can't make labels without end."""

from __future__ import annotations

import numpy as np
import pytest

from peerd.laboratory.simulation.swarm import FOUR, swarm
from peerd.metrics.tally import MOST_REASONS, OTHER, Tally, kind_of
from protocols.record.certificate import Close
from protocols.record.effects import Abort, Aborted, Blame, Completed, Dropped, Phase
from protocols.session.states import Standing

COST = {"wall_seconds": 2.0, "cpu_seconds": 1.0, "bytes_in": 30, "bytes_out": 40}


def tally(now: list[float] | None = None, guilty: tuple[int, ...] = ()) -> Tally:
    now = now or [0.0]
    return Tally(guilty, lambda number: {"phases": {"start": COST}}, lambda: now[0])


def completed(
    round_: int, *, absent: tuple[int, ...] = (), close: Close = Close.OPENED
) -> Completed:
    model = np.zeros(1, dtype=np.float32)
    return Completed(round_, b"", b"", b"", model, b"", (0, 1), absent, close)


def test_rounds_absences_and_costs() -> None:
    counted = tally()
    counted.saw(completed(0, absent=(2,)))
    counted.saw(completed(1, absent=(2, 3)))
    counted.saw(completed(2, close=Close.ABANDONED))
    assert +counted.rounds == {"completed": 2, "abandoned": 1}
    assert set(counted.rounds) == {*Close, "caught up"}
    assert counted.absent == {2: 2, 3: 1}
    assert {name: found["start"] for name, found in counted.costs.items()} == {
        name: 3 * value for name, value in COST.items()
    }


def test_the_age_begins_with_the_daemon_and_with_each_round() -> None:
    now = [100.0]
    counted = tally(now)
    now[0] = 107.0
    assert counted.age == 7.0
    counted.saw(completed(0))
    assert counted.age == 0.0
    now[0] = 110.0
    counted.saw(Aborted(1, 0, Abort.FLIP))
    assert counted.age == 3.0


def test_attempts_are_counted_once_and_asking_is_none() -> None:
    counted = tally()
    for phase in (
        Phase(3, 0, Standing.ASKING.value),
        Phase(3, 0, "sitting out"),
        Phase(4, 0, "collecting commitments"),
        Phase(4, 0, "opening the sum"),
        Phase(4, 0, "over"),
        Phase(4, 1, "collecting commitments"),
    ):
        counted.saw(phase)
    counted.saw(Aborted(4, 0, Abort.COHORT))
    assert counted.attempts == 2
    assert counted.aborted == {"flip": 0, "quorum": 0, "cohort": 1, "timeout": 0}


def test_the_guilty_are_those_of_earlier_lives_too() -> None:
    counted = tally(guilty=(3,))
    counted.saw(Blame(0, 1, "equivocation", b"x"))
    counted.saw(Blame(0, 1, "bad share", b"y"))
    assert (counted.blames, counted.guilty) == (2, {1, 3})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("12 bytes trail the message", "7 bytes trail the message"),
        ("map key b'\\xff\\x00' is repeated", "map key b'abc' is repeated"),
        ('map key "it\'s" is repeated', "map key 'x' is repeated"),
        ("type byte 0xc1 is not in the subset", "type byte 0xd4 is not in the subset"),
        ("round: -5 is not in [0, 9]", "round: 77 is not in [0, 9]"),
    ],
)
def test_reasons_that_differ_in_what_they_quote_are_one(one: str, other: str) -> None:
    assert kind_of(one) == kind_of(other)
    assert not any(char.isdigit() for char in kind_of(one))


def test_a_stranger_can_not_make_reasons_without_end() -> None:
    counted = tally()
    for index in range(26 * 26):
        counted.saw(Dropped(1, f"word {chr(97 + index // 26)}{chr(97 + index % 26)}"))
    assert len(counted.dropped) == MOST_REASONS + 1
    assert counted.dropped[OTHER] == 26 * 26 - MOST_REASONS
    assert len(kind_of("x" * 10_000)) < 100


def test_a_whole_simulated_group_is_counted() -> None:
    """The effects of a real session, in the order in which they come."""
    world, counted = swarm(FOUR, 1, rounds=3), tally()
    world.before = lambda node, effect: counted.saw(effect) if node.index == 0 else None
    world.run()
    assert +counted.rounds == {"completed": 3}
    assert (counted.attempts, counted.aborted.total(), counted.absent.total()) == (3, 0, 0)
    assert not counted.dropped


def test_rounds_that_others_made_are_counted_apart() -> None:
    world, counted = swarm(FOUR, 1, rounds=4), tally()
    world.before = lambda node, effect: counted.saw(effect) if node.index == 0 else None
    away = world.nodes[0]
    world.happen(10, lambda: world.crash(away))
    world.after = lambda node, record: world.boot(away) if record.round == 2 else None
    world.run()
    assert counted.rounds["caught up"] >= 2
    assert counted.rounds["caught up"] + counted.rounds["completed"] == 4
