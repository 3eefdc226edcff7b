"""Names in addresses, by the machine's resolver; and what an operator reads of a bad bootstrap."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from libp2p.peer.id import ID
from multiaddr import Multiaddr
from structlog.testing import capture_logs

from peerd.discovery import AddressBook, Discovery
from peerd.discovery.bootstraps import Bootstraps
from peerd.identity import Identity, with_checksum
from peerd.transport import Limits, Transport
from peerd.transport.names import libp2p_id
from peerd.transport.repairs.causes import cause_of
from peerd.transport.repairs.resolver import Resolver
from tests.patience import HANG

GROUP = hashlib.sha256(b"the group of the bootstrap tests").digest()
LIMITS = Limits(backoff_first=0.02, backoff_last=0.05, passive_wait=0.02)
DEAD = "127.0.0.9"  # loopback, where nobody listens


def identity(number: int) -> Identity:
    return Identity(hashlib.sha256(b"bootstrap %d" % number).digest())


ME, YOU, OTHER = (identity(number) for number in range(3))
ROSTER = sorted(one.public for one in (ME, YOU, OTHER))


class Hosts(trio.abc.HostnameResolver):
    """The machine's resolver, with a hosts file of its own; trio asks it in the system's place."""

    def __init__(self, **hosts: Sequence[str]) -> None:
        self._hosts = {name.replace("__", "."): found for name, found in hosts.items()}

    async def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        await trio.lowlevel.checkpoint()
        if name == "slow":
            await trio.sleep_forever()
        if name == "deaf":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        answers = []
        for address in self._hosts.get(name, ()):
            kind = socket.AF_INET6 if ":" in address else socket.AF_INET
            if family in (socket.AF_UNSPEC, kind):
                where = (address, port or 0) + ((0, 0) if ":" in address else ())
                answers.append((kind, type, 6, "", where))
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return answers

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise NotImplementedError


@contextmanager
def hosts(**names: Sequence[str]) -> Any:
    before = trio.socket.set_custom_hostname_resolver(Hosts(**names))
    try:
        yield
    finally:
        trio.socket.set_custom_hostname_resolver(before)


@asynccontextmanager
async def member(
    who: Identity, roster: Sequence[bytes], directory: Path, bootstrap: Sequence[str] = ()
) -> AsyncIterator[Transport]:
    book = AddressBook(directory / f"{who.peer_id}.json", roster, GROUP)
    transport = Transport(who, GROUP, roster, "/ip4/127.0.0.1/tcp/0", book, LIMITS)
    async with trio.open_nursery() as nursery:
        await nursery.start(transport.run)
        nursery.start_soon(Discovery(transport, who, book, bootstrap).run)
        yield transport
        nursery.cancel_scope.cancel()


def port_of(transport: Transport) -> str:
    return transport.listen_addresses()[0].rpartition("/")[2]


async def eventually(condition: Any) -> None:
    with trio.fail_after(HANG):
        while not condition():
            await trio.sleep(0.01)


def warnings(logs: Sequence[Any]) -> list[Any]:
    return [line for line in logs if line["event"] == "a bootstrap does not lead to its peer"]


# --- names -------------------------------------------------------------------------------------

V4, V6 = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1",)


@pytest.mark.trio
@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("/dns/site/tcp/1", [f"/ip4/{V4[0]}/tcp/1", f"/ip4/{V4[1]}/tcp/1", f"/ip6/{V6[0]}/tcp/1"]),
        ("/dns4/site/tcp/1", [f"/ip4/{V4[0]}/tcp/1", f"/ip4/{V4[1]}/tcp/1"]),
        ("/dns6/site/tcp/1", [f"/ip6/{V6[0]}/tcp/1"]),
        ("/dns/printer.local/tcp/2", ["/ip4/192.0.2.9/tcp/2"]),
        ("/ip4/192.0.2.7/tcp/3", ["/ip4/192.0.2.7/tcp/3"]),
        ("/ip6/2001:db8::7/tcp/3", ["/ip6/2001:db8::7/tcp/3"]),
    ],
)
async def test_a_name_stands_for_what_the_machine_s_resolver_says(
    address: str, found: list[str]
) -> None:
    with hosts(site=(*V4, *V6, V4[0]), printer__local=("fe80::1%eth0", "192.0.2.9")):
        places = await Resolver(8, HANG).resolve(Multiaddr(address))
    assert [str(place) for place in places] == found


@pytest.mark.trio
async def test_the_machine_s_own_hosts_file_is_asked() -> None:
    places = await Resolver(8, HANG).resolve(Multiaddr("/dns4/localhost/tcp/5"))
    assert "/ip4/127.0.0.1/tcp/5" in [str(place) for place in places]


@pytest.mark.trio
async def test_a_name_with_a_thousand_addresses_costs_no_thousand_dials() -> None:
    with hosts(many=[f"192.0.2.{number}" for number in range(200)]):
        assert len(await Resolver(3, HANG).resolve(Multiaddr("/dns/many/tcp/1"))) == 3


@pytest.mark.trio
@pytest.mark.parametrize("host", ["nowhere", "deaf", "slow", "linklocal"])
async def test_a_name_that_leads_nowhere_is_an_error_of_its_own(
    host: str, autojump_clock: trio.testing.MockClock
) -> None:
    with hosts(linklocal=["fe80::1%eth0"]), pytest.raises(socket.gaierror):
        await Resolver(8, 5.0).resolve(Multiaddr(f"/dns/{host}/tcp/1"))


@pytest.mark.trio
@pytest.mark.parametrize("addresses", [["127.0.0.1"], [DEAD, "127.0.0.1"], ["::1", "127.0.0.1"]])
@pytest.mark.parametrize("kind", ["dns", "dns4"])
async def test_a_bootstrap_by_name_is_reached_at_any_of_its_addresses(
    tmp_path: Path, kind: str, addresses: list[str]
) -> None:
    with hosts(site=addresses):
        async with member(YOU, ROSTER, tmp_path) as there:
            given = f"/{kind}/site/tcp/{port_of(there)}/p2p/{YOU.peer_id}"
            async with member(ME, ROSTER, tmp_path, [given]) as here:
                await eventually(lambda: YOU.public in here.connected())


@pytest.mark.trio
async def test_behind_a_name_another_peer_at_one_address_hides_nobody_at_the_next(
    tmp_path: Path,
) -> None:
    async with member(OTHER, ROSTER, tmp_path) as other:
        port = port_of(other)
        book = AddressBook(tmp_path / "you.json", ROSTER, GROUP)
        there = Transport(YOU, GROUP, ROSTER, f"/ip4/127.0.0.2/tcp/{port}", book, LIMITS)
        async with trio.open_nursery() as nursery:
            await nursery.start(there.run)
            with hosts(site=["127.0.0.1", "127.0.0.2"]):
                given = f"/dns4/site/tcp/{port}/p2p/{YOU.peer_id}"
                async with member(ME, ROSTER, tmp_path, [given]) as here:
                    await eventually(lambda: YOU.public in here.connected())
            nursery.cancel_scope.cancel()


# --- what an operator reads --------------------------------------------------------------------


async def warned(directory: Path, address: str) -> Any:
    """The one warning of a member whose bootstrap is ``address``, after several dials."""
    given = f"{address}/p2p/{YOU.peer_id}"
    with capture_logs() as logs:
        async with member(ME, ROSTER, directory, [given]) as here:
            dials = 0

            def count(peer: bytes, causes: Any) -> None:
                nonlocal dials
                dials += address in causes

            here.on_failed_dial(count)
            await eventually(lambda: dials >= 3)
    (line,) = warnings(logs)
    assert line["log_level"] == "warning"
    assert line["address"] == given
    return line["cause"]


@pytest.mark.trio
@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/dns/nowhere/tcp/9", "knows no such name"),
        ("/dns4/nowhere.example/tcp/9", "check its spelling, /etc/hosts"),
        ("/dns/deaf/tcp/9", "no name server answers"),
        (f"/ip4/{DEAD}/tcp/9", "refused: nobody listens"),
        ("/dns/dead/tcp/9", "does its daemon run"),
    ],
)
async def test_a_bootstrap_that_fails_is_told_once_with_its_cause(
    tmp_path: Path, address: str, words: str
) -> None:
    with hosts(dead=[DEAD]):
        assert words in await warned(tmp_path, address)


@pytest.mark.trio
async def test_who_else_answers_is_named(tmp_path: Path) -> None:
    async with member(OTHER, [OTHER.public, ME.public], tmp_path) as other:
        cause = await warned(tmp_path, f"/ip4/127.0.0.1/tcp/{port_of(other)}")
    assert f"another peer answers there, {with_checksum(OTHER.peer_id)};" in cause


@pytest.mark.trio
async def test_a_peer_of_another_group_and_a_server_of_another_kind_break_off(
    tmp_path: Path,
) -> None:
    async with member(YOU, [YOU.public, OTHER.public], tmp_path) as you:
        cause = await warned(tmp_path, f"/ip4/127.0.0.1/tcp/{port_of(you)}")
    assert "breaks off" in cause and "genesis" in cause

    async def shout(stream: trio.SocketStream) -> None:
        await stream.send_all(b"SSH-2.0-OpenSSH_9.2\r\n")
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, shout, [listener])
        port = listener.socket.getsockname()[1]
        assert "breaks off" in await warned(tmp_path, f"/ip4/127.0.0.1/tcp/{port}")
        nursery.cancel_scope.cancel()


PLACE = "/dns/site/tcp/1"


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        (["a", "a", "a"], ["a"]),
        (["a", "b", "b", "a"], ["a", "b", "a"]),
        (["a", None, "a"], ["a", "a"]),  # None: it was connected in between
        ([None], []),
    ],
)
def test_a_change_of_cause_is_told_and_a_failure_after_success(
    said: list[str | None], lines: list[str]
) -> None:
    known = Bootstraps()
    known.add(YOU.public, PLACE)
    with capture_logs() as logs:
        for cause in said:
            if cause is None:
                known.connected(YOU.public)
            else:
                known.failed(YOU.public, {PLACE: cause, "/ip4/192.0.2.1/tcp/1": cause})
                known.failed(OTHER.public, {PLACE: cause})  # told by others: nobody's mistake
    assert [line["cause"] for line in warnings(logs)] == lines


def chained(*errors: BaseException) -> BaseException:
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (trio.TooSlowError(), "timed out"),
        (chained(OSError("all"), ExceptionGroup("x", [TimeoutError(110, "x")])), "timed out"),
        (chained(OSError("all"), ExceptionGroup("x", [OSError(113, "x")])), "no way there"),
        (OSError(101, "Network is unreachable"), "no way there"),
        (ExceptionGroup("x", [OSError(101, "x"), ConnectionRefusedError(111, "x")]), "refused"),
        (UnicodeError("label too long"), "knows no such name"),
        (KeyError("whatever"), "KeyError"),
    ],
)
def test_a_cause_is_in_words(error: BaseException, words: str) -> None:
    assert words in cause_of(error)


def test_the_address_that_is_told_can_be_copied_into_the_configuration() -> None:
    known = Bootstraps()
    known.add(YOU.public, PLACE)
    with capture_logs() as logs:
        known.failed(YOU.public, {PLACE: "x"})
    peer = logs[0]["address"].rpartition("/p2p/")[2]
    assert ID.from_base58(peer) == libp2p_id(YOU.public)
