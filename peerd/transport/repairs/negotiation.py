"""Protocol negotiation with a bound: a stranger's first message can't fill the memory.

``libp2p.utils.varint.read_delim`` (line 167, libp2p 0.8.1) believes the length prefix of a
multistream-select message, up to 2⁶⁴. It is read on the bare TCP connection, before anybody has
said who they are, so that whoever reaches the port can make us buffer what ten seconds of the
network carry. This is the one repair that replaces a function in place: the class that calls it,
``MultiselectCommunicator``, is constructed in four modules of the library.
"""

from __future__ import annotations

from libp2p.exceptions import ParseError
from libp2p.io.abc import Reader
from libp2p.io.exceptions import MessageTooLarge
from libp2p.protocol_muxer import multiselect_communicator
from libp2p.utils.varint import read_varint_prefixed_bytes_limited

MAX_NEGOTIATION_BYTES = 1024  # a protocol's name and a newline


async def read_delim_bounded(reader: Reader) -> bytes:
    """A multistream-select message without its newline. Raises ParseError."""
    try:
        message = await read_varint_prefixed_bytes_limited(reader, MAX_NEGOTIATION_BYTES)
    except MessageTooLarge as error:
        raise ParseError(f"a negotiation message too large: {error}") from error
    if not message.endswith(b"\n"):
        raise ParseError("a negotiation message without its newline")
    return message[:-1]


def bound_negotiation() -> None:
    """Makes every negotiation in this process use the bound. Calling it again changes nothing."""
    multiselect_communicator.read_delim = read_delim_bounded  # type: ignore[attr-defined]
