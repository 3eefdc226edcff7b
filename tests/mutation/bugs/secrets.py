"""Planted bugs: secrets that outlive their use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.mutation import attacks
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant


plant(
    "the dealing's secret outlives the decision",
    "protocols.record.party:Role.erase",
    always(None),
    attacks.honest,
    "erased",
    seeds=1,
)


@bug(
    "only the journal's copy is erased",
    "protocols.record.journal:Journal.erase",
    attacks.honest,
    "erased",
    seeds=1,
)
def _erases_copies(sound: Any) -> Any:
    """As it was: what the runner had written itself stayed on disk until the round's end."""

    def erase(self: Any, *keys: str) -> Any:
        return sound(self, *(key for key in keys if key in self))

    return erase


@bug(
    "the journal outlives its round",
    "protocols.session.round:Round.leave",
    attacks.honest,
    "erased",
    seeds=1,
)
def _keeps_journal(sound: Any) -> Any:
    def leave(self: Any) -> Any:
        return replace(sound(self), erase=())

    return leave


plant(
    "the one-round key outlives its round",
    "protocols.record.party:Party.erase_round_secret",
    always(None),
    attacks.honest,
    "erased",
    seeds=1,
)
