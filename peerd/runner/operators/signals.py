"""What a daemon makes of the operator's signals: drain, stop, read the configuration again."""

from __future__ import annotations

import signal
from typing import Any, Protocol

import structlog
import trio

from peerd.runner.operators.told import STOPS, Told

INTERRUPTED = 130
"""Exit code of a daemon that was told to stop while it drained."""

log = structlog.get_logger(__name__)


class Signalled(Protocol):
    """What signals do to a daemon."""

    async def drain(self) -> None: ...

    def stop(self, code: int) -> None: ...

    def reload(self) -> None: ...


async def heed_signals(
    daemon: Signalled,
    nursery: trio.Nursery,
    before: Told,
    *,
    task_status: Any = trio.TASK_STATUS_IGNORED,
) -> None:
    """Until cancelled: SIGTERM drains, SIGINT stops at once, and so does either while it drains;
    SIGHUP reads the configuration again. ``before``: what came when nobody heeded it.
    """
    with trio.open_signal_receiver(*STOPS, signal.SIGHUP) as signals:
        before.repeat()
        task_status.started()
        told = False
        async for number in signals:
            if number == signal.SIGHUP:
                daemon.reload()
            elif number == signal.SIGTERM and not told:
                told = True
                nursery.start_soon(daemon.drain)
            else:
                log.info("stopping", signal=signal.Signals(number).name)
                daemon.stop(INTERRUPTED if told else 0)
