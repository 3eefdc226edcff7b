"""What a daemon makes of the operator's signals: drain, stop, read the configuration again.

Each is in the trail first. Who can send one can end the process as well, so that a trail that can't
be written keeps nobody from stopping; a configuration is not read again then.
"""

from __future__ import annotations

import signal
from typing import Any, Protocol

import structlog
import trio

from peerd.errors import StorageError
from peerd.runner.operators.told import STOPS, Told
from peerd.trail import Actor, Factor

INTERRUPTED = 130
"""Exit code of a daemon that was told to stop while it drained."""

_ACTS: dict[int, str] = {signal.SIGHUP: "reload", signal.SIGTERM: "drain"}
"""As the trail calls them. All else, and what comes while it drains, stops at once."""

log = structlog.get_logger(__name__)


class Signalled(Protocol):
    """What signals do to a daemon."""

    async def drain(self) -> None: ...

    def stop(self, code: int) -> None: ...

    def reload(self) -> None: ...


class Noting(Protocol):
    """``Trail``, as it is needed here."""

    async def noted(self, act: str, actor: Actor, **arguments: Any) -> object: ...


async def heed_signals(
    daemon: Signalled,
    nursery: trio.Nursery,
    before: Told,
    trail: Noting,
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
            act = "stop" if told and number in STOPS else _ACTS.get(number, "stop")
            written = await _written(trail, act, number)
            if act == "reload":
                if written:
                    daemon.reload()
            elif act == "drain":
                told = True
                nursery.start_soon(daemon.drain)
            else:
                log.info("stopping", signal=signal.Signals(number).name)
                daemon.stop(INTERRUPTED if told else 0)


async def _written(trail: Noting, act: str, number: int) -> bool:
    try:
        await trail.noted(act, Actor(Factor.SIGNAL), signal=signal.Signals(number).name)
    except StorageError as error:
        log.error("a signal is not in the trail", act=act, reason=str(error))
        return False
    return True
