"""The peer whose session it is: what it needs in every round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from protocols.record.setting import NO_HEAD, Setting
from protocols.secret import Secret


class Secrets(Protocol):
    """Entropy, as an input."""

    def __call__(self, round_: int, key: str) -> Secret:
        """32 fresh bytes, journaled under that key before they are used; the same again after a
        restart.
        """


@dataclass(frozen=True, slots=True)
class LocalPeer:
    """``me`` of the roster; ``identity`` is its signing seed. ``head``: the last hash (32 bytes) of
    this peer's trail, read as an attempt begins.
    """

    setting: Setting
    me: int
    identity: Secret
    secrets: Secrets = field(repr=False)
    head: Callable[[], bytes] = field(default=lambda: NO_HEAD, repr=False)
