"""Chromium, as Debian has it, for the tests of the page. They are skipped where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(__file__).parent / "vectors" / "axe-core" / "axe.min.js"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
_FLAGS += ["--disable-background-networking", "--disable-component-update"]


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser of playwright's."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    driver = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with driver.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield found
        finally:
            found.close()


def barriers(page: Any) -> list[tuple[str, list[str]]]:
    """What axe-core finds wrong with an open page: of each rule the elements that break it."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 20, "axe-core has not looked"
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]


def width_of(page: Any) -> int:
    """Of what it shows, in pixels: more than the window's has to be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth"))
