"""The status server over a real Unix socket: what it answers, and what it does not put up with."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from peerd.config_values import MAX_SOCKET_PATH
from peerd.errors import NotRunningError
from peerd.status import StatusBoard, StatusSocketError, Views, serve_status
from peerd.status import server as server_module
from peerd.status.client import StatusAnswerError, events, get
from peerd.status.endpoint import listen
from peerd.status.gate import Gate
from peerd.status.http import MAX_HEAD_BYTES, Deadlines
from peerd.status.roles import Role
from tests.answered import until_closed
from tests.patience import HANG

ROUNDS = [{"round": number, "outcome": "completed"} for number in range(5)]
VIEWS = Views(
    peers=lambda: [{"peer": "12D3KooWA", "connected": True}],
    rounds=lambda limit: ROUNDS[-limit:],
    round=lambda number: ROUNDS[number] if number < len(ROUNDS) else None,
)
QUICK = Deadlines(request=0.2, idle=0.2, write=0.2, heartbeat=0.05)


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peerd-") as directory:
        yield Path(directory) / "run" / "status.sock"


@asynccontextmanager
async def serving(
    path: Path, board: StatusBoard | None = None, deadlines: Deadlines = QUICK
) -> AsyncIterator[StatusBoard]:
    board = board or StatusBoard()
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_status, board, path, VIEWS, deadlines=deadlines))
        yield board
        nursery.cancel_scope.cancel()


async def raw(path: Path, data: bytes) -> bytes:
    """What the server sends until it closes."""
    return await until_closed(await trio.open_unix_socket(os.fspath(path)), data)


@pytest.mark.trio
async def test_documents(path: Path) -> None:
    async with serving(path) as board:
        board.update(state="running", round=4)
        status = await get(path, "/v1/status")
        assert (status["state"], status["round"]) == ("running", 4)
        assert (await get(path, "/v1/peers"))["peers"] == VIEWS.peers()
        assert (await get(path, "/v1/rounds"))["rounds"] == ROUNDS
        assert (await get(path, "/v1/rounds?limit=2"))["rounds"] == ROUNDS[3:]
        assert (await get(path, "/v1/rounds?since=1&limit=2"))["rounds"] == ROUNDS[2:4]
        assert await get(path, "/v1/rounds/3") == ROUNDS[3]


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("/v1/rounds/99", "no record of round 99"),
        ("/v1/rounds/-1", "decimal number"),
        ("/v1/rounds/" + "9" * 400, "decimal number"),
        ("/v1/rounds?limit=x", "limit takes one decimal number"),
        ("/v1/rounds?limit=1&limit=2", "limit takes one"),
        ("/v1/rounds?verbose=1", "unknown parameter"),
        ("/v1/events?since=-1", "since takes one decimal number"),
        ("/../etc/passwd", "unknown path"),
        ("/", "unknown path"),
    ],
)
@pytest.mark.trio
async def test_a_wrong_target_gets_a_clear_error(path: Path, target: str, what: str) -> None:
    async with serving(path):
        with pytest.raises(StatusAnswerError, match=what):
            await get(path, target)


@pytest.mark.trio
async def test_events_stream_with_replay(path: Path) -> None:
    async with serving(path) as board:
        board.publish("phase", round=0, phase="commit")
        with trio.fail_after(HANG):
            async with aclosing(events(path, since=0)) as stream:
                assert (await anext(stream))["phase"] == "commit"
                board.publish("phase", round=0, phase="deal")
                assert (await anext(stream))["phase"] == "deal"


@pytest.mark.trio
async def test_a_quiet_stream_has_a_heartbeat_and_ends_with_the_client(path: Path) -> None:
    async with serving(path) as board:
        async with await trio.open_unix_socket(os.fspath(path)) as stream:
            await stream.send_all(b"GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n")
            received = b""
            with trio.fail_after(HANG):
                while received.count(b"\r\n1\r\n\n\r\n") < 2:
                    received += await stream.receive_some()
            assert len(board._subscribers) == 1
        with trio.fail_after(HANG):
            while board._subscribers:
                await trio.sleep(0.01)


@pytest.mark.trio
async def test_a_subscriber_that_never_reads_is_cut_and_others_are_served(path: Path) -> None:
    async with serving(path) as board, await trio.open_unix_socket(os.fspath(path)) as stream:
        await stream.send_all(b"GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n")
        with trio.fail_after(HANG):
            while not board._subscribers:
                await trio.sleep(0.01)
        with trio.fail_after(HANG):
            while board._subscribers:
                board.publish("phase", text="x" * 100_000)
                await trio.sleep(0.005)
        assert (await get(path, "/v1/status"))["boot"] == board.boot


HEAD = b"GET /v1/status HTTP/1.1\r\nhost: x\r\n"
HOSTILE: list[tuple[bytes, bytes]] = [
    (b"\x00" * 100, b"400"),
    (b"GET /v1/status\r\n\r\n", b"400"),
    (HEAD + b"x: " + b"y" * 2 * MAX_HEAD_BYTES, b"431"),
    (HEAD + b"content-length: 5\r\n\r\nhello", b"413"),
    (HEAD + b"content-length: -1\r\n\r\n", b"400"),
    (b"POST /v1/status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"405"),
    (b"GET http://[ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", b"400"),
    (HEAD, b""),  # never finished: closed at the deadline, with nothing
]


@pytest.mark.parametrize(("data", "status"), HOSTILE)
@pytest.mark.trio
async def test_hostile_requests_are_refused_and_the_server_lives(
    path: Path, data: bytes, status: bytes
) -> None:
    async with serving(path) as board:
        answer = await raw(path, data)
        assert answer[:12] == (b"HTTP/1.1 " + status if status else b"")
        assert (await get(path, "/v1/status"))["boot"] == board.boot


@pytest.mark.trio
async def test_a_connection_that_was_answered_may_rest_as_long_as_idle_and_no_longer(
    path: Path,
) -> None:
    """Far longer than a first request may take; and at its end it is closed."""
    for idle, outlives in ((HANG, True), (0.05, False)):
        deadlines = Deadlines(request=HANG, idle=idle)
        async with (
            serving(path, deadlines=deadlines),
            await trio.open_unix_socket(os.fspath(path)) as stream,
        ):
            await stream.send_all(HEAD + b"\r\n")
            assert (await stream.receive_some(12)) == b"HTTP/1.1 200"
            rest = b"x"
            with trio.move_on_after(1.0) as waited:
                while rest:
                    rest = await stream.receive_some(1 << 16)
            assert waited.cancelled_caught is outlives


@pytest.mark.trio
async def test_connections_are_capped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "MAX_CONNECTIONS", 1)
    async with serving(path) as board:
        async with await trio.open_unix_socket(os.fspath(path)):
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises((NotRunningError, StatusAnswerError)):
                await get(path, "/v1/status")
        with trio.fail_after(HANG):
            while (await _try_status(path)) != board.boot:
                await trio.sleep(0.01)


async def _try_status(path: Path) -> object:
    try:
        return (await get(path, "/v1/status"))["boot"]
    except (NotRunningError, StatusAnswerError):
        return None


@pytest.mark.trio
async def test_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, whatever he asks, and the connection is closed."""

    async def nobody(gate: Gate, uid: int) -> Role | None:
        return None

    monkeypatch.setattr(Gate, "role", nobody)
    async with serving(path):
        assert (await raw(path, b"")).startswith(b"HTTP/1.1 403")
        assert b"needs the role viewer" in await raw(path, HEAD + b"\r\n")


STRANGER = 65534
ASK = """
import os, socket, sys
line = socket.socket(socket.AF_UNIX)
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[2]))
line.settimeout(5)
line.connect(sys.argv[1])
try:
    line.sendall(b"GET /v1/status HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n")
except (BrokenPipeError, ConnectionResetError):
    pass  # who is refused at once has an answer to read all the same
print(line.recv(4096))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="acting as another user needs root")
@pytest.mark.trio
async def test_another_user_of_this_machine_is_refused_by_the_kernels_word(path: Path) -> None:
    """First by the directory's mode; and where that is opened, by the credentials of the peer."""

    async def ask(user: int) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-c", ASK, os.fspath(path), str(user)]
        return await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False
        )

    async with serving(path):
        shut_out = await ask(STRANGER)
        assert b"PermissionError" in shut_out.stderr
        for place, mode in ((path.parent.parent, 0o755), (path.parent, 0o755), (path, 0o666)):
            place.chmod(mode)
        assert b"HTTP/1.1 403" in (await ask(STRANGER)).stdout
        assert b"HTTP/1.1 200" in (await ask(os.geteuid())).stdout


@pytest.mark.trio
async def test_modes_and_removal_at_the_end(path: Path) -> None:
    async with serving(path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


@pytest.mark.trio
async def test_the_client_says_so_when_nobody_answers(path: Path) -> None:
    with pytest.raises(NotRunningError, match="no daemon answers"):
        await get(path, "/v1/status")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.trio
async def test_curl_reads_it(path: Path) -> None:
    async with serving(path, deadlines=Deadlines()) as board:
        command = ["curl", "-s", "--unix-socket", os.fspath(path), "http://peerd/v1/status"]
        result = await trio.run_process(command, capture_stdout=True, stdin=subprocess.DEVNULL)
        assert json.loads(result.stdout)["boot"] == board.boot


def _directory_is_open(path: Path) -> None:
    path.parent.mkdir(mode=0o755)


def _directory_is_a_link(path: Path) -> None:
    (path.parent.parent / "elsewhere").mkdir(mode=0o700)
    path.parent.symlink_to(path.parent.parent / "elsewhere")


def _socket_is_a_link(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.symlink_to("/dev/null")


def _socket_is_a_file(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.write_text("precious")


@pytest.mark.parametrize(
    ("prepare", "what"),
    [
        (_directory_is_open, "chmod 700"),
        (_directory_is_a_link, "symbolic link"),
        (_socket_is_a_link, "not a socket of ours"),
        (_socket_is_a_file, "not a socket of ours"),
    ],
)
def test_a_place_that_is_not_ours_alone_is_refused(
    path: Path, prepare: Callable[[Path], None], what: str
) -> None:
    prepare(path)
    before = path.lstat() if os.path.lexists(path) else None
    with pytest.raises(StatusSocketError, match=what):
        listen(path)
    assert before == (path.lstat() if os.path.lexists(path) else None)


def test_a_dead_daemons_socket_is_replaced_and_a_living_ones_is_not(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(os.fspath(path))
    dead.close()
    living = listen(path)
    with pytest.raises(StatusSocketError, match="another daemon answers"):
        listen(path)
    assert path.exists()
    living.close()
    assert not path.exists()


def test_closing_leaves_a_successors_socket_alone(path: Path) -> None:
    first = listen(path)
    path.unlink()
    second = listen(path)
    first.close()
    assert path.exists()
    second.close()


def test_a_path_that_the_kernel_would_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StatusSocketError, match="longer than"):
        listen(tmp_path / ("x" * MAX_SOCKET_PATH) / "status.sock")
