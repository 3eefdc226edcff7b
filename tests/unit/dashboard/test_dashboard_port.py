"""The page's port over real TCP: who is let in, and what is refused to whom."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio
from page_world import world
from structlog.testing import capture_logs

from peerd.dashboard import port as port_module
from peerd.dashboard.port import DashboardPort
from peerd.dashboard.sources import Sources
from peerd.errors import NetworkError
from peerd.status.http import MAX_HEAD_BYTES, Deadlines
from tests.answered import until_closed
from tests.patience import HANG

QUICK = Deadlines(request=0.5, write=5.0, heartbeat=1.0)


class Answered:
    def __init__(self, received: bytes) -> None:
        head, _, self.body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1]) if received else 0
        self.headers = dict(line.lower().split(": ", 1) for line in lines)
        self.cookies = [line for line in lines if line.lower().startswith("set-cookie:")]


async def raw(port: int, data: bytes) -> Answered:
    """What is sent until the connection is closed."""
    return Answered(await until_closed(await trio.open_tcp_stream("127.0.0.1", port), data))


async def ask(port: int, target: str, method: str = "GET", **headers: str) -> Answered:
    said = {"host": f"127.0.0.1:{port}", "connection": "close"}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items() if value != "-")
    return await raw(port, f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode())


@asynccontextmanager
async def serving(sources: Sources) -> AsyncIterator[tuple[DashboardPort, int]]:
    port = DashboardPort(sources, QUICK)
    async with trio.open_nursery() as nursery:
        await nursery.start(port.run)
        port.open("127.0.0.1:0")
        address = port.address()
        assert address is not None
        yield port, int(re.findall(r":(\d+)/", address)[0])
        nursery.cancel_scope.cancel()


def target(port: DashboardPort) -> str:
    """Path and query of a new address."""
    address = port.address()
    assert address is not None
    return re.sub(r"^http://[^/]+", "", address)


async def enter(port: DashboardPort, number: int, **headers: str) -> str:
    """The cookie, as a browser sends it back."""
    answered = await ask(number, target(port), **headers)
    assert (answered.status, answered.headers["location"]) == (303, "/")
    return answered.cookies[0].split(": ", 1)[1].split(";")[0]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    with world(tmp_path_factory.mktemp("peer")) as found:
        yield found.sources


@pytest.mark.trio
async def test_a_token_becomes_a_cookie_and_the_cookie_shows_every_page(sources: Sources) -> None:
    async with serving(sources) as (port, number):
        where = target(port)
        answered = await ask(number, where)
        (line,) = answered.cookies
        for word in (f"peerd_{number}=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age="):
            assert word in line
        assert "Domain" not in line
        cookie = line.split(": ", 1)[1].split(";")[0]
        for page in ("/", "/rounds", "/rounds/0", "/blame", "/chain", "/schema", "/part/now"):
            shown = await ask(number, page, cookie=cookie)
            assert shown.status == 200 and shown.headers["content-type"].startswith("text/html")
        rounds = await ask(number, "/data/rounds.json", cookie=cookie)
        assert rounds.headers["content-type"] == "application/json"
        assert (await ask(number, where)).status == 403  # spent
        again = await ask(number, where, cookie=cookie)  # from the browser's history
        assert (again.status, again.headers["location"], again.cookies) == (303, "/", [])
        assert (await ask(number, "/", cookie=cookie)).status == 200


@pytest.mark.trio
async def test_without_a_cookie_one_is_told_what_to_do(sources: Sources) -> None:
    async with serving(sources) as (port, number):
        await enter(port, number)
        for cookie in ("-", "", f"peerd_{number}=", f"peerd_{number}={'A' * 43}", "x=y; ;;=;"):
            for page in ("/", "/blame", "/part/now", "/data/rounds.json", "/nowhere", "/rounds/0"):
                refused = await ask(number, page, cookie=cookie)
                assert refused.status == 403 and b"peerd dashboard" in refused.body
                assert sources.genesis.name.encode() not in refused.body
        # a part of a page asks for the whole page to be loaded again, which then says it
        assert refused.headers["hx-refresh"] == "true"


@pytest.mark.trio
async def test_head_does_not_spend_a_token(sources: Sources) -> None:
    async with serving(sources) as (port, number):
        where = target(port)
        assert (await ask(number, where, "HEAD")).status == 403
        assert (await ask(number, where)).status == 303
        head = await ask(number, "/static/page.css", "HEAD")
        assert head.status == 200 and head.body == b"" and head.headers["content-length"] != "0"


@pytest.mark.trio
async def test_two_daemons_on_one_machine_leave_each_other_logged_in(sources: Sources) -> None:
    async with serving(sources) as (one, first), serving(sources) as (other, second):
        both = f"{await enter(one, first)}; {await enter(other, second)}"
        assert both.count("=") == 2 and len({*both.split("; ")}) == 2
        for number in (first, second):
            assert (await ask(number, "/", cookie=both)).status == 200
        swapped = both.split("; ")[0].replace(str(first), str(second))
        assert (await ask(second, "/", cookie=swapped)).status == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:PORT"}, 421),
        ({"host": "127.0.0.1"}, 421),
        ({"host": "127.0.0.1:1"}, 421),
        ({"host": "127.0.0.1.evil.example:PORT"}, 421),
        ({"host": ""}, 421),
        ({"host": "localhost:PORT"}, 200),
        ({"host": "LocalHost:PORT"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://127.0.0.1:PORT"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"origin": "http://127.0.0.1:PORT"}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
    ],
    ids=lambda given: str(given),
)
@pytest.mark.trio
async def test_who_asks_from_another_page_is_refused(
    sources: Sources, headers: dict[str, str], status: int
) -> None:
    async with serving(sources) as (port, number):
        cookie = await enter(port, number)
        said = {name: value.replace("PORT", str(number)) for name, value in headers.items()}
        assert (await ask(number, "/", cookie=cookie, **said)).status == status
        # nor does a token let in: it is spent by nobody, and still lets its reader in
        where = target(port)
        expected = 303 if status == 200 else status
        assert (await ask(number, where, **said)).status == expected
        if status != 200:
            assert (await ask(number, where)).status == 303


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"])
@pytest.mark.trio
async def test_all_is_read_only(sources: Sources, method: str) -> None:
    async with serving(sources) as (port, number):
        cookie = await enter(port, number)
        for page in ("/", "/chain/verify", target(port)):
            refused = await ask(number, page, method, cookie=cookie)
            assert (refused.status, refused.headers["allow"]) == (405, "get, head")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: H\r\ncookie: " + b"y" * 2 * MAX_HEAD_BYTES, 431),
        (b"GET /" + b"x" * 2 * MAX_HEAD_BYTES + b" HTTP/1.1\r\nhost: H\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: H\r\ncontent-length: 5\r\n\r\nhello", 413),
        (b"GET / HTTP/1.1\r\nhost: H\r\nhost: H\r\n\r\n", 400),
        (b"GET http://evil.example/ HTTP/1.1\r\nhost: H\r\nconnection: close\r\n\r\n", 400),
        (b"GET //[ HTTP/1.1\r\nhost: H\r\nconnection: close\r\n\r\n", 400),
        (b"GET /?" + b"a=1&" * 20 + b" HTTP/1.1\r\nhost: H\r\nconnection: close\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\n\r\n", 421),
        (b"GET / HTTP/1.1\r\nhost: H\r\ncookie: \xff\xfe=\xff\r\nconnection: close\r\n\r\n", 403),
        (b"\x16\x03\x01" + b"\x00" * 200, 400),
        (b"GET / HTTP/1.1\r\n", 0),  # never finished: closed at the deadline
    ],
    ids=[
        *("cookie", "target", "body", "hosts", "absolute", "bracket"),
        *("query", "old", "bytes", "tls", "slow"),
    ],
)
@pytest.mark.trio
async def test_what_is_malformed_is_refused_and_it_goes_on(
    sources: Sources, data: bytes, status: int
) -> None:
    async with serving(sources) as (port, number):
        host = f"127.0.0.1:{number}".encode()
        assert (await raw(number, data.replace(b"host: H", b"host: " + host))).status == status
        assert (await ask(number, "/", cookie=await enter(port, number))).status == 200


@pytest.mark.trio
async def test_each_answer_keeps_other_pages_out(sources: Sources) -> None:
    async with serving(sources) as (port, number):
        cookie = await enter(port, number)
        for where in ("/", "/static/htmx.js", "/enter?token=x", "/nowhere"):
            headers = (await ask(number, where, cookie=cookie)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy and "http" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert headers["cross-origin-resource-policy"] == "same-origin"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/rounds/99",
        "/rounds/-1",
        "/rounds/x",
        "/rounds/" + "9" * 400,
        "/part/x",
        "/static/../access.py",
        "/static/vendor/htmx.min.js",
        "/static/",
        "/%2e%2e/etc/passwd",
    ],
)
@pytest.mark.trio
async def test_what_is_not_there(sources: Sources, path: str) -> None:
    async with serving(sources) as (port, number):
        assert (await ask(number, path, cookie=await enter(port, number))).status == 404


@pytest.mark.trio
async def test_connections_are_capped_and_the_log_is_not_filled(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_module, "MAX_VIEWERS", 1)
    async with serving(sources) as (_, number):
        with capture_logs() as logged:
            async with await trio.open_tcp_stream("127.0.0.1", number):
                await trio.testing.wait_all_tasks_blocked()
                for _ in range(5):
                    assert (await raw(number, b"")).status == 0
        assert [each["event"] for each in logged] == ["too many connections for dashboard"]
        with trio.fail_after(HANG):
            while (await ask(number, "/static/page.css")).status != 200:
                await trio.sleep(0.01)


@pytest.mark.trio
async def test_a_fault_of_a_page_is_that_pages(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(sources) as (port, number):
        cookie = await enter(port, number)
        monkeypatch.setattr("peerd.dashboard.blame.page", lambda *given: 1 / 0)
        with capture_logs() as logged:
            assert (await ask(number, "/blame", cookie=cookie)).status == 500
        (line,) = logged
        assert (line["event"], line["path"]) == ("a page failed", "/blame")
        assert cookie.split("=")[1] not in str(logged)
        assert (await ask(number, "/", cookie=cookie)).status == 200


@pytest.mark.trio
async def test_no_secret_is_in_the_log_or_in_a_page(sources: Sources) -> None:
    with capture_logs() as logged:
        async with serving(sources) as (port, number):
            where = target(port)
            answered = await ask(number, where)
            cookie = answered.cookies[0].split(": ", 1)[1].split(";")[0]
            shown = await ask(number, "/", cookie=cookie)
    secrets = where.partition("token=")[2].encode(), cookie.partition("=")[2].encode()
    for each in secrets:
        assert len(each) == 43 and each not in shown.body
        assert each.decode() not in str(logged) and each.decode() not in repr(port)


@pytest.mark.trio
async def test_it_is_turned_to_another_address_and_off(sources: Sources) -> None:
    async with serving(sources) as (port, number):
        cookie = await enter(port, number)
        port.open(None)
        assert port.address() is None
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(OSError, match=r"connect|refused"):
            await ask(number, "/", cookie=cookie)
        port.open(f"127.0.0.1:{number}")
        assert (await ask(number, "/", cookie=cookie)).status == 200
        with pytest.raises(NetworkError, match=rf"dashboard\.listen 127\.0\.0\.1:{number} can't"):
            DashboardPort(sources).prepare(f"127.0.0.1:{number}")
