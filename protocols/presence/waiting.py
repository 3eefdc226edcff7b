"""What came too early: kept for later, within bounds for each sender."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")

MAX_WAITING_BYTES = 32 << 20
"""Bytes of one sender that wait."""


class Waiting(Generic[Item]):
    """Items by sender, in the order in which they came; at most ``most`` of one sender."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: dict[int, list[Item]] = {}
        self._bytes: dict[int, int] = {}

    def put(self, sender: int, item: Item, size: int) -> bool:
        """Keep ``item`` of ``size`` bytes; False, and it is dropped, where the bounds are full."""
        items = self._items.setdefault(sender, [])
        held = self._bytes.get(sender, 0)
        if len(items) >= self._most or held + size > MAX_WAITING_BYTES:
            return False
        items.append(item)
        self._bytes[sender] = held + size
        return True

    def of(self, sender: int) -> list[Item]:
        """What of this sender waits."""
        return list(self._items.get(sender, ()))

    def take_all(self) -> list[tuple[int, Item]]:
        """Everything, by sender; nothing waits any more."""
        taken = [(s, item) for s, items in sorted(self._items.items()) for item in items]
        self._items.clear()
        self._bytes.clear()
        return taken
