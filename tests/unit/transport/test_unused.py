"""What stands for what of libp2p is left out: names that are bound, and nothing that works.

Each in an interpreter of its own, since what counts is what is imported first.
"""

from __future__ import annotations

import subprocess
import sys


def said(program: str) -> str:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


LEFT_OUT = """
import peerd.transport
from libp2p.network.stream.net_stream import QUICStreamClosedError as left_out
assert issubclass(left_out, peerd.transport.repairs.unused.Unused)
try:
    left_out("closed")
except RuntimeError as error:
    print(error)
"""

HERE_ALREADY = """
import libp2p
import peerd.transport
from libp2p.transport.quic.exceptions import QUICStreamClosedError
print(libp2p.QUICTransport.__module__, QUICStreamClosedError("closed"))
"""


def test_what_is_left_out_is_caught_but_not_made() -> None:
    told = "peerd leaves libp2p's QUICStreamClosedError out: peers are reached over TCP"
    assert said(LEFT_OUT) == told


def test_where_libp2p_is_here_already_nothing_is_left_out() -> None:
    assert said(HERE_ALREADY).startswith("libp2p.transport.quic.transport ")


def test_a_daemon_loads_none_of_what_they_bring() -> None:
    names = ("aioquic", "websockets", "zeroconf", "httpx", "requests")
    loaded = f"[name for name in {names} if name in sys.modules]"
    assert said(f"import sys, peerd.runner.daemon; print({loaded})") == "[]"
