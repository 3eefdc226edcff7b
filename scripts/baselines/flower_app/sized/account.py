"""What this process has spent so far: a line of JSON in the file that ACCOUNTS/<name> is."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from pathlib import Path

TCP_INFO_BYTES = 256
BYTES_SENT = 200
"""Offset of tcpi_bytes_sent (Linux 4.19 and later) in struct tcp_info, 8 bytes."""


def note(name: str, **more: float) -> None:
    """Time, CPU seconds, and the bytes that went out of the TCP connections that are open."""
    spent = {"cpu_seconds": time.process_time(), "bytes_sent": bytes_sent()}
    line = {"time": time.time(), **spent, **more}
    path = Path(os.environ["BASELINE_ACCOUNTS"]) / f"{name}.jsonl"
    with path.open("a", encoding="utf-8") as file:
        print(json.dumps(line), file=file)


def bytes_sent() -> int:
    """Over all connections."""
    return sum(map(_sent, os.listdir("/proc/self/fd")))


def _sent(descriptor: str) -> int:
    try:
        with socket.socket(fileno=os.dup(int(descriptor))) as connection:
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    except OSError:  # no socket, or none of TCP
        return 0
    sent: int = struct.unpack_from("=Q", info, BYTES_SENT)[0]
    return sent


def cpu_seconds(process: str) -> float:
    """Of another process, by its id."""
    _, _, fields = Path(f"/proc/{process}/stat").read_text("ascii", "replace").rpartition(")")
    return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")  # utime, stime
