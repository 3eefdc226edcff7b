"""Packed Shamir secret sharing (docs/protocol.md §3)."""

from protocols.sharing.packed import PackedSharing, packed_sharing

__all__ = ["PackedSharing", "packed_sharing"]
