"""``peerd trail``: what it prints, and which lies it finds with which exit code."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import json_schema
import pytest
import trio

from peerd.cli.main import main
from peerd.config import render_config
from peerd.status import StatusBoard, Views, serve_status
from peerd.storage import Store
from peerd.trail import Actor, Factor, Trail

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"
ANNA = Actor(Factor.SOCKET, 1001, "anna", "operator")
VIEWS = Views(list, lambda limit: [], lambda number: None)


@pytest.fixture
def home() -> Iterator[Path]:
    """A peer's directory, whose trail has ``begin`` and three acts; no daemon runs."""
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        directory = Path(name)
        (directory / "peerd.toml").write_text(render_config())
        acted(directory / "data", 3)
        yield directory


def test_a_certificate_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    anna = Actor(Factor.CERTIFICATE_CODE, None, "anna@example.org", "officer")
    with Store.open(home / "data") as store, closing(Trail(store)) as trail:
        trail.note("abandon", anna, round=3, certificate="ab" * 32)
    assert called(home, "show", "--last", "1") == 0
    assert f"anna@example.org (certificate {'ab' * 8}…)  officer" in capsys.readouterr().out


def acted(data: Path, count: int) -> list[str]:
    """The heads of further acts."""
    with Store.open(data) as store, closing(Trail(store)) as trail:
        return [trail.note("pause", ANNA, round=number).hash for number in range(count)]


def called(home: Path, *words: object) -> int:
    return main(["trail", *map(str, words), "--config", str(home / "peerd.toml")])


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def valid(found: dict[str, Any], name: str) -> dict[str, Any]:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    assert json_schema.errors(schema, found) == []
    return found


def test_it_is_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(home, "show") == 0
    head, first, *acts = capsys.readouterr().out.splitlines()
    assert head.split() == ["NUMBER", "TIME", "WHO", "ROLE", "BY", "WHAT", "WITH"]
    assert "begin" in first and len(acts) == 3
    assert "anna (uid 1001)  operator  socket  pause  round=2" in acts[-1]
    assert called(home, "show", "--last", 1, "--json") == 0
    (last,) = valid(document(capsys), "trail")["records"]
    assert last["number"] == 3 and last["arguments"] == {"round": 2}
    assert called(home, "show", "--last", 0) == 2


def test_what_a_stranger_wrote_commands_no_terminal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Store.open(home / "data") as store, closing(Trail(store)) as trail:
        trail.note("refuse", ANNA, reason="\x1b[2J\nVERIFIED")
    assert called(home, "show") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "VERIFIED" not in out.splitlines()


def test_a_good_one_is_verified(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(home, "verify") == 0
    assert capsys.readouterr().out.endswith("VERIFIED\n")
    assert called(home, "verify", "--json") == 0
    found = valid(document(capsys), "trail-verify")
    assert found["verified"] and found["records"] == 4 and found["compared_with_daemon"]
    assert found["bad_record"] is None


Change = Callable[[list[bytes]], list[bytes]]


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (lambda lines: [lines[0], lines[1].replace(b"anna", b"bert"), *lines[2:]], 1),
        (lambda lines: [*lines[:3], lines[3].replace(b'"round":2', b'"round":9')], 3),
        (lambda lines: [*lines[:2], lines[3]], 2),
        (lambda lines: lines[:2], 2),
        (lambda lines: [*lines[:3], lines[3][:-1]], 3),
        (lambda lines: lines[1:], 0),
    ],
    ids=["changed", "last changed", "removed", "cut", "last cut", "beginning removed"],
)
def test_a_lie_is_named_with_its_record(
    home: Path, capsys: pytest.CaptureFixture[str], change: Change, number: int
) -> None:
    path = home / "data" / "trail"
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))
    assert called(home, "verify", "--json") == 9
    said = capsys.readouterr()
    found = valid(json.loads(said.out), "trail-verify")
    assert not found["verified"] and found["bad_record"] == number
    assert f"record {number}: " in said.err


def test_a_copy_is_held_against_a_head_from_elsewhere(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (later,) = acted(home / "data", 1)
    copy, path = home / "copy", home / "data" / "trail"
    lines = path.read_bytes().splitlines(keepends=True)
    copy.write_bytes(b"".join(lines[:-1]))
    assert called(home, "verify", copy) == 0  # by itself nobody knows
    assert called(home, "verify", copy, "--head", lines[2][:64].decode()) == 0
    assert called(home, "verify", copy, "--head", later) == 9
    assert f"record 4: the record with the hash {later} is gone" in capsys.readouterr().err
    assert called(home, "verify", "--head", later) == 0
    assert called(home, "verify", "--head", "xyz") == 2


def test_an_unfinished_line_is_no_lie_where_a_daemon_may_write_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, copy = home / "data" / "trail", home / "copy"
    path.write_bytes(path.read_bytes() + b"abc")
    assert called(home, "verify") == 0
    assert "record 4 is being written, or was torn by a power cut" in capsys.readouterr().out
    shutil.copy(path, copy)
    assert called(home, "verify", copy) == 9


def test_two_copies_part_where_one_was_rewritten(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early, path = home / "early", home / "data" / "trail"
    shutil.copy(path, early)
    acted(home / "data", 2)
    assert called(home, "verify", "--against", early) == 0
    assert called(home, "verify", early, "--against", path) == 0
    shutil.rmtree(home / "data")  # and all of it made anew, as root can
    acted(home / "data", 5)
    assert called(home, "verify") == 0
    capsys.readouterr()
    assert called(home, "verify", "--against", early) == 9
    assert "record 0: " in capsys.readouterr().err
    early.write_bytes(early.read_bytes().replace(b"anna", b"bert"))
    assert called(home, "verify", "--against", early) == 9
    assert called(home, "verify", "--against", home / "nowhere") == 5


def test_one_that_goes_on_from_a_lost_one_says_so_and_is_compared_by_numbers(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, old = home / "data" / "trail", home / "old"
    path.rename(old)
    acted(home / "data", 1)
    assert called(home, "verify") == 0
    assert "note: records 0 to 3 are in no file here" in capsys.readouterr().out
    assert called(home, "verify", "--against", old) == 2
    assert "have no record in common" in capsys.readouterr().err


def test_the_daemon_that_runs_is_asked_for_its_head(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, board = home / "data" / "trail", StatusBoard()
    last = path.read_bytes().splitlines()[-1][:64].decode()
    board.update(trail={"records": 4, "head": last})

    async def story() -> list[int]:
        codes = []
        async with trio.open_nursery() as nursery:
            socket = home / "data" / "run" / "status.sock"
            await nursery.start(partial(serve_status, board, socket, VIEWS))
            verify = partial(called, home, "verify")
            codes.append(await trio.to_thread.run_sync(verify))
            path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:3]))
            codes.append(await trio.to_thread.run_sync(verify))
            nursery.cancel_scope.cancel()
        return codes

    assert trio.run(story) == [0, 9]
    assert "record 3: " in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["show", "verify"])
def test_without_a_trail_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    (tmp_path / "peerd.toml").write_text(render_config())
    assert called(tmp_path, verb) == 5
    assert "there is no trail" in capsys.readouterr().err


def test_a_peer_s_directory_has_its_trail(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (home, home / "data", home / "data" / "trail"):
        assert called(home, "verify", place, "--json") == 0
        assert document(capsys)["records"] == 4
    assert called(home, "verify", home.parent / "nowhere") != 0
