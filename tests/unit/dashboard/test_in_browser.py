"""The page in Chromium, without a daemon behind it: every page, on a phone and on a desk.

Of a real group with a liar, a stall and a restart: tests/acceptance/test_dashboard.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from page_world import VERSION, World, world
from test_dashboard_port import serving

from peerd.identity import peer_id_of
from tests.browser import barriers, chromium, width_of

PAGES = ("/", "/rounds", "/rounds/0", "/blame", "/chain", "/schema")
LOOKS = (("dark", 360), ("light", 1280))
MOST = 120_000.0  # milliseconds, on a machine that does much else


@pytest.mark.parametrize("members", [4, 100])
def test_every_page_is_for_everybody(tmp_path: Path, members: int) -> None:
    """axe-core finds nothing, nothing is wider than a phone, nothing is asked of anybody else."""
    with world(tmp_path) as there:
        there.peers += [_another(there, number) for number in range(members - len(there.peers))]
        trio.run(_serve_and_look, there)


async def _serve_and_look(there: World) -> None:
    async with serving(there.sources) as (port, _):
        addresses = [port.address() for _ in LOOKS]  # each lets in once
        await trio.to_thread.run_sync(_look_at_all, addresses)


def _look_at_all(addresses: list[str]) -> None:
    """In one thread, to which playwright's browser belongs."""
    with chromium() as browser:
        for address, (scheme, width) in zip(addresses, LOOKS, strict=True):
            _look(browser, address, scheme, width)


def _look(browser: Any, address: str, scheme: str, width: int) -> None:
    size = {"width": width, "height": 800}
    context = browser.new_context(color_scheme=scheme, viewport=size)
    page = context.new_page()
    page.set_default_timeout(MOST)
    said: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.add(request.url.split("/")[2]))
    page.goto(address)
    base = address.partition("/enter")[0]
    for path in PAGES:
        assert page.goto(base + path).ok
        assert barriers(page) == [], (path, scheme, width)
        assert width_of(page) <= width, (path, scheme)
    assert said == [] and asked == {base.split("/")[2]}
    context.close()


def _another(there: World, number: int) -> dict[str, Any]:
    own = {
        "peer": peer_id_of(number.to_bytes(32, "big")),
        "name": f"Krankenhaus Nummer {number}",
        "self": False,
    }
    return {**there.peers[1], **own, "version": VERSION}
