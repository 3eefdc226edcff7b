"""Orders that wait until a second officer gives them too (``[control] officers_needed``).

What waits is on the disk before who gave it hears of it: a restart forgets none, and what was
carried out does not wait any more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from peerd.errors import ConfigError
from peerd.status.board import JsonObject
from peerd.status.callers import Caller, restored

MOST, MOST_OF_ONE = 16, 4
"""That wait at once: in all, and of one officer."""
BACK_SECONDS = 60.0
"""By which the clock may go back before an order counts as out of time."""
SHOWN_DIGITS = 16
_KEY = "pending orders"


class Memory(Protocol):
    """The store, as it is needed here."""

    def meta(self, key: str) -> bytes | None: ...

    def set_meta(self, key: str, value: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """One order. ``digest``: of the very bytes that are confirmed (``digest_of``); ``by``: who gave
    it; ``at``: when, in seconds since 1970.
    """

    digest: str
    act: str
    arguments: JsonObject
    by: Caller
    at: float
    said_by: str
    names: tuple[str, ...] = field(repr=False)

    def is_of(self, caller: Caller) -> bool:
        """Whether they can't be told apart: the same user or certificate, or one that is called the
        same. That one person has two users, or two names, nobody can see.
        """
        return caller.key == self.by.key or bool(set(self.names) & caller.names())


def digest_of(act: str, document: JsonObject) -> str:
    """64 hexadecimal digits, of the order in a canonical form."""
    text = json.dumps({"act": act, "document": document}, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


class Pending:
    """``seconds``: for which an order waits. Calls that write belong in a thread, one at a time."""

    def __init__(
        self, store: Memory, seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self.seconds = seconds
        self._clock = clock
        data = store.meta(_KEY)
        self._kept = {each.digest: each for each in map(_read, json.loads(data or b"[]"))}

    def find(self, digest: str) -> Waiting | None:
        """What waits still."""
        found = self._kept.get(digest)
        return found if found is not None and self._waits(found) else None

    def document(self, digest: str) -> JsonObject | None:
        """What was ordered, as it was given."""
        data = self._store.meta(_document_key(digest)) if self.find(digest) is not None else None
        return dict(json.loads(data)) if data else None

    def check_room(self, caller: Caller) -> None:
        """ConfigError where too many wait."""
        waiting = [each for each in self._kept.values() if self._waits(each)]
        if len(waiting) >= MOST or sum(each.is_of(caller) for each in waiting) >= MOST_OF_ONE:
            raise ConfigError(
                f"{len(waiting)} orders wait for a second officer already",
                "confirm or withdraw some of them: peerd officer pending",
            )

    def add(self, act: str, document: JsonObject, arguments: JsonObject, by: Caller) -> Waiting:
        """Durable on return."""
        digest, names = digest_of(act, document), tuple(sorted(by.names()))
        found = Waiting(digest, act, arguments, by, self._clock(), by.in_words(), names)
        self._store.set_meta(_document_key(digest), json.dumps(document).encode())
        self._kept[digest] = found
        self._keep()
        return found

    def remove(self, digest: str) -> None:
        """Durable on return."""
        self._kept.pop(digest, None)
        self._keep()
        self._store.set_meta(_document_key(digest), b"")

    def shown(self) -> list[JsonObject]:
        """What waits, for the status; the oldest first."""
        return [self.told(each) for each in self._kept.values() if self._waits(each)]

    def told(self, waiting: Waiting) -> JsonObject:
        """Of one, without the document."""
        return {
            "id": waiting.digest[:SHOWN_DIGITS],
            "digest": waiting.digest,
            "act": waiting.act,
            "arguments": waiting.arguments,
            "by": waiting.said_by,
            "since": waiting.at,
            "until": waiting.at + self.seconds,
        }

    def whole(self, name: str) -> JsonObject | None:
        """One, by its digest, with the ``document`` that would be carried out."""
        found, document = self.find(name), self.document(name)
        return None if found is None else {**self.told(found), "document": document}

    def _waits(self, waiting: Waiting) -> bool:
        return -BACK_SECONDS <= self._clock() - waiting.at < self.seconds

    def _keep(self) -> None:
        """What is out of time goes, with its document."""
        for each in [each for each in self._kept.values() if not self._waits(each)]:
            del self._kept[each.digest]
            self._store.set_meta(_document_key(each.digest), b"")
        kept = [_written(each) for each in self._kept.values()]
        self._store.set_meta(_KEY, json.dumps(kept).encode())


def _document_key(digest: str) -> str:
    return f"pending order {digest}"


def _written(waiting: Waiting) -> dict[str, Any]:
    return {
        "digest": waiting.digest,
        "act": waiting.act,
        "arguments": waiting.arguments,
        "by": waiting.by.stored(),
        "at": waiting.at,
        "said_by": waiting.said_by,
        "names": list(waiting.names),
    }


def _read(document: dict[str, Any]) -> Waiting:
    by, names = restored(document["by"]), tuple(document["names"])
    return Waiting(**{**document, "by": by, "names": names})
