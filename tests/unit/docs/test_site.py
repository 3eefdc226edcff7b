"""The documents as a site (make docs): complete, without a dead link, and all from one place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser import chromium, width_of
from tests.patience import HANG

ROOT = Path(__file__).parents[3]
CONFIGURATION = ROOT / "zensical.toml"
PACKAGES = ("peerd", "protocols")
PHONE = 360

pytestmark = pytest.mark.skipif(
    find_spec("zensical") is None or find_spec("mkdocstrings") is None,
    reason="the extra docs is not installed: pip install '.[docs]'",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built elsewhere, so that `make docs` may run beside it."""
    place = tmp_path_factory.mktemp("docs")
    shutil.copy(CONFIGURATION, place)  # a link would lead the builder home
    shutil.copytree(ROOT / "docs", place / "docs")
    for name in PACKAGES:
        (place / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=place,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "site"


class Page(HTMLParser):
    """What a page links to, what a browser fetches for it, and what can be linked to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors = {""}
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found.get("id", ""), found.get("name", "")}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and found.get("rel") not in ("canonical", "prev", "next"):
            self.fetched.append(found["href"])
        self.fetched += [found[name] for name in ("src", "poster", "data") if name in found]


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    found = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    assert len(found) > 30
    return found


def names(nav: Any) -> Iterator[str]:
    """The files that a navigation names."""
    for each in nav if isinstance(nav, list) else nav.values():
        yield from [each] if isinstance(each, str) else names(each)


def test_every_document_is_a_page_of_the_navigation() -> None:
    nav = tomllib.loads(CONFIGURATION.read_text())["project"]["nav"]
    there = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    reports = {name for name in there if name.startswith("upstream/0") or "upstream/1" in name}
    assert sorted(names(nav)) == sorted(there - reports)


def test_every_link_leads_to_what_is_there(pages: dict[Path, Page]) -> None:
    dead = []
    for path, page in pages.items():
        for link in {*page.links, *page.fetched}:
            there = urlsplit(link)
            if there.scheme or path.name == "404.html":  # which is served at any address
                continue
            target = (path.parent / unquote(there.path)).resolve() if there.path else path
            anchor = unquote(there.fragment)
            if not target.is_file() or (
                anchor and target in pages and anchor not in pages[target].anchors
            ):
                dead.append(f"{path.name}: {link}")
    assert not dead


def test_no_page_names_another_host_to_fetch_from(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert page.fetched, path
        assert not [each for each in page.fetched if urlsplit(each).netloc], path


def test_what_users_import_is_explained(pages: dict[Path, Page]) -> None:
    (api,) = (page for path, page in pages.items() if path.name == "api.html")
    for name in (
        "peerd.learning.Task.data",
        "peerd.learning.FittedTask.fit",
        "protocols.aggregation.Aggregator.encode",
        "protocols.proof.Relation",
    ):
        assert name in api.anchors


def test_a_browser_asks_nobody_else_and_a_phone_shows_all(site: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, chromium() as browser:
        Thread(target=server.serve_forever, daemon=True).start()
        own = f"http://127.0.0.1:{server.server_port}/"
        try:
            page = browser.new_page(viewport={"width": PHONE, "height": 800})
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            for name in ("index", "hospitals", "api", "errors", "protocol", "operate/watch"):
                page.goto(f"{own}{name}.html", wait_until="networkidle", timeout=HANG * 1000)
                assert width_of(page) <= PHONE, name
            assert len(asked) > 10
            assert [url for url in asked if not url.startswith((own, "data:", "blob:"))] == []
        finally:
            server.shutdown()
