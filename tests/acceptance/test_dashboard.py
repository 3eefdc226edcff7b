"""The page in Chromium, of a real group: a liar, a stall, a restart; for every reader and width."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from peerd.laboratory.swarm.process import LYING_DAEMON
from tests.browser import barriers, chromium, width_of
from tests.local.sites import Site, founded, run, until
from tests.patience import HANG

pytestmark = [pytest.mark.acceptance, pytest.mark.swarm]

PAGES = ("/", "/rounds", "/rounds/1", "/blame", "/chain", "/schema")
LIAR = 3
MOST = 1000 * HANG


@pytest.fixture(scope="module")
def sites() -> Iterator[list[Site]]:
    """Four daemons, the last of which deals wrong shares; two rounds are over."""
    place = tempfile.TemporaryDirectory(prefix="peerd-page-", dir="/tmp")
    with place as name, founded(Path(name), 4) as made:
        group = made[:4]
        for site in group[:LIAR]:
            site.start()
        group[LIAR].start("-m", LYING_DAEMON, "--attack", "bad-share")
        until("two rounds", lambda: group[0].head() >= 1, group)
        yield group


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


class Reader:
    """Somebody in front of the page; ``said``: what the browser complains of."""

    def __init__(self, browser: Any, site: Site, **how: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **how})
        self.page = self.context.new_page()
        self.page.set_default_timeout(MOST)
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.enter(site)

    def enter(self, site: Site) -> None:
        self.address = run("dashboard", "--config", str(site.config)).strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter\?token=[\w-]{43}", self.address)
        self.page.goto(self.address)
        self.base = self.address.partition("/enter")[0]
        assert self.page.url == f"{self.base}/"

    def open(self, path: str) -> None:
        assert self.page.goto(self.base + path).ok

    def until(self, condition: str, given: object = None) -> None:
        self.page.wait_for_function(condition, arg=given, timeout=MOST)

    def reads(self, where: str, text: str) -> None:
        """Until it is there, without loading anything anew."""
        self.until(
            "([where, text]) => document.querySelector(where)?.textContent.includes(text)",
            [where, text],
        )


@pytest.fixture
def reader(browser: Any, sites: list[Site]) -> Iterator[Reader]:
    found = Reader(browser, sites[0])
    yield found
    found.context.close()


def named(site: Site) -> str:
    return str(site.ask()["name"])


def test_the_liar_is_named_with_its_evidence(reader: Reader) -> None:
    reader.reads("#members", "blamed, with evidence (1)")
    reader.open("/blame")
    text = reader.page.inner_text("main")
    for said in ("peer 3", "dealt shares that fail its own proof", "verified here", "complaint"):
        assert said in text
    reader.page.click("text=round 0")
    text = reader.page.inner_text("main")
    assert "Seed" in text and re.search(r"\b[0-9a-f]{64}\b", text) and "peer 3" in text
    assert reader.said == []


def test_rounds_pass_and_charts_are_drawn_while_one_looks_on(
    reader: Reader, sites: list[Site]
) -> None:
    reader.until("() => document.querySelectorAll('canvas').length === 3")
    shown = int(reader.page.get_attribute("#rounds [data-head]", "data-head"))
    reader.until(
        "(shown) => document.querySelector('#rounds [data-head]').dataset.head > shown", shown
    )
    reader.until(
        "(shown) => /to (\\d+)/.exec(document.querySelector('#chart-loss').ariaLabel)?.[1] > shown",
        shown,
    )
    reader.until("() => document.querySelectorAll('#now .steps li').length === 5")
    assert reader.said == []


def test_the_chain_is_verified_here(reader: Reader) -> None:
    reader.open("/chain")
    reader.page.click("text=Verify here")
    reader.reads("#verdict", "VERIFIED: ")
    assert "from the genesis on" in reader.page.inner_text("#verdict")
    assert reader.page.url.endswith("/chain") and reader.said == []


def test_a_stalled_member_is_awaited_by_name(reader: Reader, sites: list[Site]) -> None:
    """Without it and the guilty one the others have no quorum."""
    stalled = sites[2]
    name = named(stalled)
    os.kill(stalled.ask()["pid"], signal.SIGSTOP)
    try:
        reader.reads("#awaited", name)
        assert stalled.process is not None
    finally:
        assert stalled.process is not None
        os.kill(stalled.process.pid, signal.SIGCONT)
    head = sites[0].head()
    until("rounds go on", lambda: sites[0].head() > head + 1, sites)
    reader.until("(name) => !document.querySelector('#awaited').textContent.includes(name)", name)
    assert reader.said == []


def test_a_restart_is_seen_and_asks_for_a_new_address(reader: Reader, sites: list[Site]) -> None:
    other, mine = sites[1], sites[0]
    name = named(other)
    other.kill()
    reader.reads("#now", f"not connected: {name}")
    other.start()
    reader.until(
        "(name) => !document.querySelector('#now').textContent.includes(`not connected: ${name}`)",
        name,
    )
    mine.kill()
    reader.page.wait_for_selector("#silent:visible")
    mine.start()
    until("it answers", lambda: mine.ask().get("state") is not None, sites)
    reader.enter(mine)
    reader.reads("#members", "4 members")


def test_who_has_not_entered_sees_nothing(browser: Any, reader: Reader) -> None:
    context = browser.new_context()
    stranger = context.new_page()
    for where in (reader.base, reader.address, f"{reader.base}/blame"):
        assert stranger.goto(where).status == 403
        assert "peerd dashboard" in stranger.inner_text("main")
    context.close()


def test_it_rests_while_nobody_looks(reader: Reader) -> None:
    asked: list[str] = []
    reader.page.on("request", lambda request: asked.append(request.url))
    reader.until("() => document.querySelector('#now h2')")
    hidden = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true})"
    reader.page.evaluate(hidden % "true")
    asked.clear()
    reader.page.wait_for_timeout(4000)  # in which it would ask four times
    assert asked == []
    with reader.page.expect_request(lambda request: "/part/now" in request.url, timeout=MOST):
        reader.page.evaluate(hidden % "false")


def test_by_keyboard_alone(reader: Reader) -> None:
    keyboard = reader.page.keyboard
    keyboard.press("Tab")
    assert reader.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for name in ("Overview", "Rounds", "Blame"):
        keyboard.press("Tab")
        assert reader.page.evaluate("document.activeElement.textContent") == name
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert reader.page.evaluate(outline) == "solid"
    with reader.page.expect_navigation():
        keyboard.press("Enter")
    assert reader.page.url.endswith("/blame")


def test_it_is_read_without_scripts_and_without_motion(browser: Any, sites: list[Site]) -> None:
    still = Reader(browser, sites[0], java_script_enabled=False, reduced_motion="reduce")
    for path in PAGES:
        still.open(path)
        assert still.page.inner_text("h1")
    still.open("/chain")
    still.page.click("text=Verify here")
    assert still.page.url.endswith("/chain/verify")
    still.context.close()
    moving = Reader(browser, sites[0], reduced_motion="reduce")
    assert moving.page.evaluate("[...document.getAnimations()].length") == 0
    moving.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_for_every_reader(browser: Any, sites: list[Site], scheme: str, width: int) -> None:
    """axe-core finds nothing, and nothing has to be scrolled sideways, on any page."""
    size = {"width": width, "height": 800}
    reader = Reader(browser, sites[0], color_scheme=scheme, viewport=size)
    for path in PAGES:
        reader.open(path)
        if path == "/":
            reader.until("() => document.querySelectorAll('canvas').length === 3")
        assert barriers(reader.page) == [], (path, scheme, width)
        assert width_of(reader.page) <= width, path
    assert reader.said == []
    reader.context.close()
