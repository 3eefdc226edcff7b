"""`peerd status --follow` and `peerd rounds` against a real status server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest
import trio

from peerd.cli.event_line import SENTENCES, line
from peerd.cli.since import Since, parse_since
from peerd.errors import ConfigError
from peerd.status import StatusBoard, Views, serve_status
from tests.patience import HANG

MARY = "12D3KooW9ut7GJCm1TskCNwM3N2QBa7J32AJAoiBRRL8dwq8sbnz"
ROUNDS = [
    {"round": number, "outcome": "completed", "reason": None, "model_hash": "0" * 64}
    for number in range(2500)
]
PEERD = [sys.executable, "-m", "peerd.cli.main"]


@pytest.fixture
def socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peerd-", dir="/tmp") as name:
        yield Path(name) / "status.sock"


def views() -> Views:
    return Views(
        peers=lambda: [{"peer": MARY, "name": "St. Mary's", "connected": True}],
        rounds=lambda limit: ROUNDS[-limit:],
        round=lambda number: ROUNDS[number],
        counted=lambda: len(ROUNDS),
    )


class Follower:
    """A process that follows the daemon of ``socket``."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._read = b""

    @classmethod
    async def start(cls, socket: Path, *words: str) -> Follower:
        command = [*PEERD, "status", "--follow", *words, "--socket", str(socket)]
        pipe = subprocess.PIPE
        return cls(await trio.lowlevel.open_process(command, stdout=pipe, stderr=pipe))

    async def line(self) -> str:
        assert self.process.stdout is not None
        with trio.fail_after(HANG):
            while b"\n" not in self._read:
                more = await self.process.stdout.receive_some()
                assert more, "it has ended"
                self._read += more
        text, self._read = self._read.split(b"\n", 1)
        return text.decode()

    async def end(self) -> tuple[int, str]:
        assert self.process.stderr is not None
        with trio.fail_after(HANG):
            errors = b"".join([part async for part in self.process.stderr])
            return await self.process.wait(), errors.decode()


async def connected(board: StatusBoard, number: int = 1) -> None:
    with trio.fail_after(HANG):
        while len(board._subscribers) < number:
            await trio.sleep(0.02)


@pytest.mark.trio
async def test_events_from_now_on_are_lines_with_names(socket: Path) -> None:
    board = StatusBoard()
    board.publish("phase", round=1, attempt=0, phase="collecting commitments")
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, board, socket, views()))
        text, documents = await Follower.start(socket), await Follower.start(socket, "--json")
        await connected(board, 2)
        board.publish("blame", round=2, peer=MARY, reason="bad share")
        board.publish("paused", by="an operator", until=None)  # of a later version
        told = await text.line()
        assert told[8:] == "  round 2: St. Mary's (…dwq8sbnz) is blamed: bad share"
        assert datetime.strptime(told[:8], "%H:%M:%S")
        assert (await text.line())[8:] == "  paused: by an operator, until null"
        assert json.loads(await documents.line())["kind"] == "blame"
        nursery.cancel_scope.cancel()
    for each in (text, documents):
        assert await each.end() == (0, "peerd: the daemon has stopped\n")


@pytest.mark.trio
async def test_ctrl_c_ends_it_without_a_word(socket: Path) -> None:
    board = StatusBoard()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, board, socket, views()))
        follower = await Follower.start(socket)
        await connected(board)
        follower.process.send_signal(signal.SIGINT)
        assert await follower.end() == (130, "")
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_pipe_that_nobody_reads_ends_it_though_nothing_happens(socket: Path) -> None:
    board = StatusBoard()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, board, socket, views()))
        follower = await Follower.start(socket)
        await connected(board)
        assert follower.process.stdout is not None
        await follower.process.stdout.aclose()
        assert await follower.end() == (0, "")
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_since_begins_with_what_the_daemon_remembers(socket: Path) -> None:
    now = time.time()
    board = StatusBoard(clock=lambda: now - 3600)
    for number in range(3):
        board.publish("phase", round=number, attempt=0, phase="waiting for dealings")
    board._clock = time.time
    board.publish("waiting", text="waiting for nobody", waiting=[])
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, board, socket, views()))
        minutes = await Follower.start(socket, "--since", "10m")
        round_ = await Follower.start(socket, "--since", "round:2")
        all_ = await Follower.start(socket, "--since", "2d")
        assert (await minutes.line())[8:] == "  waiting for nobody"
        assert (await round_.line()).endswith("round 2: waiting for dealings")
        assert (await round_.line()).endswith("waiting for nobody")
        assert (await all_.line()).endswith("round 0: waiting for dealings")
        nursery.cancel_scope.cancel()
    assert "the daemon started at" in (await all_.end())[1]
    assert (await minutes.end())[1] == "peerd: the daemon has stopped\n"
    await round_.end()


@pytest.mark.trio
async def test_a_reader_that_was_dropped_goes_on_where_it_was(socket: Path) -> None:
    board = StatusBoard()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, board, socket, views()))
        follower = await Follower.start(socket)
        await connected(board)
        board.publish("order", refused=None)
        await follower.line()
        for channel in tuple(board._subscribers):
            board._drop(channel)
        board.publish("order", refused="no such cohort")
        assert (await follower.line()).endswith("refused: no such cohort")
        nursery.cancel_scope.cancel()
    await follower.end()


@pytest.mark.parametrize(
    "text", ["", "10", "m", "10y", "yesterday", "round:", "round:x", "25:00", "-5m", "9" * 30 + "m"]
)
def test_a_since_that_says_nothing_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_since(text)
    assert "--since" in str(refused.value) and "10m" in str(refused.value)


def test_since() -> None:
    noon = datetime(2026, 3, 1, 12, 0).timestamp()
    assert parse_since("90s", lambda: noon) == Since(time=noon - 90)
    assert parse_since("2h", lambda: noon) == Since(time=noon - 7200)
    assert parse_since("round:7") == Since(round=7)
    assert parse_since("11:30", lambda: noon) == Since(time=noon - 1800)
    assert parse_since("12:30:00", lambda: noon) == Since(time=noon + 1800 - 86400)
    assert parse_since("2026-03-01T12:00", lambda: 0) == Since(time=noon)
    assert parse_since("2026-03-01T12:00:00Z", lambda: 0).time == 1772366400


def test_every_kind_of_event_is_a_sentence_without_brackets_of_code() -> None:
    told = {
        "phase": {"round": 3, "attempt": 1, "phase": "collecting reveals"},
        "blame": {"round": 3, "peer": MARY, "reason": "bad share"},
        "attempt": {"round": 3, "attempt": 0, "reason": "cohort", "advice": "no dealings in time"},
        "round": {
            "round": 3,
            "outcome": "completed",
            "seconds": 4.9,
            "accuracy": 0.5,
            "bytes": 83_700,
            "absent": [{"peer": MARY, "name": "St. Mary's"}],
            "blamed": [],
        },
        "evaluation": {"round": 3, "accuracy": None, "loss": 0.25, "metrics": {}, "warnings": []},
        "peer": {
            "peer": MARY,
            "name": None,
            "connected": True,
            "away_seconds": 12.2,
            "losses": None,
        },
        "stopped": {"round": 3, "reason": "quorum", "advice": "bring back the members"},
        "abandon": {"round": 3, "attempt": 0, "signed": [MARY]},
        "order": {"refused": None},
        "waiting": {"text": "waiting for St. Mary's", "waiting": []},
        "waited": {"text": "no longer waiting, after 10 s", "waiting": []},
        "spent": {"round": 7, "text": "this peer's approval was of the pause of round 7"},
        "away": {"peer": MARY, "name": "St. Mary's", "from_round": 7},
        "approval": {"peer": MARY, "name": "St. Mary's", "act": "handover", "about": "ab" * 32},
        "alarm": {
            "about": "norm",
            "round": 7,
            "text": "alarm (norm): the opened sum moved the model by 40",
            "does": "pause",
        },
        "gap": {"missed": 12},
    }
    assert told.keys() == SENTENCES.keys()
    stamp = {"seq": 1, "boot": "b" * 16, "time": time.time()}
    lines = {kind: line({**stamp, "kind": kind, **fields}, {}) for kind, fields in told.items()}
    assert not any(sign in text for text in lines.values() for sign in "{}[]_")
    assert lines["round"][10:] == (
        "round 3 completed in 4.9 s, accuracy 0.500, 83.7 kB; absent: St. Mary's (…dwq8sbnz)"
    )
    assert lines["peer"][10:] == "…dwq8sbnz is back after 12 s"
    yesterday = line({**stamp, "time": 86400.0, "kind": "order"}, {})
    assert yesterday.startswith("1970-01-0")
    spoiled = line({**stamp, "kind": "waiting", "text": "a\x1b[2J\nb"}, {})
    assert "\x1b" not in spoiled and "\n" not in spoiled


# -- rounds ----------------------------------------------------------------------------------------


async def rounds(socket: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    board = StatusBoard()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, board, socket, views()))
        command = [*PEERD, "rounds", *words, "--socket", str(socket)]
        done = await trio.run_process(command, capture_stdout=True, check=False)
        nursery.cancel_scope.cancel()
    return done


@pytest.mark.trio
async def test_rounds_says_when_it_cuts(socket: Path) -> None:
    told = (await rounds(socket)).stdout.decode().splitlines()
    assert len(told) == 22 and told[1].startswith("2480")
    assert told[-1] == "showing the last 20 of 2,500; --all or --last N"


@pytest.mark.trio
@pytest.mark.parametrize(
    ("words", "first", "count", "cut"),
    [
        (("--all",), 0, 2500, False),
        (("--last", "1700"), 800, 1700, True),
        (("--limit", "3"), 2497, 3, True),
        (("--last", "9999"), 0, 2500, False),
        (("--since", "9"), 10, 20, True),
        (("--since", "2490"), 2491, 9, False),
        (("--since", "9", "--all"), 10, 2490, False),
    ],
)
async def test_as_many_rounds_as_are_asked_for(
    socket: Path, words: tuple[str, ...], first: int, count: int, cut: bool
) -> None:
    document = json.loads((await rounds(socket, *words, "--json")).stdout)
    numbers = [each["round"] for each in document["rounds"]]
    assert numbers == list(range(first, first + count))
    assert (document["total"] > count) is cut
    text = (await rounds(socket, *words)).stdout.decode()
    assert ("showing the" in text) is cut
