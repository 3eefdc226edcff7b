"""Planted bugs: secrets that outlive their use."""

from __future__ import annotations

from typing import Any

from tests.mutation import attacks
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant


plant(
    "the dealing's secret outlives the decision",
    "protocols.session.attempt:Attempt._forget_dealing",
    always(None),
    attacks.honest,
    "erased",
    seeds=1,
)


@bug(
    "only the journal's copy is erased",
    "protocols.record.desk:Desk.erase",
    attacks.honest,
    "erased",
    seeds=1,
)
def _erases_copies(sound: Any) -> Any:
    """As it was: what the runner had written itself stayed on disk until the round's end."""

    def erase(self: Any, *keys: str) -> None:
        held = [key for key in keys if key in self._journal]
        if held:
            sound(self, *held)

    return erase


@bug(
    "the journal outlives its round",
    "protocols.session.attempts:Attempts.leave",
    attacks.honest,
    "erased",
    seeds=1,
)
def _keeps_journal(sound: Any) -> Any:
    from protocols.record.effects import Erase

    def leave(self: Any) -> None:
        sound(self)
        self._effects[:] = [e for e in self._effects if e != Erase(self.position.round)]

    return leave


plant(
    "the one-round key outlives its round",
    "protocols.record.desk:Desk.erase_round_secret",
    always(None),
    attacks.honest,
    "erased",
    seeds=1,
)
