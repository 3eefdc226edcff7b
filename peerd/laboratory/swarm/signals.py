"""Ctrl-C, SIGTERM and SIGHUP end a swarm in order: cleanup runs, no process is left behind."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

Result = TypeVar("Result")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def interruptible(work: Callable[[], Awaitable[Result]]) -> Result:
    """``work()``, cancelled by a signal. KeyboardInterrupt once its cleanup is done."""
    results: list[Result] = []
    interrupted = False
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            nonlocal interrupted
            with trio.open_signal_receiver(*SIGNALS) as signals:
                async for _ in signals:
                    interrupted = True
                    nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        results.append(await work())
        nursery.cancel_scope.cancel()
    if interrupted:
        raise KeyboardInterrupt
    return results[0]
