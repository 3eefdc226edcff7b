"""Who may see the page: a token from the status socket lets in once, a cookie from then on.

The status socket answers the daemon's own user alone, and any process of any user may connect to a
port: the token is what carries the user from the one to the other. Tokens and sessions are kept as
hashes, and are in no log, repr or status.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

SECRET_BYTES = 32
TOKEN_SECONDS = 60.0
MAX_TOKENS = 16
SESSION_SECONDS = 12 * 3600.0
MAX_SESSIONS = 16


class Tickets:
    """Secrets that are worth something for a while. ``most``: beyond it the oldest goes."""

    def __init__(self, most: int, seconds: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._until: dict[bytes, float] = {}

    def issue(self) -> str:
        """A new one."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        self._forget()
        while len(self._until) >= self._most:
            del self._until[next(iter(self._until))]
        self._until[_hash(secret)] = self._clock() + self._seconds
        return secret

    def holds(self, secret: str) -> bool:
        """Whether it is one, and still worth something."""
        return self._find(secret) is not None

    def spend(self, secret: str) -> bool:
        """The same, and it is worth nothing any more."""
        found = self._find(secret)
        if found is not None:
            del self._until[found]
        return found is not None

    def _find(self, secret: str) -> bytes | None:
        """All are compared, in a time that does not depend on what they are."""
        self._forget()
        given = _hash(secret)
        matching = [each for each in self._until if hmac.compare_digest(each, given)]
        return matching[0] if matching else None

    def _forget(self) -> None:
        now = self._clock()
        self._until = {each: until for each, until in self._until.items() if until > now}


class Access:
    """``clock`` gives seconds that only rise."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._tokens = Tickets(MAX_TOKENS, TOKEN_SECONDS, clock)
        self._sessions = Tickets(MAX_SESSIONS, SESSION_SECONDS, clock)

    def token(self) -> str:
        """Lets in once, for TOKEN_SECONDS."""
        return self._tokens.issue()

    def enter(self, token: str) -> str | None:
        """A session for a token, which is spent; None for a wrong one."""
        return self._sessions.issue() if self._tokens.spend(token) else None

    def admits(self, session: str) -> bool:
        """Whether whoever shows this has entered, no more than SESSION_SECONDS ago."""
        return self._sessions.holds(session)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
