"""Planted bugs: the order of a step, the journal's one round, and what waits for its time."""

from __future__ import annotations

from typing import Any

from protocols.session.round import Round
from tests.mutation import attacks
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant


@bug(
    "the journal is erased before the round is stored",
    "protocols.record.effects:Step.__iter__",
    attacks.dies_before_it_stores,
    "signed-twice",
    # it would sign nothing alone, and the others tell it
    also=(
        (
            "protocols.session.recall:Recall.quorum_answered",
            lambda sound: lambda self, round_: True,
        ),
    ),
)
def _erased_first(sound: Any) -> Any:
    def effects(self: Any) -> Any:
        yield from self.persist
        yield from self.erase
        yield from self.complete
        yield from self.request
        yield from self.timers
        yield from self.notices

    return effects


@bug(
    "the next round goes on in the last one's journal",
    "protocols.session.rounds:Rounds._leave",
    attacks.honest,
    "termination refused",
    seeds=1,
)
def _handed_on(sound: Any) -> Any:
    def leave(self: Any, certified: Any, model: Any) -> None:
        journal = self.current.journal
        sound(self, certified, model)
        self.current = Round(self._peer, self.current.position, journal)

    return leave


plant(
    "what came too early is never heard",
    "protocols.presence.waiting:Waiting.take_all",
    always([]),
    attacks.elected_late,
    "termination abort",
)

plant(
    "an ok is said of a share that is on no disk",
    "protocols.committee.receiver:Receiver._keep",
    always(None),
    attacks.dark_ahead_of_the_sums,
    "termination",
)
