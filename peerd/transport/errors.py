"""Errors of the transport. None of them blames a peer: silence and distance prove nothing."""

from __future__ import annotations

from peerd.errors import NetworkError


class TransportError(NetworkError):
    """Something between two peers didn't work."""


class Unreachable(TransportError):
    """No connection to the peer, and none could be made in time."""


class RequestFailed(TransportError):
    """The peer answered, but not with what was asked for: refused, too large, broken off."""


class MuxViolation(TransportError):
    """The peer broke a rule of the multiplexer: its connection is closed."""


class UnsupportedLibrary(TransportError):
    """The repairs are written for one exact release of libp2p."""
