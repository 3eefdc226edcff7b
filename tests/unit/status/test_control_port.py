"""The TLS port: who has a certificate does what it is named for, and nobody else anything."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from structlog.testing import capture_logs

from peerd.config_control import ControlTlsConfig
from peerd.environment import REMOTE, REMOTE_CA, REMOTE_CERTIFICATE, REMOTE_KEY
from peerd.errors import ConfigError, NotAllowedError, NotRunningError
from peerd.status import StatusBoard, Views
from peerd.status import control_port as module
from peerd.status.client import CodeNeeded, StatusAnswerError, events, get, get_bytes, post
from peerd.status.codes import Codes
from peerd.status.control_port import MAX_HANDSHAKES, MAX_OF_ONE, ControlPort
from peerd.status.control_tls import credentials
from peerd.status.door import MAX_BODY, Door
from peerd.status.gate import Gate
from peerd.status.http import MAX_HEAD_BYTES
from peerd.status.remote import Remote, remote
from peerd.status.roles import Roles
from peerd.status.routes import JsonObject, Order
from peerd.trail import Actor, Factor, Head
from tests.certificates import DAY, Authority, fingerprint
from tests.patience import HANG

ROLES = Roles(viewers=("cert:vera",), operators=("cert:oleg@example.org",), officers=("cert:anna",))


class World:
    """A daemon's port, its authority and its trail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = Authority(folder)
        self.certificate, self.key = self.ca.server()
        self.crl: Path | None = None
        self.board = StatusBoard()
        self.port = ControlPort(self.board)
        self.gate = Gate(ROLES, self.noted)
        self.trail: list[tuple[str, Actor, dict[str, Any]]] = []
        self.done: list[str] = []

    async def noted(self, act: str, actor: Actor, **arguments: Any) -> Head:
        self.trail.append((act, actor, arguments))
        return Head(len(self.trail), "")

    def order(self, act: str, document: JsonObject) -> Order:
        async def carry_out() -> None:
            self.done.append(act)

        return Order({}, carry_out)

    @property
    def config(self) -> ControlTlsConfig:
        return ControlTlsConfig("127.0.0.1:0", self.certificate, self.key, self.ca.file, self.crl)

    def reload(self) -> None:
        """As ``peerd reload`` does it."""
        self.port.credentials = found = credentials(self.config)
        assert found is not None
        self.gate.revoked = found.revoked.has

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[World]:
        views = Views(
            list, lambda n: [], lambda n: None, transcript=lambda n: b"it", order=self.order
        )
        self.port.door = Door(self.board, views, self.gate)
        self.reload()
        with trio.fail_after(HANG):
            async with trio.open_nursery() as nursery:
                await nursery.start(self.port.run)
                self.port.open("127.0.0.1:0")
                yield self
                nursery.cancel_scope.cancel()

    def by(self, certificate: Path, key: Path, ca: Path | None = None) -> Remote:
        """A client of the command line's."""
        assert self.port.address is not None
        found = remote(
            {
                REMOTE: f"https://127.0.0.1:{self.port.address[1]}",
                REMOTE_CERTIFICATE: str(certificate),
                REMOTE_KEY: str(key),
                REMOTE_CA: str(ca or self.ca.file),
            }
        )
        assert found is not None
        return found

    def named(self, name: str, *mail: str, **more: Any) -> Remote:
        return self.by(*self.ca.client(name, *mail, **more))

    async def stream(self) -> trio.SocketStream:
        assert self.port.address is not None
        return await trio.open_tcp_stream(*self.port.address)


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        yield World(Path(name))


@pytest.mark.trio
async def test_a_certificate_does_what_it_is_named_for(world: World) -> None:
    async with world.serving():
        vera, oleg = world.named("vera"), world.named("somebody", "oleg@example.org")
        assert "boot" in await get(vera, "/v1/status")
        with pytest.raises(NotAllowedError, match="has the role viewer here") as refused:
            await post(vera, "/v1/orders/pause", {})
        assert "cert:anna" not in str(refused.value)  # who else has which role is nobody's business
        assert await post(oleg, "/v1/orders/pause", {}) == {"done": "pause"}
        assert await get_bytes(oleg, "/v1/rounds/3/transcript") == b"it"
        with pytest.raises(NotAllowedError, match="needs the role officer"):
            await post(oleg, "/v1/orders/abandon", {})
        assert await post(world.named("anna"), "/v1/orders/abandon", {}) == {"done": "abandon"}
    assert world.done == ["pause", "abandon"]
    acts = [act for act, _, _ in world.trail]
    assert acts == ["refuse", "pause", "export transcript", "refuse", "abandon"]
    _, actor, arguments = world.trail[1]
    assert actor == Actor(Factor.CERTIFICATE, None, "somebody", "operator")
    assert arguments == {"certificate": fingerprint(world.folder / "somebody.crt")}


@pytest.mark.trio
async def test_a_fingerprint_names_one_certificate_and_no_renewed_one(world: World) -> None:
    files = world.ca.client("eve")
    again = world.ca.client("eve", stem="again")
    world.gate.roles = Roles(viewers=(f"sha256:{fingerprint(files[0])}",))
    async with world.serving():
        assert "boot" in await get(world.by(*files), "/v1/status")
        with pytest.raises(NotAllowedError, match="no role"):
            await get(world.by(*again), "/v1/status")


@pytest.mark.trio
async def test_strangers_are_told_nothing(world: World) -> None:
    """Of another authority, over, for the use of servers, of nobody, or without TLS 1.3."""
    folder = world.folder / "other"
    folder.mkdir()
    other = Authority(folder)
    async with world.serving():
        for files in (
            other.client("anna"),
            world.ca.client("anna", stem="over", lasts=-timedelta(hours=1)),
            world.ca.client("anna", stem="server use", server=True),
        ):
            with pytest.raises(NotRunningError):
                await get(world.by(*files), "/v1/status")
        bare = ssl.create_default_context(cafile=world.ca.file)
        with pytest.raises(NotRunningError):
            await get(Remote("127.0.0.1", world.by(*files).port, bare), "/v1/status")
        old = world.named("anna").context
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(NotRunningError):
            await get(Remote("127.0.0.1", world.by(*files).port, old), "/v1/status")
        with pytest.raises(NotAllowedError, match="no role"):
            await get(world.named("nobody"), "/v1/status")
        assert "boot" in await get(world.named("vera"), "/v1/status")
    assert [act for act, _, _ in world.trail] == ["refuse"] and world.done == []


@pytest.mark.trio
async def test_a_client_asks_no_other_daemon(world: World) -> None:
    folder = world.folder / "other"
    folder.mkdir()
    async with world.serving():
        with pytest.raises(NotRunningError, match=r"can be asked at https://127\.0\.0\.1:"):
            await get(world.by(*world.ca.client("vera"), ca=Authority(folder).file), "/v1/status")


@pytest.mark.trio
async def test_a_code_is_needed_here_too(world: World) -> None:
    class Memory:
        def meta(self, key: str) -> bytes | None:
            return None

        def set_meta(self, key: str, value: bytes) -> None: ...

    world.gate.codes = Codes(Memory())
    async with world.serving():
        anna = world.named("anna")
        with pytest.raises(CodeNeeded):
            await post(anna, "/v1/orders/abandon", {})
        answer = await post(anna, "/v1/orders/enroll", {})
        assert "peerd%3Aanna" in str(answer["uri"])


# -- revoked ---------------------------------------------------------------------------------------


@pytest.mark.trio
async def test_what_is_revoked_counts_no_more_on_open_connections_too(world: World) -> None:
    files = world.ca.client("vera")
    world.crl = world.ca.revoke()
    async with world.serving():
        vera = world.by(*files)
        stream = trio.SSLStream(
            await world.stream(), vera.context, server_hostname="127.0.0.1", https_compatible=True
        )
        ask = b"GET /v1/status HTTP/1.1\r\nhost: x\r\n\r\n"
        await stream.send_all(ask)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")
        world.ca.revoke(files[0])
        world.reload()
        with pytest.raises(NotAllowedError, match="no role"):
            await get(vera, "/v1/status")
        await stream.send_all(ask)
        received = b""
        while b"403" not in received:
            received += (more := await stream.receive_some())
            assert more
        assert "boot" in await get(world.named("vera", stem="renewed"), "/v1/status")
        await trio.aclose_forcefully(stream)


@pytest.mark.trio
async def test_a_list_that_is_out_of_date_lets_nobody_in(world: World) -> None:
    world.crl = world.ca.revoke(holds=-DAY)
    async with world.serving():
        with pytest.raises(NotAllowedError):
            await get(world.named("vera"), "/v1/status")


def test_what_can_not_be_used_is_named(world: World) -> None:
    folder = world.folder / "other"
    folder.mkdir()
    world.crl = Authority(folder).revoke()
    with pytest.raises(ConfigError, match=r"crl .*: no authority of clients_ca has signed it"):
        credentials(world.config)
    world.crl = world.certificate
    with pytest.raises(ConfigError, match=r"crl .*: there is no list in it"):
        credentials(world.config)
    world.crl = None
    assert credentials(ControlTlsConfig()) is None
    world.key.chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        credentials(world.config)
    world.key.chmod(0o600)
    world.key.write_text("secret words")
    with pytest.raises(ConfigError, match=r"certificate .*, key .*: not acceptable") as error:
        credentials(world.config)
    assert "secret words" not in str(error.value)
    world.certificate, world.key = world.ca.server("again")
    world.ca.file.write_text("")
    with pytest.raises(ConfigError, match="clients_ca"):
        credentials(world.config)


@pytest.mark.parametrize(
    "text", ["http://a:1", "https://a", "https://:1", "https://a:1/x", "a:1", "https://a:99999"]
)
def test_what_names_no_port_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=REMOTE):
        remote({REMOTE: text, REMOTE_KEY: "k", REMOTE_CERTIFICATE: "c", REMOTE_CA: "a"})


def test_half_of_an_environment_is_none() -> None:
    assert remote({}) is None
    with pytest.raises(ConfigError, match=f"{REMOTE_KEY} is not"):
        remote({REMOTE: "https://a:1", REMOTE_CERTIFICATE: "c", REMOTE_CA: "a"})


# -- hostile clients -------------------------------------------------------------------------------


@pytest.mark.trio
async def test_who_never_ends_a_handshake_is_hung_up_on_and_holds_up_nobody_for_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 0.3)
    async with world.serving():
        silent = [await world.stream() for _ in range(MAX_HANDSHAKES + 8)]
        vera = world.named("vera")
        for each in silent:
            assert await each.receive_some() == b""
            await each.aclose()
        assert "boot" in await get(vera, "/v1/status")


@pytest.mark.trio
async def test_who_is_in_is_not_put_out_by_those_that_knock(world: World) -> None:
    async with world.serving():
        vera = world.named("vera")
        world.board.publish("round", round=1)
        heard = events(vera, since=0)
        assert (await heard.__anext__())["round"] == 1
        knocking = [await world.stream() for _ in range(MAX_HANDSHAKES)]
        await trio.testing.wait_all_tasks_blocked(0.01)
        world.board.publish("round", round=2)
        assert (await heard.__anext__())["round"] == 2
        await heard.aclose()
        for each in knocking:
            await each.aclose()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET /v1/status HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + bytes(1000),
        b"\x80" * 5000,
    ],
    ids=["nothing", "no TLS", "a long hello", "rubbish"],
)
@pytest.mark.trio
async def test_what_is_no_handshake_ends_the_connection_alone(
    world: World, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_SECONDS", 0.3)
    async with world.serving():
        with capture_logs() as logged:
            async with await world.stream() as stream:
                if data:
                    await stream.send_all(data)
                try:
                    while await stream.receive_some():
                        pass
                except trio.BrokenResourceError:
                    pass
        assert "boot" in await get(world.named("vera"), "/v1/status")
    assert [line for line in logged if line["log_level"] not in ("debug", "info")] == []
    assert world.trail == []


@pytest.mark.trio
async def test_heads_and_bodies_are_bounded_as_on_the_socket(world: World) -> None:
    async with world.serving():
        vera = world.named("vera")
        with pytest.raises((StatusAnswerError, NotRunningError)):
            await get(vera, "/v1/status?" + "x" * MAX_HEAD_BYTES * 2)
        with pytest.raises((StatusAnswerError, NotRunningError)):
            await post(vera, "/v1/orders/pause", {"x": "x" * 2 * MAX_BODY})
        assert "boot" in await get(vera, "/v1/status")
    assert world.done == []


@pytest.mark.trio
async def test_one_certificate_takes_no_connections_from_the_others(world: World) -> None:
    async with world.serving():
        vera, anna = world.named("vera"), world.named("anna")
        held = []
        for _ in range(MAX_OF_ONE):
            stream = trio.SSLStream(await world.stream(), vera.context, server_hostname="127.0.0.1")
            await stream.do_handshake()
            held.append(stream)
        await trio.testing.wait_all_tasks_blocked(0.01)
        with pytest.raises(NotRunningError):
            await get(vera, "/v1/status")
        assert "boot" in await get(anna, "/v1/status")
        for stream in held:
            await trio.aclose_forcefully(stream)
