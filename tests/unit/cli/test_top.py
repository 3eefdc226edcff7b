"""The live view: what fits in 24 lines of 80, what is left out and said, one frame in a pipe."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from rich.cells import cell_len

from peerd.screen.frame import text
from peerd.screen.of_daemon import picture
from peerd.screen.picture import BARS, Line, Picture, Row, Weight, fitting, sparkline
from peerd.status import StatusBoard, Views, serve_status
from peerd.status.waiting import WORDS
from tests.patience import HANG

ROOT = Path(__file__).parents[3]
NAMES = (
    "St. Mary's",
    "Universitätsklinikum Heidelberg",
    "東京大学医学部附属病院",
    None,
    "[red]x\x1b[2J",
)


def peer_id(index: int) -> str:
    return f"12D3KooW9ut7GJCm1TskCNwM3N2QBa7J32AJAoiBRRL8d{index:07}"


def name(index: int) -> str | None:
    return NAMES[index] if index < len(NAMES) else f"Hospital {index}"


def entry(index: int, phase: str, seconds: float, deadline: float | None) -> dict[str, Any]:
    known = {"peer": peer_id(index), "name": name(index)}
    return {**known, "phase": phase, "seconds": seconds, "deadline": deadline}


def documents(peers: int) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The last one is blamed; the second is awaited, the third is away."""
    status = {
        "peer": peer_id(0),
        "state": "running",
        "round": 412,
        "attempt": 1,
        "phase": "collecting lists of the reports that members hold",
        "uptime_seconds": 7500.0,
        "warnings": [f"warning number {number} " + "of many words " * 20 for number in range(9)],
        "waiting": [
            entry(1, "list of reports", 80.2, 240.0),
            entry(2, "not connected", 300.0, None),
        ],
    }
    links = [
        {
            "peer": peer_id(index),
            "name": name(index),
            "self": index == 0,
            "connected": index != 2,
            "rtt": 0.012 if index % 3 else None,
            "bytes_in": 123_456_789 * index,
            "bytes_out": 98_765 * index,
        }
        for index in range(peers)
    ]
    rounds = [
        {
            "round": number,
            "outcome": "completed",
            "seconds": 4.9,
            "accuracy": 0.5,
            "group": {"accuracy": number / 500},
            "blamed": [{"peer": peer_id(peers - 1), "reason": "bad share"}] * (number == 400),
            "absent": [{"peer": peer_id(2), "name": name(2)}] * (number > 405),
            "phases": {"waiting for dealings": {"wall_seconds": 3.0}},
        }
        for number in range(352, 412)
    ]
    return status, links, rounds


def drawn(peers: int, width: int = 80, height: int = 24) -> list[str]:
    made = text(picture(*documents(peers)), io.StringIO(), width, height, colour=False)
    return made.split("\n")


@pytest.mark.parametrize("peers", [4, 5, 20, 100, 500])
def test_a_frame_fits_a_terminal_and_tells_what_matters(peers: int) -> None:
    lines = drawn(peers)
    assert len(lines) <= 24
    assert all(cell_len(line) <= 80 for line in lines)
    whole = "\n".join(lines)
    assert "round 412, attempt 1" in whole
    assert "80 s of 240" in " ".join(lines)
    assert "lost 300 s" in whole and "absent 6×" in whole
    assert "blamed: bad" in whole
    assert "group accuracy ▁" in whole and "best 0.822" in whole
    assert "\x1b" not in whole and "\x9b" not in whole
    rows = sum("(…" in line or line.startswith("…") for line in lines[lines.index(table(lines)) :])
    if peers > 20:
        assert lines[-1].startswith(f"… and {peers - rows + 1} more members")


def table(lines: list[str]) -> str:
    return next(line for line in lines if line.startswith("MEMBER"))


def test_text_of_strangers_is_no_markup() -> None:
    assert any("[red]x" in line for line in drawn(6))


def test_a_low_terminal_still_names_who_is_awaited() -> None:
    assert any("list of reports" in line for line in drawn(100, 80, 12))


def test_an_empty_daemon_has_a_frame() -> None:
    made = text(picture({}, [], []), io.StringIO(), 80, 24, colour=False)
    assert made.startswith("peerd · 0 of 0 others connected")


def test_rows_that_do_not_fit_are_the_least() -> None:
    rows = [Row((str(index),)) for index in range(8)] + [Row(("bad",), Weight.BAD)]
    kept, said = fitting(rows, 4, "members")
    assert [row.cells[0] for row in kept] == ["0", "1", "bad"]
    assert said == "… and 6 more members"
    assert fitting(rows, 9, "members") == (rows, "")
    assert fitting(rows[-1:] * 5, 3, "daemons")[1] == (
        "… and 3 more daemons, 3 of them with something to tell"
    )


def test_sparklines() -> None:
    assert sparkline([0.0, None, 1.0], 10) == f"{BARS[0]}·{BARS[-1]}"
    assert sparkline([0.5, 0.5], 10) == BARS[3] * 2
    assert sparkline([None], 10) == "" == sparkline([], 10)
    assert len(sparkline([n / 100 for n in range(100)], 40)) == 40


def test_a_long_sentence_takes_two_lines() -> None:
    words = Picture("t", (Line("a word " * 60),), ("member",), ())
    assert len(text(words, io.StringIO(), 80, 24, colour=False).split("\n")) == 4


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peerd-", dir="/tmp") as place:
        yield Path(place) / "status.sock"


def board_and_views(peers: int) -> tuple[StatusBoard, Views]:
    status, links, rounds = documents(peers)
    board = StatusBoard()
    board.update(**{key: value for key, value in status.items() if key != "uptime_seconds"})
    return board, Views(lambda: links, lambda limit: rounds[-limit:], lambda number: None)


@pytest.mark.trio
@pytest.mark.parametrize("words", [(), ("--once",)])
async def test_a_pipe_gets_one_frame_with_all(words: tuple[str, ...], socket: Path) -> None:
    board, views = board_and_views(100)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, board, socket, views))
        command = [sys.executable, "-m", "peerd.cli.main", "top", *words, "--socket", str(socket)]
        tall = {key: value for key, value in os.environ.items() if key != "LINES"}
        with trio.fail_after(HANG):
            done = await trio.run_process(command, capture_stdout=True, env=tall)
        nursery.cancel_scope.cancel()
    told = done.stdout.decode()
    assert "Hospital 98" in told and "more members" not in told and "\x1b" not in told


@pytest.mark.trio
async def test_on_a_terminal_it_draws_until_the_daemon_stops(socket: Path) -> None:
    board, views = board_and_views(100)
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "LINES": "24", "TERM": "xterm"}
    command = [sys.executable, "-m", "peerd.cli.main", "top", "--every", "0.1"]
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, board, socket, views))
        process = await trio.lowlevel.open_process(
            [*command, "--socket", str(socket)],
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            env=environment,
        )
        os.close(theirs)
        seen = b""
        with trio.fail_after(HANG):
            while b"round 413" not in seen:
                seen += await trio.to_thread.run_sync(os.read, ours, 65536)
                board.update(round=413)
        nursery.cancel_scope.cancel()
    with trio.fail_after(HANG):
        assert await process.wait() == 0
    assert b"\x1b[?1049h" in seen and b"more members" in seen
    assert process.stderr is not None
    assert b"the daemon has stopped" in await process.stderr.receive_some()
    await process.stderr.aclose()
    os.close(ours)


def test_every_word_for_a_wait_is_explained() -> None:
    page = (ROOT / "docs/operate/watch.md").read_text()
    explained = page.split("## Who is awaited")[1].split("\n## ")[0]
    for word in WORDS.values():
        assert f"`{word}`" in explained or f"`… {word.removeprefix('agreement ')}`" in explained
