"""From cards to a running group by ``peerd init``, ``group new`` and ``up`` alone."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerd.group import load
from peerd.laboratory.swarm.layout import _free_ports
from tests.local.sites import Site, run, until

pytestmark = pytest.mark.swarm

PEERS = 4


@pytest.fixture
def folder() -> Iterator[Path]:
    """Paths of sockets must be short."""
    directory = Path(tempfile.mkdtemp(prefix="peerd-"))
    yield directory
    shutil.rmtree(directory)


def made(folder: Path) -> list[Site]:
    """Their keys, configurations and cards."""
    sites = []
    for number, port in enumerate(_free_ports(PEERS)):
        home = folder / f"site-{number}"
        listen = f"/ip4/127.0.0.1/tcp/{port}"
        words = ["--name", f"Site {number}", "--listen", listen, "--partition", f"{number}/{PEERS}"]
        told = json.loads(run("init", str(home), *words, "--json"))
        assert told["address"] == listen
        assert (home / "card.txt").read_text().strip().endswith(f"Site {number}  {listen}")
        sites.append(Site(home / "peerd.toml", home / "genesis.json"))
    return sites


def test_cards_one_file_and_one_command_a_site_make_a_group(folder: Path) -> None:
    sites = made(folder)
    cards = [str(site.config.parent / "card.txt") for site in sites]
    genesis = folder / "genesis.json"
    words = ["--name", "four", "--task", "digits", "--adversary", "0.25"]
    run("group", "new", "--members", *cards, *words, "--out", str(genesis))
    up = ("-m", "peerd", "up", str(genesis), "--yes", "--unmeasured")
    try:
        for site in sites[:-1]:
            site.start(*up)
        *_, last = sites
        until(
            "three have signed, and the fourth is awaited",
            lambda: all(
                [each["name"] for each in site.ask().get("waiting", ())] == ["Site 3", "Site 3"]
                for site in sites[:-1]
            ),
            sites,
        )
        status = sites[0].ask()
        assert (status["state"], status["phase"]) == ("founding", "3 of 4 have signed")
        assert {each["phase"] for each in status["waiting"]} == {"signature", "not connected"}
        assert len(sites[0].ask("/v1/peers")["peers"]) == PEERS
        assert sites[2].stop() == 0  # its two signatures are kept
        assert len(load(sites[2].genesis).signatures) == 3
        sites[2].start("-m", "peerd", "up")

        last.start(*up)
        until("two rounds", lambda: all(site.head() >= 1 for site in sites), sites)
        for site in sites:
            load(site.genesis).verify()
        assert len({site.ask(f"/v1/rounds/{0}")["model_hash"] for site in sites}) == 1
        assert sites[1].stop() == 0
        sites[1].start()  # 'peerd run' will do from now on
        until("and again", lambda: sites[1].head() >= 3, sites)
    finally:
        for site in sites:
            site.kill()
