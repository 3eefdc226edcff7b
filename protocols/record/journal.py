"""What a peer has signed and drawn in its round: what guards every signature of it."""

from __future__ import annotations

from collections.abc import Iterator

from protocols.record.effects import Erase, Persist


class Journal:
    """One round's, as it is on disk once the effects are carried out that its methods give.

    ``entries``: what an earlier life of this daemon left. A slot that the journal knows is never
    signed again: the journaled bytes are sent instead, even when this life would say something
    else (faults 21, 42).
    """

    def __init__(self, round_: int, entries: dict[str, bytes] | None = None) -> None:
        self.round = round_
        self._entries = dict(entries or {})
        self._aside: set[str] = set()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def get(self, key: str) -> bytes | None:
        return self._entries.get(key)

    def under(self, prefix: str) -> list[bytes]:
        return [value for key, value in self._entries.items() if key.startswith(prefix)]

    def keys_under(self, prefix: str) -> list[str]:
        keys = [*self._entries, *sorted(self._aside)]
        return [key for key in keys if key.startswith(prefix)]

    def put(self, key: str, value: bytes) -> list[Persist]:
        """Nothing is to be done where it is there already."""
        if self._entries.get(key) == value:
            return []
        self._entries[key] = value
        return [Persist(self.round, key, value)]

    def put_aside(self, key: str, value: bytes) -> list[Persist]:
        """As ``put``, of a large entry that this life doesn't read: it is not held in memory."""
        if key in self._aside or self._entries.get(key) == value:
            return []
        self._aside.add(key)
        return [Persist(self.round, key, value)]

    def erase(self, *keys: str) -> Erase:
        """Forget these for good: those on disk that are not here, too. A secret is written there by
        whoever drew it, ahead of this life's first effect.
        """
        for key in keys:
            self._entries.pop(key, None)
            self._aside.discard(key)
        return Erase(self.round, keys)
