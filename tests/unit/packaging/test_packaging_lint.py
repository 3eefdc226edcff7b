"""The whitelist of `make lint`'s dead-code check names nothing that is gone."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
WHITELIST = ROOT / "scripts/vulture_whitelist.py"


def test_what_the_dead_code_lint_lets_pass_is_there() -> None:
    listed = re.findall(r"_\.(\w+)", WHITELIST.read_text())
    folders = [ROOT / name for name in ("peerd", "protocols", "scripts")]
    sources = [path for folder in folders for path in folder.rglob("*.py") if path != WHITELIST]
    words = set(re.findall(r"\w+", "\n".join(path.read_text() for path in sources)))
    assert listed
    assert [name for name in listed if name not in words] == []
