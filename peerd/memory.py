"""What pure functions of the core gave, kept for the next time (``protocols.ports.Memory``)."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")

KEPT = {
    "statement": 4096,
    "signature": 4096,
    "frame": 128,
    "verdict": 2048,
    "dealing": 2048,
    "election": 64,
}
"""How many results of each kind are kept: the oldest goes."""


class Remembering:
    """Keeps the last results of each kind."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[bytes, Any]] = {kind: {} for kind in KEPT}
        self._turn = Lock()

    def recall(self, kind: str, key: bytes, compute: Callable[[], T]) -> T:
        kept = self._kept[kind]
        known: T | None = kept.get(key)
        if known is not None:
            return known
        result = compute()
        with self._turn:  # the round's steps and a certificate's check run in threads of their own
            if len(kept) >= KEPT[kind]:
                del kept[next(iter(kept))]
            kept[key] = result
        return result
