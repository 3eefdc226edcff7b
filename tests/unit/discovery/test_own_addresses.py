"""What a peer that listens on a wildcard publishes."""

from __future__ import annotations

import pytest

from peerd.discovery import interfaces
from peerd.discovery.interfaces import InterfaceAddress, interface_addresses
from peerd.discovery.own_addresses import own_hosts, published, reachable

LAN = InterfaceAddress("10.1.1.1")
SECOND = InterfaceAddress("10.2.2.2")
DOCKER = InterfaceAddress("172.17.0.1", bridge=True)
LOOPBACK = InterfaceAddress("127.0.0.1")
ZEROCONF = InterfaceAddress("169.254.3.4")
LAN6 = InterfaceAddress("fd00::5")
PRIVACY6 = InterfaceAddress("fd00::77ab", temporary=True)
LINK6 = InterfaceAddress("fe80::1")
LOOPBACK6 = InterfaceAddress("::1")


def machine(
    monkeypatch: pytest.MonkeyPatch, *found: InterfaceAddress, route: str | None = None
) -> None:
    """One with these addresses; ``route``: the one of them that leads outside."""

    def routed(family: str) -> str | None:
        return route if route and (":" in route) == (family == "ip6") else None

    monkeypatch.setattr("peerd.discovery.own_addresses.interface_addresses", lambda: list(found))
    monkeypatch.setattr("peerd.discovery.own_addresses.default_route_address", routed)


@pytest.mark.parametrize(
    ("found", "route", "hosts"),
    [
        ([LOOPBACK, LAN], "10.1.1.1", ["10.1.1.1"]),
        ([LOOPBACK, LAN], None, ["10.1.1.1"]),
        ([LOOPBACK, LAN, SECOND], None, ["10.1.1.1", "10.2.2.2"]),
        ([LOOPBACK, LAN, SECOND], "10.2.2.2", ["10.2.2.2", "10.1.1.1"]),
        ([LOOPBACK, DOCKER, LAN], None, ["10.1.1.1"]),
        ([LOOPBACK, DOCKER], None, ["172.17.0.1"]),
        ([LOOPBACK, DOCKER, LAN], "172.17.0.1", ["172.17.0.1", "10.1.1.1"]),
        ([LOOPBACK, ZEROCONF, LAN], None, ["10.1.1.1"]),
        ([LOOPBACK, ZEROCONF], None, ["169.254.3.4"]),
        ([LOOPBACK, LAN6], None, []),
        ([LOOPBACK], None, []),
        ([LOOPBACK, LAN], "10.9.9.9", ["10.1.1.1"]),
        ([], "10.9.9.9", ["10.9.9.9"]),
    ],
    ids=[
        "routed",
        "isolated",
        "two",
        "two-routed",
        "docker",
        "docker-alone",
        "bridge-routed",
        "zeroconf",
        "zeroconf-alone",
        "other-family",
        "loopback",
        "route-gone",
        "not-linux",
    ],
)
def test_a_wildcard_of_ip4(
    monkeypatch: pytest.MonkeyPatch,
    found: list[InterfaceAddress],
    route: str | None,
    hosts: list[str],
) -> None:
    machine(monkeypatch, *found, route=route)
    assert own_hosts("ip4") == hosts


@pytest.mark.parametrize(
    ("found", "route", "hosts"),
    [
        ([LAN, LOOPBACK6, LINK6, LAN6], None, ["fd00::5"]),
        ([LOOPBACK6, LINK6], None, []),
        ([LINK6, LAN6, PRIVACY6], None, ["fd00::5"]),
        ([LINK6, PRIVACY6], None, ["fd00::77ab"]),
    ],
    ids=["isolated", "link-local", "temporary", "temporary-alone"],
)
def test_a_wildcard_of_ip6(
    monkeypatch: pytest.MonkeyPatch,
    found: list[InterfaceAddress],
    route: str | None,
    hosts: list[str],
) -> None:
    machine(monkeypatch, *found, route=route)
    assert own_hosts("ip6") == hosts


def test_each_address_that_is_listened_on_stands_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine(monkeypatch, LOOPBACK, LAN, SECOND, LINK6)
    listening = ["/ip4/0.0.0.0/tcp/1", "/ip6/::/tcp/1", "/ip4/127.0.0.1/tcp/2"]
    assert reachable(listening) == (
        "/ip4/10.1.1.1/tcp/1",
        "/ip4/10.2.2.2/tcp/1",
        "/ip4/127.0.0.1/tcp/2",
    )


def test_circuits_have_their_place_in_a_full_record() -> None:
    many = [f"/ip4/192.0.2.{number}/tcp/1" for number in range(9)]
    assert published([], many, ["/p2p/X/p2p-circuit"]) == (*many[:7], "/p2p/X/p2p-circuit")
    assert published(["/ip4/192.0.2.1/tcp/1"], [], ["/p2p/X/p2p-circuit"]) == (
        "/p2p/X/p2p-circuit",
    )
    assert published(["/ip4/192.0.2.1/tcp/1"], [], []) == ()


def test_this_machine_says_where_it_is() -> None:
    """The kernel's own answer: whatever else there is, it has a loopback."""
    assert {"127.0.0.1"} <= {each.host for each in interface_addresses()}


@pytest.mark.parametrize("answer", [b"", b"\x00" * 40, b"\x03" * 99, b"\x14\x00\x00\x00" * 9])
def test_an_answer_that_is_none_names_nothing(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    monkeypatch.setattr(interfaces, "_dump", lambda: answer)
    assert interface_addresses() == []


def test_a_kernel_that_refuses_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> bytes:
        raise PermissionError

    monkeypatch.setattr(interfaces, "_dump", refused)
    assert interface_addresses() == []
