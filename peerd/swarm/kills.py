"""When a daemon is in the middle of the round in which it shall be killed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from peerd.swarm.options import Kill

MIDDLE = 3  # phases entered: it has journaled and sent, and the round is not over


class Kills:
    """The kills that are still to come."""

    def __init__(self, kills: Iterable[Kill]) -> None:
        self._due = {(kill.peer, kill.round): set[object]() for kill in kills}

    def __bool__(self) -> bool:
        return bool(self._due)

    def event(self, index: int, event: Mapping[str, object]) -> bool:
        """Whether the peer at ``index`` is to be killed now. True once for each kill."""
        number = event.get("round")
        if event.get("kind") != "phase" or not isinstance(number, int):
            return False
        phases = self._due.get((index, number))
        if phases is None:
            return False
        phases.add(event.get("phase"))
        if len(phases) < MIDDLE:
            return False
        del self._due[index, number]
        return True
