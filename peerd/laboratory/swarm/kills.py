"""When a daemon is in the middle of the round in which it shall be killed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from peerd.laboratory.swarm.options import Kill

EARLIEST, LATEST = 2, 8  # phases entered: it has journaled and sent, and the round is not over


def moment(kill: Kill) -> int:
    """After how many phases of its round: different for different kills, the same in every run."""
    return EARLIEST + (kill.peer + kill.round) % (LATEST - EARLIEST + 1)


class Kills:
    """The kills that are still to come."""

    def __init__(self, kills: Iterable[Kill]) -> None:
        self._due = {(kill.peer, kill.round): (moment(kill), set[object]()) for kill in kills}

    def __bool__(self) -> bool:
        return bool(self._due)

    def event(self, index: int, event: Mapping[str, object]) -> bool:
        """Whether the peer at ``index`` is to be killed now. True once for each kill."""
        number = event.get("round")
        if event.get("kind") != "phase" or not isinstance(number, int):
            return False
        due = self._due.get((index, number))
        if due is None:
            return False
        when, phases = due
        phases.add(event.get("phase"))
        if len(phases) < when:
            return False
        del self._due[index, number]
        return True
