"""Every repair of libp2p 0.8.1, each with the fault it mends and the test that shows it.

Each repair is a subclass, or a part handed to the constructor that takes it; one function is
replaced in place (``negotiation``). They are written against one release, so another is refused.

====  ======================================================  ===================================
 no.  fault                                                   repaired in
====  ======================================================  ===================================
  1   ``dial_peer`` sleeps 250 ms after a dial that succeeded  ``swarm.RosterSwarm.dial_peer``
  2   the inbound cap counts connections that are gone        ``swarm…_handle_inbound_connection``
  3   bulk both ways and a new stream: deadlock               ``yamux.StrictYamux.post``
  4   a reader slower than 5 s fails the sender               ``yamux_stream.StrictStream.write``
  5   an exception in a handler kills the host                ``swarm…set_stream_handler``,
                                                              ``yamux.StrictYamux._guard``
  6   ``read_exactly`` gives up after 101 partial reads       ``sockets.ExactStream``, ``yamux``
  7   the receive window is not enforced                      ``yamux.StrictYamux._begin_data``
  8   idle sockets fill the handshake                         ``sockets.Admission``
  9   a full frame needs two Noise messages                   ``yamux_wire.MAX_PAYLOAD``
 10   the resource manager silently becomes None              none is used; ``limits.Limits``
====  ======================================================  ===================================

Found on the way, and repaired here too: a negotiation message of any length, before the handshake
(``negotiation``); SO_REUSEPORT on the listening socket (``sockets``); an auto-connector that dials
with a low watermark of 0 (``swarm``); names that a DNS client of its own looks up, past the
machine's resolver (``resolver``); transports that are loaded whoever uses them (``unused``); a peer
store and a provider store that DHT answers fill without a bound (``gate``,
``peerd.discovery.lookup``).
"""

from __future__ import annotations

from importlib.metadata import version

from peerd.transport.errors import UnsupportedLibrary

LIBRARY_VERSION = "0.8.1"


def assert_library_version(found: str | None = None) -> None:
    """Raises UnsupportedLibrary unless libp2p is the release the repairs are written for."""
    found = found or version("libp2p")
    if found != LIBRARY_VERSION:
        raise UnsupportedLibrary(
            f"libp2p {found} is installed, and its repairs are for {LIBRARY_VERSION}",
            f"pip install 'libp2p=={LIBRARY_VERSION}'",
        )
