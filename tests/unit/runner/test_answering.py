"""Whoever asks for models without a pause takes no thread from the round."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import trio
import trio.testing

from peerd.laboratory.simulation.swarm import FOUR, setting_of
from peerd.runner.library import Library
from protocols.record.effects import Record
from protocols.wire.canonical import pack
from tests.patience import HANG

PEERS, OPEN = 8, 8
"""Liars, and the requests that the transport lets each of them have open."""


class SlowStore:
    """Its disk answers when it is told to."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def model(self, round_: int) -> Any:
        self.may_answer.wait()
        return np.full(1, round_, np.float32)


def test_a_step_of_the_round_waits_for_no_answer() -> None:
    store, answers = SlowStore(), []
    transport = SimpleNamespace(handle_requests=lambda handler: None)
    library = Library(setting_of(FOUR, 1), cast(Any, store), cast(Any, transport))

    async def ask(number: int) -> None:
        peer = number.to_bytes(32, "big")
        answers.append(await library._answer(None, peer, pack([Record.MODEL.value, number])))

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(PEERS * OPEN):
                nursery.start_soon(ask, number)
            await trio.testing.wait_all_tasks_blocked(0.05)
            try:
                with trio.fail_after(HANG):
                    await trio.to_thread.run_sync(lambda: None, abandon_on_cancel=True)
            finally:
                store.may_answer.set()

    trio.run(run)
    assert len(answers) == PEERS * OPEN
