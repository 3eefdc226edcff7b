"""``peerd dashboard``: one address on one line, or one line that says why there is none."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest
import trio
from test_cli_daemon import schema_errors

from peerd.cli.main import main
from peerd.dashboard.port import DashboardPort
from peerd.dashboard.sources import Sources
from peerd.status import StatusBoard, Views, serve_status
from tests.patience import HANG

VIEWS = Views(list, lambda limit: [], lambda number: None)


@contextmanager
def daemon(listen: str | None) -> Iterator[Path]:
    """The status socket of one that serves its page there."""
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        path = Path(name) / "run" / "status.sock"
        portal = _Portal()
        thread = Thread(target=trio.run, args=(_serve, path, listen, portal))
        thread.start()
        portal.wait()
        try:
            yield path
        finally:
            portal.stop()
            thread.join()


class _Portal:
    def __init__(self) -> None:
        self._ready = Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope: trio.CancelScope | None = None

    def ready(self, scope: trio.CancelScope) -> None:
        self._token, self._scope = trio.lowlevel.current_trio_token(), scope
        self._ready.set()

    def wait(self) -> None:
        assert self._ready.wait(HANG)

    def stop(self) -> None:
        assert self._token is not None and self._scope is not None
        self._token.run_sync_soon(self._scope.cancel)


async def _serve(path: Path, listen: str | None, portal: _Portal) -> None:
    board = StatusBoard()
    port = DashboardPort(Sources(board, VIEWS, list, lambda first, limit: []))
    views = Views(VIEWS.peers, VIEWS.rounds, VIEWS.round, dashboard=port.address)
    async with trio.open_nursery() as nursery:
        await nursery.start(port.run)
        port.open(listen)
        await nursery.start(partial(serve_status, board, path, views))
        portal.ready(nursery.cancel_scope)


def test_it_prints_one_address_and_another_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    with daemon("127.0.0.1:0") as path:
        capsys.readouterr()  # the daemon's log, which goes where the test's own does
        assert main(["dashboard", "--socket", str(path)]) == 0
        first = capsys.readouterr()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/enter\?token=[\w-]{43}\n", first.out)
        assert first.err == ""
        assert main(["dashboard", "--socket", str(path), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
    assert schema_errors("dashboard", document) == []
    assert document["address"] != first.out.strip()


def test_where_the_page_is_switched_off_the_line_says_by_what(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with daemon(None) as path:
        capsys.readouterr()
        assert main(["dashboard", "--socket", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out == "" and 'listen = "off"' in said.err and said.err.count("\n") == 1


def test_no_daemon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboard", "--socket", str(tmp_path / "none.sock")]) == 8
    assert capsys.readouterr().out == ""
