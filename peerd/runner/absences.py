"""Which of the others have announced that they are away: they are not called absent, and the log
says once when one goes and when it is back.
"""

from __future__ import annotations

from typing import Any

import structlog

from peerd.runner.records import Records
from peerd.status.board import StatusBoard

log = structlog.get_logger(__name__)


class Absences:
    """Not thread-safe."""

    def __init__(self, records: Records, board: StatusBoard) -> None:
        self._records = records
        self._board = board

    def hear(self, since: tuple[tuple[int, int], ...], connected: frozenset[int]) -> None:
        """All that have announced it, each from a round on. Of one that is not ``connected`` any
        more nothing is known: it does not take part again.
        """
        before, self._records.away = self._records.away, dict(since)
        for peer, round_ in since:
            if before.get(peer) != round_:
                log.info("a member is away, as it has announced", **self._told(peer, round_))
        for peer in sorted((before.keys() - self._records.away.keys()) & connected):
            log.info("a member takes part again", **self._told(peer, None))
        self._board.update(away={self._records.name(peer): at for peer, at in since})

    def _told(self, peer: int, round_: int | None) -> dict[str, Any]:
        member = self._records.member(peer)
        self._board.publish("away", **member, from_round=round_)
        return member if round_ is None else {**member, "from_round": round_}
