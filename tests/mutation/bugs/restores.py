"""Planted bugs: a store that is put back from a young backup, and what its peer then signs."""

from __future__ import annotations

from typing import Any

from protocols.session.standing import SIGNS
from tests.mutation.attacks import emptied, put_back
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
bug, plant = BUGS.bug, BUGS.plant
RECALL = "protocols.session.recall:Recall."
PERMIT = "protocols.session.permit:Permit."


@bug(
    "what others show of one's own past is not believed",
    RECALL + "hear",
    put_back,
    "framed signed-twice",
)
def _not_believed(sound: Any) -> Any:
    def hear(self: Any, *shown: Any) -> int:
        sound(self, *shown)
        return SIGNS

    return hear


@bug(
    "it signs before the others have answered",
    RECALL + "settle",
    put_back,
    "framed signed-twice blame",
    seeds=3,
    also=((RECALL + "quorum_answered", lambda sound: lambda self, round_: True),),
)
def _does_not_wait(sound: Any) -> Any:
    def settle(self: Any, present: Any) -> bool:
        assert sound(self, present) in (True, False)
        return bool(self.give_up())

    return settle


plant(
    "any word in the slot will do",
    RECALL + "_knows",
    always(True),
    put_back,
    "framed signed-twice",
)

plant(
    "those that have just started themselves count as well",
    PERMIT + "was_there",
    always(True),
    emptied,
    "framed signed-twice",
)
plant(
    "a store that looks old is not doubted",
    PERMIT + "looks_old",
    always(False),
    emptied,
    "framed signed-twice",
)
