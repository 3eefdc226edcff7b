"""Errors of the protocol. Every one says who is to blame, or that nobody is."""

from __future__ import annotations


class ProtocolError(Exception):
    """A rule of the protocol was broken, or can't be met.

    ``culprit`` is the roster index of the peer that is *proven* to be at fault, or None when
    nobody is (a timeout, a message whose author is not authenticated, a local mistake).
    """

    def __init__(self, message: str, *, culprit: int | None = None) -> None:
        super().__init__(message)
        self.culprit = culprit


class WireError(ProtocolError):
    """Bytes from outside that are not a message. The only error that leaves a decoder."""
