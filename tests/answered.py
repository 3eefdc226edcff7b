"""What a server says to bytes that may be anything."""

from __future__ import annotations

import trio
from trio.abc import Stream

from tests.patience import HANG


async def until_closed(stream: Stream, data: bytes) -> bytes:
    """``data`` is sent, and all is read until the server closes; so is the stream."""
    received = b""
    with trio.fail_after(HANG):
        async with stream:
            try:
                await stream.send_all(data)
                async for piece in stream:
                    received += piece
            except trio.BrokenResourceError:  # it closed with some of our bytes unread
                pass
    return received
