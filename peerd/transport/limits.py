"""Every bound of the transport, with its name.

Whatever a peer can make grow (a connection, a stream, a frame, a queue) stops at one of these.
Sizes are in bytes, times in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class MuxLimits:
    """Bounds of one connection."""

    streams: int = 64  # open streams that the other side started
    window: int = 256 * 1024  # unread bytes per stream; the yamux default, and enforced
    queue: int = 256 * 1024  # bytes waiting for the socket before writers have to wait
    control: int = 64 * 1024  # replies owed to a peer that doesn't read them
    heartbeat: float = 2.0  # in each of which the peer hears something of us
    measured_heartbeat: int = 8  # of so many one has a ping in any case, for the round trip
    silent_heartbeats: int = 3  # heartbeats without a byte from the peer: it is dead
    write_stall: float = 20.0  # one 64 KiB write that the socket doesn't take
    linger: float = 20.0  # half-closed by us, and the peer doesn't close its side


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one daemon's network. The defaults suit a few hundred peers."""

    mux: MuxLimits = field(default_factory=MuxLimits)

    # connections
    pending_handshakes: int = 64
    pending_handshakes_per_address: int = 16
    handshake: float = 10.0
    dial: float = 5.0
    addresses_per_peer: int = 8
    connections_per_peer: int = 4  # a moment's duplicates of a simultaneous dial
    backoff_first: float = 0.5
    backoff_last: float = 15.0
    passive_wait: float = 1.0  # how long the peer with the larger key waits to be dialled
    direct_again: float = 300.0  # between two tries to do without a relay, from backoff_first on

    # frames
    max_frame: int = 64 * 1024 * 1024
    control_frame: int = 64 * 1024  # larger frames take the bulk lane
    outbox_bytes: int = 256 * 1024 * 1024  # per peer; the oldest frame goes first
    outbox_frames: int = 65_536  # per peer
    stall: float = 60.0  # no progress of a frame, in either direction
    slowest: int = 16 * 1024  # bytes per second below which a frame is given up

    # requests
    request_bytes: int = 1024 * 1024
    response_bytes: int = 64 * 1024 * 1024
    requests_per_peer: int = 8
    request_read: float = 10.0
    request_handler: float = 60.0
    library_handler: float = 30.0  # a stream of libp2p's own protocols

    # circuits that this peer carries between others, if it relays
    circuits: int = 512
    circuits_per_member: int = 32  # a relay's streams to one member are of mux.streams
    circuits_per_pair: int = 4  # as connections_per_peer
    circuit_rate: int = 16 * 1024 * 1024  # bytes per second and direction; who sends more waits
    circuit_idle: float = 60.0  # without a byte of one side; a connection pings every heartbeat


DEFAULT_LIMITS = Limits()
