"""What a liar signs with: its identity, and the secrets that its honest session draws."""

from __future__ import annotations

from collections.abc import Callable

from protocols.election.machine import Draw
from protocols.secret import Secret
from protocols.session.attempt import attempt_secrets


class Keys:
    """``secret_of`` stands in for the ``secrets`` that a session is given, and remembers what it
    gave: a liar draws nothing that its session would not have drawn.
    """

    def __init__(self, identity: Secret, secrets: Callable[[int, str], Secret]) -> None:
        self.identity = identity
        self._secrets = secrets
        self._known: dict[tuple[int, str], Secret] = {}

    def secret_of(self, round_: int, key: str) -> Secret:
        secret = self._secrets(round_, key)
        self._known[round_, key] = Secret(secret.reveal())  # the session forgets its own
        return secret

    def draw(self, round_: int, attempt: int) -> Draw | None:
        """Nonce and one-round key of an attempt that the session has begun."""
        flip, _ = attempt_secrets(attempt)
        known = self._known.get((round_, flip))
        return None if known is None else Draw.of(known)

    def dealing_secret(self, round_: int, attempt: int) -> bytes:
        """What the masks of an attempt come from."""
        _, dealing = attempt_secrets(attempt)
        return self._known[round_, dealing].reveal()
