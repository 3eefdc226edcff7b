"""What a liar signs with: its identity, and the secrets that its honest session draws."""

from __future__ import annotations

from dataclasses import replace

from protocols.election.flip import Draw
from protocols.secret import Secret
from protocols.session.ending import attempt_secrets
from protocols.session.local import LocalPeer


class Keys:
    """``peer`` is the liar as its honest session knows it. What the session draws is remembered: a
    liar draws nothing that its session would not have drawn.
    """

    def __init__(self, peer: LocalPeer) -> None:
        self.peer = replace(peer, secrets=self._draw)
        self.identity = peer.identity
        self._secrets = peer.secrets
        self._known: dict[tuple[int, str], Secret] = {}

    def _draw(self, round_: int, key: str) -> Secret:
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
