"""The pages for beginners: what they say to type is typed, and prints what stands there."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerd.laboratory.swarm.layout import _free_ports
from tests.local.sites import ROOT, Site, commands, run, shown, typed, until
from tests.tiers import later

pytestmark = pytest.mark.swarm

PORTS = ("4001", "4002", "4003", "4004")
MEMBERS = len(PORTS)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the reader is. Paths of sockets must be short."""
    directory = Path(tempfile.mkdtemp(prefix="peerd-"))
    monkeypatch.chdir(directory)
    yield directory
    shutil.rmtree(directory)


class Reader:
    """Types what a page says, in one directory, with ports that are free here."""

    def __init__(self, page: str, folder: Path) -> None:
        self.folder = folder
        self.free = dict(zip(PORTS, map(str, _free_ports(MEMBERS)), strict=True))
        self.sites: list[Site] = []
        for program in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S):
            exec(compile(program, page, "exec"), {})

    def types(self, line: str, printed: str) -> str:
        """What it prints, which is what the page shows, if that shows anything."""
        words = [word for each in typed(line, **self.free) for word in self.matching(each)]
        said = run(*words, cwd=self.folder)
        assert said == printed or not printed
        return said

    def matching(self, word: str) -> list[str]:
        """As a shell has it, once all cards have come."""
        if "*" not in word:
            return [word]
        if word.startswith("cards/"):
            (self.folder / "cards").mkdir(exist_ok=True)
            for card in sorted(self.folder.glob("*/card.txt")):
                shutil.copy(card, self.folder / "cards" / f"{card.parent.name}.txt")
        found = sorted(str(path.relative_to(self.folder)) for path in self.folder.glob(word))
        assert len(found) == MEMBERS
        return found

    def starts(self, line: str) -> None:
        """In a terminal of its own."""
        verb, genesis, yes, _, config = typed(line)
        site = Site(self.folder / config, self.folder / config)
        self.sites.append(site)
        site.start("-m", "peerd", verb, str(self.folder / genesis), yes)

    def leaves(self) -> None:
        for site in self.sites:
            site.kill()


def split(page: str) -> tuple[list[tuple[str, str]], list[str], list[tuple[str, str]]]:
    """What is typed before the daemons, for them, and behind them."""
    lines = [each for each in shown(page) if not each[0].startswith("swarm ")]
    starts = [at for at, (line, _) in enumerate(lines) if line.startswith("up ")]
    assert len(starts) == MEMBERS
    first, behind = starts[0], starts[-1] + 1
    return lines[:first], [line for line, _ in lines[first:behind]], lines[behind:]


def test_four_hospitals_agree(folder: Path) -> None:
    """Up to the daemons, which `make acceptance` starts."""
    reader = Reader("hospitals.md", folder)
    before, _, _ = split("hospitals.md")
    said = [reader.types(line, printed) for line, printed in before]
    assert [line.split()[:2] for line, printed in before if printed] == [["data", "check"]] * 2
    (shows,) = (at for at, (line, _) in enumerate(before) if line.startswith("group show"))
    for promised in ("adversary 1/4", "evaluation rows 236", "plan committee 4, threshold 1"):
        assert promised in said[shows]
    private = run("group", "show", "private.json", cwd=folder)
    (line,) = (line for line in private.splitlines() if line.startswith("privacy after"))
    assert f"\n    {line}\n" in (ROOT / "docs" / "hospitals.md").read_text()
    assert "the privacy budget ends it after 60 rounds" in private


@pytest.mark.parametrize("page", ["five-minutes.md", *later(["hospitals.md"])])
def test_a_group_of_four(folder: Path, page: str) -> None:
    reader = Reader(page, folder)
    before, ups, behind = split(page)
    try:
        for line, printed in before:
            reader.types(line, printed)
        for line in ups:
            reader.starts(line)
        until("rounds", lambda: all(each.head() >= 2 for each in reader.sites), reader.sites)
        said = [reader.types(line, printed) for line, printed in behind]
    finally:
        reader.leaves()
    verbs = [line.split()[0] for line, _ in behind]
    assert {"rounds", "model", "audit"} == set(verbs)
    assert "verified: its numbers are the certified ones" in said[2]
    assert said[-1].startswith("VERIFIED")


@pytest.mark.acceptance
def test_the_swarm_of_the_first_page(folder: Path) -> None:
    (line,) = (line for line in commands("five-minutes.md") if line.startswith("swarm "))
    said = run(*typed(line), cwd=folder)
    assert "every round on one model at every honest peer; no honest peer blamed" in said
