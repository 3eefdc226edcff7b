"""Who holds a daemon's key and writes its trail anew is convicted by what the others hold."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from peerd.storage import Store
from peerd.trail.record import Actor, Factor, head_of, line_of
from tests.local.sites import Site, founded, run, until

pytestmark = [pytest.mark.swarm, pytest.mark.acceptance]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Paths of sockets must be short."""
    directory = Path(tempfile.mkdtemp(prefix="peerd-"))
    yield directory
    shutil.rmtree(directory)


def verify(site: Site, other: Site, code: int = 0) -> str:
    words = ["trail", "verify", "--config", str(site.config)]
    return run(*words, "--against", str(other.config.parent), code=code)


def without_the_export(site: Site) -> int:
    """As root does it: one record is another's doing, all hashes are right, and the store knows no
    other. Its number.
    """
    path = site.data / "trail"
    lines = path.read_bytes().splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if b'"act":"export' in line)
    kept, before = lines[:number], head_of(lines[number - 1])
    for line in lines[number:]:
        told = json.loads(line[65:])
        who = Actor(Factor(told["factor"]), told["uid"], told["user"], told["role"])
        act = "reload" if len(kept) == number else told["act"]
        kept.append(line_of(before, who, act, told["arguments"], 1.8e9))
        before = head_of(kept[-1])
    path.write_bytes(b"".join(kept))
    with Store.open(site.data) as store:
        store.set_meta("trail", json.dumps([before.number, before.hash]).encode())
    return number


def test_a_trail_that_root_wrote_anew_is_found_by_any_other_member(folder: Path) -> None:
    with founded(folder, 4) as (*sites, _):
        for site in sites:
            site.start()
        liar, other = sites[0], sites[1]

        def rounds(count: int) -> None:
            aim = other.head() + count
            until("rounds", lambda: min(liar.head(), other.head()) >= aim, sites)

        rounds(2)
        out = folder / "model.safetensors"
        run("model", "export", "--out", str(out), "--config", str(liar.config))
        rounds(3)
        said = verify(liar, other)
        assert "VERIFIED" in said and "bind a head of" in said
        liar.stop()
        number = without_the_export(liar)
        assert "VERIFIED" in run("trail", "verify", "--config", str(liar.config))
        said = verify(liar, other, code=9)
        assert f"record {number}: round " in said
        liar.start()  # it trusts its store, and goes on
        rounds(2)
        assert f"record {number}: round " in verify(liar, other, code=9)
