"""``peerd officer``, and commands that ask for a code."""

from __future__ import annotations

import base64
import os
import pwd
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trio

from peerd.cli import answers
from peerd.cli.group_acts import DONE
from peerd.cli.main import main
from peerd.config import render_config
from peerd.identity import Identity, with_checksum
from peerd.status import StatusBoard, Views, serve_status
from peerd.status.codes import STEP_SECONDS, Codes, code_of
from peerd.status.gate import Gate
from peerd.status.pending import digest_of
from peerd.status.roles import Role
from peerd.status.routes import ROUTES, JsonObject, Order
from peerd.storage import Store
from peerd.trail.reading import records

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peerd-") as name:
        (Path(name) / "peerd.toml").write_text(render_config())
        yield Path(name)


def called(home: Path, *words: str) -> int:
    return main([*words, "--config", str(home / "peerd.toml")])


def with_daemon(home: Path, story: Callable[[], list[int]]) -> tuple[list[int], list[str]]:
    """The exit codes of ``story`` beside a daemon that needs codes; what it was ordered."""
    done: list[str] = []

    def order(act: str, document: JsonObject) -> Order:
        async def carry_out() -> None:
            done.append(act)

        return Order(document, carry_out)

    async def serve(store: Store) -> list[int]:
        views = Views(list, lambda limit: [], lambda number: None, order=order)
        gate = Gate(codes=Codes(store))
        async with trio.open_nursery() as nursery:
            socket = home / "data" / "run" / "status.sock"
            await nursery.start(partial(serve_status, StatusBoard(), socket, views, gate=gate))
            codes = await trio.to_thread.run_sync(story)
            nursery.cancel_scope.cancel()
        return codes

    with Store.open(home / "data") as store:
        return trio.run(serve, store), done


def test_a_command_asks_for_the_code_that_it_was_not_given(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    questions: list[str] = []

    def story() -> list[int]:
        codes = [called(home, "officer", "enroll")]
        (secret,) = parse_qs(urlsplit(capsys.readouterr().out.split()[0]).query)["secret"]
        key = base64.b32decode(secret)
        now = int(time.time() // STEP_SECONDS)
        first, second = code_of(key, now), code_of(key, now + 1)
        codes.append(called(home, "group", "pause", "--code", first))

        def asked(question: str, option: str) -> str:
            questions.append(question)
            return second

        monkeypatch.setattr(answers, "asked", asked)
        codes.append(called(home, "group", "resume"))
        codes.append(called(home, "group", "resume", "--code", second))
        codes.append(called(home, "officer", "enroll"))
        return codes

    codes, done = with_daemon(home, story)
    assert codes == [0, 0, 0, 10, 1]
    assert done == ["approve pause", "approve resume"]
    assert questions == ["The code of your second factor: "]
    assert "used before" in capsys.readouterr().err


OLD, NEW = (Identity(bytes([digit]) * 32).peer_id for digit in (1, 2))
MADE = {"old": OLD, "new": NEW, "made": True, "file": "/keys/peer.key.next"}
RESULTS: dict[str, tuple[JsonObject, str]] = {
    "rotate": (MADE, f"{with_checksum(OLD)}={with_checksum(NEW)}\nmade /keys/peer.key.next: sign"),
    "approve pause": ({}, "approved; the group rests once a quorum has\n"),
    "abandon": ({}, "signed; the round ends once a quorum of the operators has signed\n"),
    "something new": ({"what": "was made"}, "  what: was made\n"),
}


@pytest.mark.parametrize("act", RESULTS)
def test_who_confirms_sees_what_came_of_it(
    home: Path, act: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer, told = RESULTS[act]
    digest = digest_of(act, {})
    waiting = {"digest": digest, "act": act, "arguments": {}, "by": "anna", "since": 0.0}

    async def get(path: object, target: str) -> JsonObject:
        return {"pending": [waiting]} if target == "/v1/pending" else {**waiting, "document": {}}

    async def post(path: object, target: str, document: JsonObject) -> JsonObject:
        assert (target, document) == ("/v1/orders/confirm", {"order": digest})
        return {"done": act, **answer}

    monkeypatch.setattr("peerd.status.client.get", get)
    monkeypatch.setattr("peerd.status.client.post", post)
    assert called(home, "officer", "confirm", digest[:8], "--yes") == 0
    said = capsys.readouterr().out
    assert f"confirmed, and done: {act}\n" in said and told in said


def test_each_officers_order_has_a_result_that_is_told(home: Path) -> None:
    """Enrolling is done by whoever asks; confirm and withdraw are about another order."""
    acts = {each.act for each in ROUTES if each.role is Role.OFFICER}
    known = {*DONE, "abandon", "rotate", "sign"}
    assert acts - {"enroll", "confirm", "withdraw"} == known


def test_a_lost_secret_is_forgotten_while_no_daemon_runs_and_that_is_on_record(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reset = partial(called, home, "officer", "reset")
    assert reset("no-such-user") == 2
    assert reset(ME) == 2
    assert "has not enrolled" in capsys.readouterr().err
    enroll = partial(called, home, "officer", "enroll")
    assert with_daemon(home, lambda: [enroll(), enroll(), reset(ME)])[0] == [0, 1, 5]
    assert reset(ME) == 0
    assert with_daemon(home, lambda: [enroll()])[0] == [0]
    *_, last = records(home / "data" / "trail")
    assert (last["act"], last["factor"]) == ("reset code", "directory")
    assert last["arguments"] == {"of": ME} and last["user"] == ME
