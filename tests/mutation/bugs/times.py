"""Planted bugs: rounds that have their time, and peers that are away (docs/protocol.md §6)."""

from __future__ import annotations

from tests.mutation.attacks import one_is_paused, one_is_paused_for_a_while
from tests.mutation.bug import Bugs, always

BUGS = Bugs()

BUGS.plant(
    "who has announced that it is away is waited for",
    "protocols.presence.away:Away.others",
    always(frozenset()),
    one_is_paused,
    "delay",
    seeds=1,
)
BUGS.plant(
    "the operator's order to come back is not heard",
    "protocols.presence.away:Away.come_back",
    always(None),
    one_is_paused_for_a_while,
    "return",
    seeds=1,
)
