"""Documents outside of docs/ lead to files and headings that are there (docs/: test_site.py)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(ROOT.glob("*.md"))


def anchors(document: Path) -> set[str]:
    """As headings are named for links: small letters, no marks, - for a blank."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", each).strip().lower().replace(" ", "-") for each in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_leads_to_what_is_there(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        name, _, anchor = link.partition("#")
        if "://" in name:
            continue
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_front_of_the_repository_leads_to_pages() -> None:
    assert (ROOT / "README.md").read_text().count("](docs/") > 15
