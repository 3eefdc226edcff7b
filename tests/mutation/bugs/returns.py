"""Planted bugs: who is waited for once it has wasted a deadline (docs/protocol.md §2)."""

from __future__ import annotations

from tests.mutation.attacks import back_again, never_says_a_word
from tests.mutation.bug import Bugs, always

BUGS = Bugs()
AWAITS = "protocols.presence.awaits:Awaits."

BUGS.plant(
    "a wasted deadline never comes back",
    AWAITS + "_returns",
    always(False),
    back_again,
    "returns",
    seeds=1,
)
BUGS.plant(
    "everybody is given the long deadline",
    AWAITS + "not_for",
    always(frozenset()),
    never_says_a_word,
    "waits",
    seeds=1,
)
