"""Why a dial has failed, in a person's words, and what that person can do about it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator

import trio
from libp2p.security.noise.exceptions import PeerIDMismatchesPubkey
from libp2p.transport.exceptions import UpgradeFailure

from peerd.identity import with_checksum
from peerd.transport.circuit import NoCircuit

_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN}


def cause_of(error: BaseException) -> str:
    """What kept a dial from its end. Of several failures the one that tells most: an answer."""
    errors = list(_all(error))
    for kind, words in _WORDS:
        found = next((each for each in errors if isinstance(each, kind)), None)
        if found is not None:
            return words(found)
    if any(isinstance(each, OSError) and each.errno in _NO_WAY for each in errors):
        return "no way there from this machine; check the address and the network"
    return f"it failed ({type(errors[-1]).__name__}); the debug log says more"


def _another(error: BaseException) -> str:
    answered = with_checksum(str(error).rpartition("=")[2])
    return (
        f"another peer answers there, {answered}; check address and peer id against what"
        " their operators say"
    )


def _broken_off(_: BaseException) -> str:
    return "somebody answers, and breaks off; is it a peerd of this group, with the same genesis?"


def _no_circuit(error: BaseException) -> str:
    return str(error)


def _refused(_: BaseException) -> str:
    return "refused: nobody listens there; does its daemon run, and is the port right?"


def _timed_out(_: BaseException) -> str:
    return (
        "timed out: nothing answers; is the machine on, and does a firewall let the port through?"
    )


def _unknown_name(error: BaseException) -> str:
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return "no name server answers; check this machine's DNS, or write the IP address"
    return "this machine knows no such name; check its spelling, /etc/hosts and the DNS"


_WORDS: tuple[tuple[type[BaseException], Callable[[BaseException], str]], ...] = (
    (NoCircuit, _no_circuit),
    (PeerIDMismatchesPubkey, _another),
    (UpgradeFailure, _broken_off),
    (ConnectionRefusedError, _refused),
    (trio.TooSlowError, _timed_out),
    (TimeoutError, _timed_out),
    (socket.gaierror, _unknown_name),
    (UnicodeError, _unknown_name),  # a name that no DNS could hold
)


def _all(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and what groups hold, outermost first."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _all(each)
    if error.__cause__ is not None:
        yield from _all(error.__cause__)
