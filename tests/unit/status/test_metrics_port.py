"""Metrics on TCP: whoever can connect reads them; nothing else is served, and all is bounded."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs

from peerd.errors import NetworkError
from peerd.status import StatusBoard, Views, metrics_port, serve_status
from peerd.status.http import MAX_HEAD_BYTES, Deadlines
from peerd.status.metrics_port import MetricsPort, exposed
from peerd.status.routes import PROMETHEUS, Request
from tests.answered import until_closed
from tests.patience import HANG

QUICK = Deadlines(request=0.2, idle=0.2, write=0.2, heartbeat=0.05)
TEXT = b"peerd_round 7.0\n"
GET = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


class Collected:
    """The metrics, and how often they were collected."""

    def __init__(self, text: bytes = TEXT) -> None:
        self.text, self.times = text, 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.text


@asynccontextmanager
async def serving(
    collected: Collected | None = None, listen: str = "127.0.0.1:0"
) -> AsyncIterator[tuple[MetricsPort, int]]:
    port = MetricsPort(collected or Collected(), StatusBoard(), QUICK)
    async with trio.open_nursery() as nursery:
        await nursery.start(port.run)
        yield port, opened(port, listen)
        nursery.cancel_scope.cancel()


def opened(port: MetricsPort, listen: str) -> int:
    with capture_logs() as logged:
        port.open(listen)
    (line,) = (each for each in logged if each["event"] == "metrics")
    return int(line["port"])


async def ask(port: int, data: bytes, host: str = "127.0.0.1") -> bytes:
    """What is sent until the connection is closed."""
    return await until_closed(await trio.open_tcp_stream(host, port), data)


@pytest.mark.trio
async def test_prometheus_reads_it() -> None:
    async with serving() as (_, port):
        head, _, body = (await ask(port, GET)).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and body == TEXT
        assert f"content-type: {PROMETHEUS}".encode() in head
        query = GET.replace(b"/metrics", b"/metrics?name=x")
        assert (await ask(port, query)).endswith(TEXT)
        head_only = await ask(port, GET.replace(b"GET", b"HEAD"))
        assert head_only.startswith(b"HTTP/1.1 200") and not head_only.endswith(TEXT)


@pytest.mark.trio
async def test_ipv6() -> None:
    try:
        async with serving(listen="[::1]:0") as (_, port):
            assert (await ask(port, GET, "::1")).endswith(TEXT)
    except* NetworkError:
        pytest.skip("this machine has no IPv6")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GET.replace(b"/metrics", b"/v1/status"), b"404"),
        (GET.replace(b"/metrics", b"/v1/events"), b"404"),
        (GET.replace(b"/metrics", b"/v1/rounds/0/model"), b"404"),
        (GET.replace(b"/metrics", b"/metrics/"), b"404"),
        (GET.replace(b"/metrics", b"//metrics"), b"404"),
        (GET.replace(b"/metrics", b"http://[/metrics"), b"404"),
        (GET.replace(b"GET", b"POST"), b"405"),
        (GET.replace(b"GET", b"DELETE"), b"405"),
        (GET.replace(b"\r\n\r\n", b"\r\ncontent-length: 5\r\n\r\nhello"), b"413"),
        (b"GET /metrics HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 2 * MAX_HEAD_BYTES, b"431"),
        (b"\x16\x03\x01" + b"\x00" * 200, b"400"),
        (b"GET /metrics HTTP/1.1\r\n", b""),  # never finished: closed at the deadline
    ],
)
@pytest.mark.trio
async def test_all_else_is_refused_and_it_goes_on(data: bytes, status: bytes) -> None:
    collected = Collected()
    async with serving(collected) as (_, port):
        answer = await ask(port, data)
        assert answer[:12] == (b"HTTP/1.1 " + status if status else b"")
        assert collected.times == 0
        assert (await ask(port, GET)).endswith(TEXT)


@pytest.mark.trio
async def test_one_that_does_not_read_is_cut() -> None:
    async with (
        serving(Collected(b"x" * 50_000_000)) as (port, number),
        await trio.open_tcp_stream("127.0.0.1", number) as stream,
    ):
        await stream.send_all(GET)
        with trio.fail_after(HANG):
            while port._open == 0:
                await trio.sleep(0.01)
            while port._open:
                await trio.sleep(0.01)


@pytest.mark.trio
async def test_connections_are_capped_and_the_log_is_not_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_port, "MAX_READERS", 1)
    async with serving() as (_, port):
        with capture_logs() as logged:
            async with await trio.open_tcp_stream("127.0.0.1", port):
                await trio.testing.wait_all_tasks_blocked()
                for _ in range(5):
                    assert await ask(port, b"") == b""
        assert len(logged) == 1
        with trio.fail_after(HANG):
            while not (await ask(port, GET)).endswith(TEXT):
                await trio.sleep(0.01)


@pytest.mark.trio
async def test_a_flood_of_readers_makes_it_collect_once_a_second(autojump_clock: Any) -> None:
    collected = Collected()
    port = MetricsPort(collected, StatusBoard())
    for _ in range(100):
        await port._answer(Request("GET", "/metrics"))
    await trio.sleep(metrics_port.FRESH_SECONDS)
    await port._answer(Request("GET", "/metrics"))
    assert collected.times == 2


@pytest.mark.trio
async def test_it_is_turned_to_another_address_and_off() -> None:
    async with serving() as (port, first):
        second = opened(port, "127.0.0.2:0")
        assert (await ask(second, GET, "127.0.0.2")).endswith(TEXT)
        with pytest.raises(OSError, match=r"connect|refused"):
            await ask(first, GET)
        port.open(None)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match=r"connect|refused"):
            await ask(second, GET, "127.0.0.2")


@pytest.mark.trio
async def test_an_address_that_is_taken_is_named_and_the_old_one_is_served() -> None:
    async with serving() as (port, first), serving() as (_, taken):
        with pytest.raises(NetworkError, match=rf"metrics\.listen 127\.0\.0\.1:{taken} can't be"):
            port.open(f"127.0.0.1:{taken}")
        assert (await ask(first, GET)).endswith(TEXT)


@pytest.mark.parametrize(
    ("listen", "warned"),
    [
        (None, False),
        ("127.0.0.1:9464", False),
        ("127.8.8.8:9464", False),
        ("[::1]:9464", False),
        ("0.0.0.0:9464", True),
        ("[::]:9464", True),
        ("192.0.2.7:9464", True),
        ("10.0.0.1:9464", True),
    ],
)
def test_what_other_machines_can_reach_is_warned_of(listen: str | None, warned: bool) -> None:
    lines = exposed(listen)
    assert bool(lines) is warned
    assert all(re.search(r"no loopback address.*firewall", line) for line in lines)


@pytest.mark.trio
async def test_the_warning_is_on_the_status_and_goes() -> None:
    board = StatusBoard()
    port = MetricsPort(Collected(), board, QUICK)
    async with trio.open_nursery() as nursery:
        await nursery.start(port.run)
        with capture_logs() as logged:
            port.open("0.0.0.0:0")
        (line,) = (each["event"] for each in logged if each["log_level"] == "warning")
        assert board.snapshot()["warnings"] == [line]
        port.open("127.0.0.1:0")
        assert board.snapshot()["warnings"] == []
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_they_are_on_the_socket_in_any_case() -> None:
    views = Views(list, lambda limit: [], lambda number: None, metrics=Collected())
    with tempfile.TemporaryDirectory(prefix="peerd-") as directory:
        path = Path(directory) / "run" / "status.sock"
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(serve_status, StatusBoard(), path, views))
            async with await trio.open_unix_socket(os.fspath(path)) as stream:
                await stream.send_all(GET)
                received = b"".join([piece async for piece in stream])
            nursery.cancel_scope.cancel()
    assert PROMETHEUS.encode() in received and received.endswith(TEXT)
