"""What stands for libp2p's other transports: names that are bound, and nothing that works."""

from __future__ import annotations

import pytest
from libp2p.network.stream import net_stream

from peerd.transport.repairs.unused import Unused, leave_out


def test_what_is_left_out_is_caught_but_not_made() -> None:
    left_out = net_stream.QUICStreamClosedError
    assert issubclass(left_out, Unused)
    with pytest.raises(RuntimeError, match="QUICStreamClosedError out: peers are reached over TCP"):
        left_out("closed")


def test_where_libp2p_is_here_already_nothing_is_left_out() -> None:
    assert not leave_out()
