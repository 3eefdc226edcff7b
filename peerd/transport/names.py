"""The two names of a peer: its Ed25519 public key, and libp2p's peer id.

A libp2p peer id of an Ed25519 key is the identity multihash of the key's protobuf, so each name
can be computed from the other
(https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md).
"""

from __future__ import annotations

from libp2p.peer.id import ID

PUBLIC_BYTES = 32
_PREFIX = bytes((0x00, 0x24, 0x08, 0x01, 0x12, 0x20))


def libp2p_id(public: bytes) -> ID:
    """The peer id of a 32-byte Ed25519 public key. Raises ValueError for another length."""
    if len(public) != PUBLIC_BYTES:
        raise ValueError(f"a public key has {PUBLIC_BYTES} bytes, not {len(public)}")
    return ID(_PREFIX + public)


def public_key(peer: ID) -> bytes | None:
    """The 32-byte Ed25519 key inside a peer id; None when it holds another kind of key."""
    raw = bytes(peer.to_bytes())
    if len(raw) != len(_PREFIX) + PUBLIC_BYTES or not raw.startswith(_PREFIX):
        return None
    return raw[len(_PREFIX) :]


def short(public: bytes) -> str:
    """The end of the peer id, enough to tell peers apart in a log line."""
    return str(libp2p_id(public))[-8:]
