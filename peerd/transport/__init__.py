"""Authenticated channels between the members of a group."""

import peerd.transport.repairs.unused  # noqa: F401 - ahead of whatever imports libp2p
from peerd.transport.errors import RequestFailed, TransportError, Unreachable
from peerd.transport.limits import Limits, MuxLimits
from peerd.transport.links import Link
from peerd.transport.transport import Transport

__all__ = [
    "Limits",
    "Link",
    "MuxLimits",
    "RequestFailed",
    "Transport",
    "TransportError",
    "Unreachable",
]
