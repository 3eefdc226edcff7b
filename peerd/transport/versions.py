"""Which release of peerd a member says that it runs, asked once of each connection.

The request ``version`` has no payload; the answer is the release in ASCII, as in ``0.2.0``. It is
for people to read: nothing is decided by it, since anybody can claim anything. Releases up to 0.2.0
don't answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable

import structlog
import trio

import peerd
from peerd.transport.errors import TransportError
from peerd.transport.links import PeerLink
from peerd.transport.names import short

log = structlog.get_logger(__name__)

PURPOSE = "version"
MOST = 32
"""Bytes of an answer."""
SECONDS = 20.0
AGAIN = 600.0
"""Seconds until who has not answered is asked once more."""
_RELEASE = re.compile(rb"[0-9][0-9A-Za-z.+!_-]*")

Ask = Callable[[bytes], Awaitable[bytes]]
"""The member's answer of at most ``MOST`` bytes. Raises TransportError."""


async def tell(peer: bytes, payload: bytes) -> bytes:
    """The handler of the request."""
    return peerd.__version__.encode()


async def learn(link: PeerLink, ask: Ask) -> None:
    """Keeps ``link.version``, until cancelled: a member that comes back may have been upgraded."""
    while True:
        await link.wait_until(connected=True)
        connection = link.connection
        try:
            link.version = read(await ask(link.peer))
        except TransportError as error:
            log.debug("a member tells no version", peer=short(link.peer), reason=str(error))
            link.version = None
        with trio.move_on_after(AGAIN if link.version is None else math.inf):
            await link.wait_for_another(connection)


def read(answer: bytes) -> str | None:
    """What an answer says; None for one that is no release."""
    known = len(answer) <= MOST and _RELEASE.fullmatch(answer)
    return answer.decode() if known else None
