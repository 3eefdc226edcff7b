"""Before the first step: enough of the group is connected, and not only peers that may all lie.

Addresses come from others, and a bootstrap that belongs to the adversary names whom it likes
(fault 28). Who answers at an address has to prove its key, so that an eclipse can only leave peers
out: a peer that is connected to no more than b others may be hearing liars alone. Until a quorum is
connected nothing is adopted or signed, and the reason is on the status board. What proves itself is
taken from anybody: that the group has handed over (``peerd.runner.succession.search``).
"""

from __future__ import annotations

from collections.abc import Callable, Sized

import structlog
import trio

from peerd.status.board import StatusBoard
from protocols.record.setting import Setting

log = structlog.get_logger(__name__)

NO_INDEPENDENT_VIEW = "no independent view"
"""Connected to at most b others: none of them need be honest."""
NO_QUORUM = "no quorum"
"""An honest peer is among the connected, and too few for anything to be agreed on."""
GATHER_SECONDS = 30.0
"""How long the first round waits for the whole roster, once a quorum is connected."""
QUIET_SECONDS = 10.0
"""A daemon that has just started is not worth a warning."""
LOOK_SECONDS = 0.1


def lacking(setting: Setting, others: int) -> str | None:
    """Why ``others`` connected peers are too few; None when they are a quorum with this one."""
    if others >= setting.roster_quorum - 1:
        return None
    return NO_INDEPENDENT_VIEW if others <= setting.liars else NO_QUORUM


async def gather(
    setting: Setting, connected: Callable[[], Sized], board: StatusBoard, *, resuming: bool
) -> None:
    """Until a quorum is connected; then, before a group's first round, some patience for all."""
    board.update(state="gathering", phase="waiting for peers")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_warn, setting, connected)
        while (reason := lacking(setting, len(connected()))) is not None:
            board.update(reason=reason, connected=len(connected()))
            await trio.sleep(LOOK_SECONDS)
        nursery.cancel_scope.cancel()
    board.update(reason=None, connected=len(connected()))
    with trio.move_on_after(0.0 if resuming else GATHER_SECONDS):
        while len(connected()) < setting.peers - 1:
            await trio.sleep(LOOK_SECONDS)


async def _warn(setting: Setting, connected: Callable[[], Sized]) -> None:
    said = None
    while True:
        await trio.sleep(QUIET_SECONDS)
        count = len(connected())
        reason = lacking(setting, count)
        if reason not in (None, said):
            log.warning(reason, connected=count, liars=setting.liars, hint="peerd peers; bootstrap")
            said = reason
