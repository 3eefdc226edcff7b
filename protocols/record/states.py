"""A machine's state, and the one way to change it: its table.

Each machine's table stands in the ``states`` of its folder. A move that the table does not have
raises and changes nothing, and the diagrams in docs/protocol.md are made from the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

State = TypeVar("State", bound=Enum)
Event = TypeVar("Event", bound=Enum)


class IllegalMove(AssertionError):
    """A mistake in this program: an event in a state in which it can't happen."""


class Machine(Generic[State, Event]):
    """``state``, and the one way to change it."""

    __slots__ = ("_table", "state")

    def __init__(self, start: State, table: Mapping[tuple[State, Event], State]) -> None:
        self.state = start
        self._table = table

    def allows(self, event: Event) -> bool:
        return (self.state, event) in self._table

    def move(self, event: Event) -> State:
        """The state that follows. Raises IllegalMove, and stays, where there is none."""
        try:
            self.state = self._table[self.state, event]
        except KeyError:
            raise IllegalMove(f"{event.name} while {self.state.value}") from None
        return self.state
