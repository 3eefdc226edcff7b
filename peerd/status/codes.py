"""Officers' second factor: codes of six digits that change every 30 seconds (RFC 6238).

A code works once: the last counter is kept. Wrong ones are few: behind the fifth in a row each
makes the next wait longer.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol
from urllib.parse import quote

STEP_SECONDS = 30
DIGITS = 6
WINDOW = 1
"""Steps by which the two clocks may differ."""
SECRET_BYTES = 20  # the length of SHA-1's hash, as RFC 4226 has it
FREE_TRIES = 5
MOST_WAIT = 3600.0

Who = int | str
"""An officer: a user's id, or ``Caller.key``."""


WRONG, USED, UNKNOWN, TOO_MANY = "wrong", "used", "not enrolled", "too many"
"""Kinds of codes that do not count."""


class CodeRefused(Exception):
    """Why a code does not count, for whoever gave it; who guesses is not told what was wrong.
    ``kind``: for the trail, which tells a guess from a code that somebody overheard.
    """

    def __init__(self, message: str, kind: str = WRONG) -> None:
        super().__init__(message)
        self.kind = kind


class Memory(Protocol):
    """The store, as it is needed here."""

    def meta(self, key: str) -> bytes | None: ...

    def set_meta(self, key: str, value: bytes) -> None: ...


@dataclass(slots=True)
class Held:
    """Of one officer. ``last``: the counter of the last code that worked; ``wrong``: how many did
    not since then, and ``at`` the time of the last of them.
    """

    secret: str
    last: int = -1
    wrong: int = 0
    at: float = 0.0


def code_of(secret: bytes, counter: int) -> str:
    """HOTP (RFC 4226) with SHA-1."""
    digest = hmac.digest(secret, counter.to_bytes(8, "big"), "sha1")
    place = digest[-1] & 0x0F
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def uri(secret: bytes, who: str) -> str:
    """What an authenticator takes."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return f"otpauth://totp/{quote(f'peerd:{who}')}?secret={text}&issuer=peerd"


def forget(store: Memory, who: Who) -> bool:
    """The officer enrols anew. Whether there was anything to forget."""
    known = bool(store.meta(_key(who)))
    if known:
        store.set_meta(_key(who), b"")
    return known


class Codes:
    """Kept in the store, by ``Caller.key``. Usable from any thread; durable on return."""

    def __init__(self, store: Memory, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._mutex = threading.Lock()

    def enrol(self, who: Who) -> bytes:
        """A new secret, which is told this once. CodeRefused for who has one."""
        with self._mutex:
            if self._held(who) is not None:
                raise CodeRefused("you have enrolled already; 'peerd officer reset' undoes it")
            secret = secrets.token_bytes(SECRET_BYTES)
            self._keep(who, Held(secret.hex()))
            return secret

    def check(self, who: Who, code: str) -> None:
        """CodeRefused, and then it is one of few tries."""
        with self._mutex:
            held, now = self._held(who), self._clock()
            if held is None:
                raise CodeRefused("you have not enrolled; 'peerd officer enroll' does it", UNKNOWN)
            wait = _wait(held.wrong)
            if 0 <= now - held.at < wait:
                left = held.at + wait - now
                raise CodeRefused(f"too many wrong codes: wait {left:.0f} s", TOO_MANY)
            counter = _counter(held, code, now)
            if counter is None:
                held.wrong, held.at = held.wrong + 1, now
            else:
                held.wrong, held.last = 0, counter
            self._keep(who, held)
            if counter is None:
                kind = USED if _was_used(held, code, now) else WRONG
                raise CodeRefused("the code is wrong, too old, or was used before", kind)

    def _held(self, who: Who) -> Held | None:
        data = self._store.meta(_key(who))
        return Held(**json.loads(data)) if data else None

    def _keep(self, who: Who, held: Held) -> None:
        self._store.set_meta(_key(who), json.dumps(asdict(held)).encode())


def _key(who: Who) -> str:
    return f"officer {who}"


def _wait(wrong: int) -> float:
    if wrong < FREE_TRIES:
        return 0.0
    return min(MOST_WAIT, STEP_SECONDS * 2.0 ** min(wrong - FREE_TRIES, 10))


def _counter(held: Held, code: str, now: float) -> int | None:
    """Of the one code that it is, if it was not used before."""
    here = int(now // STEP_SECONDS)
    return _found(held, code, max(here - WINDOW, held.last + 1), here + WINDOW)


def _was_used(held: Held, code: str, now: float) -> bool:
    """Whether it would count, had not it, or a later one, counted already."""
    here = int(now // STEP_SECONDS)
    return _found(held, code, here - WINDOW, min(held.last, here + WINDOW)) is not None


def _found(held: Held, code: str, first: int, last: int) -> int | None:
    secret = bytes.fromhex(held.secret)
    for counter in range(max(first, 0), last + 1):
        if hmac.compare_digest(code_of(secret, counter).encode(), code.encode(errors="replace")):
            return counter
    return None
