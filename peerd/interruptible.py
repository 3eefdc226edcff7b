"""Work that a signal ends in order: its cleanup runs, and nothing of it is left behind."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import trio

Result = TypeVar("Result")

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def interruptible(
    work: Callable[[], Awaitable[Result]], signals: Sequence[signal.Signals] = ENDINGS
) -> Result:
    """``work()``, cancelled by one of ``signals``. KeyboardInterrupt once its cleanup is done.

    Python's own KeyboardInterrupt is raised wherever the signal arrives, and is lost where that is
    a destructor.
    """
    results: list[Result] = []
    interrupted = False
    with trio.open_signal_receiver(*signals) as arrived:
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                nonlocal interrupted
                async for _ in arrived:
                    interrupted = True
                    nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            results.append(await work())
            nursery.cancel_scope.cancel()
    if interrupted:
        raise KeyboardInterrupt
    return results[0]
