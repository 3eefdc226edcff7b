"""One step at a time, in the order of asking, and at once where nobody else asks."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.testing

from peerd.runner.turn import Turn


@pytest.mark.trio
async def test_turns_come_in_the_order_of_asking_and_one_at_a_time() -> None:
    turn, seen, release = Turn(), list[int](), trio.Event()

    async def step(number: int) -> None:
        async with turn:
            seen.append(number)
            await release.wait()
            seen.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(step, number)
            await trio.testing.wait_all_tasks_blocked()
        release.set()
    assert seen == [0, 0, 1, 1, 2, 2]


@pytest.mark.trio
async def test_a_free_turn_is_had_without_a_tick_and_work_is_in_a_thread() -> None:
    turn = Turn()
    with trio.testing.assert_no_checkpoints():
        async with turn:
            pass
    async with turn:
        assert await turn.in_thread(threading.get_ident) != threading.get_ident()


@pytest.mark.trio
async def test_what_fails_gives_the_turn_back() -> None:
    turn = Turn()

    def fail() -> None:
        raise ValueError("a step that fails")

    with pytest.raises(ValueError, match="fails"):
        async with turn:
            await turn.in_thread(fail)
    with trio.fail_after(5):
        async with turn:
            pass
