"""Errors of the transport. None of them blames a peer: silence and distance prove nothing."""

from __future__ import annotations

from collections.abc import Mapping

from peerd.errors import NetworkError


class TransportError(NetworkError):
    """Something between two peers didn't work."""


class Unreachable(TransportError):
    """No connection to the peer, and none could be made in time.

    ``causes``: of a dial, why each address did not lead to the peer, in a person's words.
    """

    def __init__(self, message: str, causes: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.causes = causes or {}


class RequestFailed(TransportError):
    """The peer answered, but not with what was asked for: refused, too large, broken off."""


class MuxViolation(TransportError):
    """The peer broke a rule of the multiplexer: its connection is closed."""


class UnsupportedLibrary(TransportError):
    """The repairs are written for one exact release of libp2p."""
