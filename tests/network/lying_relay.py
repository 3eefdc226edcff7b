"""``peerd run`` of a member that relays, and lies: it cuts, garbles, swallows or repeats what it
carries, each circuit after some kilobytes.

    python lying_relay.py run --config peerd.toml
"""

from __future__ import annotations

import itertools
import sys
from collections import Counter
from typing import Any

import structlog
from libp2p.stream_muxer.exceptions import MuxedStreamError

from peerd.cli.main import main
from peerd.transport.relay import Relay

LIES = itertools.cycle(("cuts", "garbles", "swallows", "repeats"))
TRUE_BYTES = 40_000
"""Of each direction: the handshakes, and some frames."""

log = structlog.get_logger(__name__)


class Lying:
    """What a relay reads of one end of a circuit."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._true = TRUE_BYTES
        self._lie = ""

    async def read(self, n: int | None = None) -> bytes:
        data: bytes = await self._pipe.read(n)
        self._true -= len(data)
        if self._true > 0 or self._lie:
            return data
        self._lie = next(LIES)
        log.info("the relay lies", how=self._lie)
        if self._lie == "cuts":
            raise MuxedStreamError("cut")
        return {
            "garbles": bytes((data[0] ^ 1,)) + data[1:],
            "swallows": data[1:],
            "repeats": data + data,
        }[self._lie]


_honest = Relay._pump


async def _pump(self: Relay, name: str, reader: Any, writer: Any, carried: Counter[str]) -> None:
    await _honest(self, name, Lying(reader), writer, carried)


if __name__ == "__main__":
    Relay._pump = _pump  # type: ignore[method-assign]
    sys.exit(main(sys.argv[1:]))
