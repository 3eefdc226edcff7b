"""How an operator is told who can reach whom: a line of the doctor, a column of ``peerd peers``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from peerd.cli import peers
from peerd.cli.doctor import _reach
from peerd.config import Config
from peerd.identity import Identity
from peerd.transport.links import Reach

PEER = Identity(bytes(32)).peer_id


def config(tmp_path: Path, *lines: str) -> Config:
    file = tmp_path / "peerd.toml"
    needed = ['data = "data"', 'key = "peer.key"', 'genesis = "genesis.json"']
    file.write_text("\n".join([*needed, *lines]))
    return Config.load(file)


@pytest.mark.parametrize(
    ("lines", "level", "says"),
    [
        (['listen = "/ip4/192.0.2.7/tcp/4001"'], "ok", "at /ip4/192.0.2.7/tcp/4001"),
        (['announce = ["/dns4/site.example/tcp/9"]'], "ok", "at /dns4/site.example/tcp/9"),
        (["announce = []"], "ok", "only by its own dialling, as 'announce = []' says"),
        (
            ["announce = []", f'relays = ["/ip4/192.0.2.1/tcp/4001/p2p/{PEER}"]'],
            "ok",
            f"at /p2p/{PEER}/p2p-circuit",
        ),
        ([], "warning", "set 'announce' or 'relays'"),
    ],
    ids=["address", "name", "dials", "relay", "no-address"],
)
def test_the_doctor_says_where_a_peer_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], level: str, says: str
) -> None:
    monkeypatch.setattr("peerd.discovery.own_addresses.interface_addresses", list)
    monkeypatch.setattr("peerd.discovery.own_addresses.default_route_address", lambda family: None)
    (check,) = _reach(config(tmp_path, *lines))
    assert (check.check, check.level) == ("reach", level)
    assert says in check.message


def test_each_way_to_a_peer_has_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: dict[str, Any] = {
        "peers": [{"peer": PEER, "connected": True, "reach": str(way)} for way in Reach]
        + [{"peer": PEER, "connected": False, "reach": None}]
    }
    monkeypatch.setattr(peers, "ask", lambda args, url: shown)
    args: Any = type("Args", (), {"json": False})
    assert peers.main(args) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(Reach) + 2
    assert peers.REACH.keys() == set(Reach)
    for way, line in zip(Reach, lines[1:], strict=False):
        assert line.rstrip().endswith(peers.REACH[way])
    assert lines[-1].rstrip().endswith("-")


def test_published_addresses_are_listed_as_people_write_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    published = (["/ip4/192.0.2.1/tcp/4001", "/dns4/site.example/tcp/4001"], [])
    shown: Any = {
        "peers": [{"peer": PEER, "connected": True, "published": each} for each in published]
    }
    monkeypatch.setattr(peers, "ask", lambda args, url: shown)
    assert peers.main(argparse.Namespace(json=False)) == 0
    _, some, none = capsys.readouterr().out.splitlines()
    assert some.endswith("  /ip4/192.0.2.1/tcp/4001, /dns4/site.example/tcp/4001")
    assert none.endswith("  -")
