"""The frames of yamux 1.0 (https://github.com/hashicorp/yamux/blob/master/spec.md)."""

from __future__ import annotations

import struct

HEADER = struct.Struct("!BBHII")  # version, type, flags, stream, length

DATA, WINDOW_UPDATE, PING, GO_AWAY = 0, 1, 2, 3
SYN, ACK, FIN, RST = 1, 2, 4, 8

INITIAL_WINDOW = 256 * 1024  # both sides start from it (spec, "Flow Control")
MAX_CREDIT = (1 << 32) - 1
NOISE_PLAINTEXT = 65_519  # a Noise message has 65,535 bytes, 16 of them the tag
MAX_PAYLOAD = NOISE_PLAINTEXT - HEADER.size  # 65,507: one frame, one Noise message (fault 9)


def frame(
    kind: int, flags: int, stream: int, length: int, payload: bytes | memoryview = b""
) -> bytes:
    """One frame. ``length`` is the payload's, a credit, a ping's value or a reason."""
    return HEADER.pack(0, kind, flags, stream, length) + payload
