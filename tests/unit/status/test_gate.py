"""The control socket's roles and its trail: who may what, and that nothing is off the record."""

from __future__ import annotations

import base64
import json
import os
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import trio
from structlog.testing import capture_logs

from peerd.errors import ConfigError, NotAllowedError
from peerd.status import StatusBoard, Views, serve_status
from peerd.status.client import CodeNeeded, StatusAnswerError, get, get_bytes, post
from peerd.status.codes import STEP_SECONDS, Codes, code_of
from peerd.status.door import MAX_BODY
from peerd.status.gate import ENROL, Gate
from peerd.status.roles import Role, Roles
from peerd.status.routes import CONFIRM, ROUTES, WITHDRAW, AuditViews, JsonObject, Order, Route
from peerd.status.server import MAX_OF_ONE
from peerd.trail import Actor, Factor, Head, TrailError
from protocols.session.events import Refused
from tests.patience import HANG

ME = pwd.getpwuid(os.geteuid()).pw_name
ALONE = [
    each for each in ROUTES if each.path != "/v1/pending/*" and each.act not in (CONFIRM, WITHDRAW)
]
"""All but those about an order that waits: test_two_officers.py."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="acting as another user needs root")


class Noted:
    """A trail. ``full``: it can't be written."""

    def __init__(self, log: list[str]) -> None:
        self.full = False
        self.records: list[tuple[str, Actor, dict[str, Any]]] = []
        self._log = log

    async def noted(self, act: str, actor: Actor, **arguments: Any) -> Head:
        if self.full:
            raise TrailError("no space left on device")
        self.records.append((act, actor, arguments))
        self._log.append(f"noted {act}")
        return Head(len(self.records) - 1, "")

    def acts(self) -> list[str]:
        return [act for act, _, _ in self.records]


class World:
    """A daemon's socket: ``log`` has what was noted and what was done, in order."""

    def __init__(self, roles: Roles = Roles()) -> None:
        self.log: list[str] = []
        self.trail = Noted(self.log)
        self.gate = Gate(roles, self.trail.noted)
        self.refuses = False

    @property
    def views(self) -> Views:
        return Views(
            peers=list,
            rounds=lambda limit: [],
            round=lambda number: {"round": number},
            transcript=lambda number: b"transcript" if number == 3 else None,
            model=lambda number: np.zeros(2, np.float32) if number == 3 else None,
            certificate=lambda number: b"certificate",
            evidence=lambda name: b"evidence",
            dashboard=lambda: "http://127.0.0.1:1/enter",
            order=self.order,
            audit=AuditViews(lambda: b"{}", list, lambda first, limit: [], dict),
        )

    def order(self, act: str, document: JsonObject) -> Order:
        if document.get("rubbish"):
            raise ConfigError("this is no order")

        async def carry_out() -> None:
            if self.refuses:
                raise Refused("it has signed the result")
            self.log.append(f"done {act}")

        return Order(document, carry_out)

    @asynccontextmanager
    async def serving(self, path: Path) -> AsyncIterator[Path]:
        with trio.fail_after(HANG):
            async with trio.open_nursery() as nursery:
                serve = partial(serve_status, StatusBoard(), path, self.views, gate=self.gate)
                await nursery.start(serve)
                yield path
                nursery.cancel_scope.cancel()


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="peerd-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "run" / "status.sock"


def target(route: Route) -> str:
    return route.path.replace("*", "3")


async def called(path: Path, route: Route) -> object:
    if route.answer is None:
        return await post(path, target(route), {})
    return await get_bytes(path, target(route))


# -- the table -------------------------------------------------------------------------------------


def test_what_changes_something_or_leaves_has_an_act_and_is_no_viewers() -> None:
    """All but the way to the page, which shows what a viewer sees."""
    for each in ROUTES:
        if each.answer is None:
            assert each.act is not None and each.role >= Role.OPERATOR
            assert each.path == f"/v1/orders/{each.act.replace(' ', '-')}"
        elif each.act is not None and each.path != "/v1/dashboard":
            assert each.role is Role.OPERATOR and each.act.startswith("export ")
        else:
            assert each.role is Role.VIEWER
    signing = {each.act for each in ROUTES if each.role is Role.OFFICER}
    approve = {"approve handover", "approve pause", "approve resume"}
    two = {"confirm", "withdraw"}
    assert signing == {"abandon", "enroll", "sign", "rotate", *approve, *two}


@pytest.mark.trio
async def test_every_route_is_in_the_table_and_every_act_of_it_in_the_trail(path: Path) -> None:
    """There is no other way to an answer: what is not in the table is unknown."""
    world = World()
    async with world.serving(path):
        for each in ALONE:
            before = len(world.trail.records)
            if each.act == ENROL:  # the gate's own, below
                continue
            if each.answer is None:
                assert await post(path, target(each), {"of": "it"}) == {"done": each.act}
            elif each.path != "/v1/events":
                await get_bytes(path, target(each))
            noted = world.trail.records[before:]
            assert [act for act, _, _ in noted] == ([each.act] if each.act else [])
            for _, actor, _ in noted:
                assert actor == Actor(Factor.SOCKET, os.geteuid(), ME, "officer")
    assert ("export model", {"of": "3"}) in [(a, more) for a, _, more in world.trail.records]


@pytest.mark.trio
async def test_an_act_is_on_record_before_it_is_done(path: Path) -> None:
    world = World()
    async with world.serving(path):
        await post(path, "/v1/orders/pause", {})
        assert world.log == ["noted pause", "done pause"]


@pytest.mark.trio
async def test_what_can_not_be_written_is_not_done(path: Path) -> None:
    """A full disk: looking goes on, changing and exporting don't."""
    world = World()
    world.trail.full = True
    async with world.serving(path):
        for each in ALONE:
            if each.act is None:
                continue
            with pytest.raises(StatusAnswerError, match="not done, as it can't be put on record"):
                await called(path, each)
        assert "boot" in await get(path, "/v1/status")
        world.trail.full = False
        await post(path, "/v1/orders/resume", {})
    assert world.log == ["noted resume", "done resume"]


@pytest.mark.trio
async def test_what_the_daemon_refuses_is_on_record_twice(path: Path) -> None:
    world = World()
    world.refuses = True
    async with world.serving(path):
        with pytest.raises(StatusAnswerError, match="signed the result"):
            await post(path, "/v1/orders/abandon", {"round": 3})
    assert world.trail.acts() == ["abandon", "refuse"]
    said = world.trail.records[1][2]
    assert said == {"what": "abandon", "reason": "it has signed the result"}


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"{", b"\xff", b"[" * 4000, b'{"rubbish": 1}'], ids=repr
)
@pytest.mark.trio
async def test_rubbish_is_no_order_and_not_on_record(path: Path, body: bytes) -> None:
    world = World()
    async with world.serving(path):
        head = f"POST /v1/orders/pause HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        async with await trio.open_unix_socket(os.fspath(path)) as stream:
            await stream.send_all(head.encode() + body)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 400")
    assert world.log == []


@pytest.mark.trio
async def test_what_is_not_there_is_not_on_record(path: Path) -> None:
    world = World()
    async with world.serving(path):
        for each in ("/v1/rounds/4/model", "/v1/rounds/x/model"):
            with pytest.raises(StatusAnswerError):
                await get_bytes(path, each)
        with pytest.raises(StatusAnswerError, match="POST is not served here"):
            await post(path, "/v1/status", {})
        with pytest.raises(StatusAnswerError, match="unknown path"):
            await post(path, "/v1/orders/destroy", {})
    assert world.log == []


@pytest.mark.trio
async def test_whether_one_may_give_an_order_is_told_and_nothing_is_done(path: Path) -> None:
    world = World(allowed(Role.OPERATOR))
    world.gate.codes = Codes(Memory())
    async with world.serving(path):
        assert await get(path, "/v1/orders/pause") == {"may": "pause", "code": False}
        with pytest.raises(NotAllowedError, match="needs the role officer"):
            await get(path, "/v1/orders/sign")
        assert world.log == ["noted refuse"]
        world.gate.roles = allowed(Role.OFFICER)
        assert await get(path, "/v1/orders/sign") == {"may": "sign", "code": True}
        assert await get(path, "/v1/orders/enroll") == {"may": "enroll", "code": False}
    assert world.log == ["noted refuse"]
    assert world.trail.records[0][2] == {"what": "sign", "needs": "officer"}


@pytest.mark.trio
async def test_two_orders_at_once_are_done_one_after_the_other(path: Path) -> None:
    world = World()
    async with world.serving(path), trio.open_nursery() as nursery:
        for act in ("pause", "resume", "drain", "reload"):
            nursery.start_soon(post, path, f"/v1/orders/{act}", {})
    pairs = list(zip(world.log[::2], world.log[1::2], strict=True))
    assert len(pairs) == 4
    assert all(one.split()[1] == two.split()[1] for one, two in pairs)
    assert all(one.startswith("noted") and two.startswith("done") for one, two in pairs)


# -- roles -----------------------------------------------------------------------------------------


def test_without_names_the_daemons_own_user_and_root_may_all_and_others_nothing() -> None:
    assert not Roles().named
    assert {Roles().of(uid) for uid in (os.geteuid(), 0)} == {Role.OFFICER}
    assert Roles().of(os.geteuid() + 12345) is None


@as_root
def test_names_and_groups_decide_and_the_highest_counts() -> None:
    nobody = pwd.getpwnam("nobody")
    roles = Roles(viewers=("@root", "nobody"), operators=("nobody",))
    assert roles.of(nobody.pw_uid) is Role.OPERATOR
    assert roles.of(0) is Role.VIEWER  # nobody has named it for more
    assert Roles(officers=("@root",)).of(0) is Role.OFFICER
    assert roles.of(pwd.getpwnam("daemon").pw_uid) is None
    assert roles.of(4_000_000_000) is None  # a user without a name
    assert roles.who(Role.OPERATOR) == ("nobody",)


@pytest.mark.parametrize("name", ["no-such-user", "@no-such-group"])
def test_a_name_that_this_machine_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="has no such"):
        Roles(officers=(name,)).check()
    Roles(officers=("root", "@root")).check()


def allowed(role: Role) -> Roles:
    names = {f"{each.word}s": (ME,) for each in (role,)}
    return Roles(**names)


@pytest.mark.parametrize("role", Role)
@pytest.mark.trio
async def test_each_role_may_what_the_table_says_and_no_more(path: Path, role: Role) -> None:
    world = World(allowed(role))
    async with world.serving(path):
        for each in ALONE:
            if each.path == "/v1/events" or (each.act == ENROL and role is Role.OFFICER):
                continue
            if each.role <= role:
                await called(path, each)
                continue
            with pytest.raises(NotAllowedError, match=f"needs the role {each.role.word}") as it:
                await called(path, each)
            assert f"{ME} (uid {os.geteuid()}) has the role {role.word}" in str(it.value)
            assert it.value.exit_code == 10
    done = {each for each in world.log if each.startswith("done")}
    assert done == {
        f"done {each.act}"
        for each in ALONE
        if each.answer is None and each.role <= role and each.act != ENROL
    }


@pytest.mark.trio
async def test_a_refusal_says_who_has_the_role_and_is_on_record(path: Path) -> None:
    world = World(Roles(viewers=(ME,), officers=("root-of-all", "@board")))
    async with world.serving(path):
        with pytest.raises(NotAllowedError, match="root-of-all, @board"):
            await post(path, "/v1/orders/abandon", {})
    ((act, actor, more),) = world.trail.records
    assert act == "refuse" and more == {"what": "abandon", "needs": "officer"}
    assert actor == Actor(Factor.SOCKET, os.geteuid(), ME, "viewer")


@pytest.mark.trio
async def test_roles_that_change_count_for_connections_that_are_open(path: Path) -> None:
    world = World(allowed(Role.OPERATOR))
    request = b"POST /v1/orders/pause HTTP/1.1\r\nhost: x\r\n\r\n"
    async with world.serving(path), await trio.open_unix_socket(os.fspath(path)) as stream:
        await stream.send_all(request)
        while b"done" not in (await stream.receive_some()):
            pass
        world.gate.roles = allowed(Role.VIEWER)
        await stream.send_all(request)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 403")


@pytest.mark.trio
async def test_only_an_officer_may_send_much(path: Path) -> None:
    world = World(allowed(Role.OPERATOR))
    async with world.serving(path):
        with pytest.raises(StatusAnswerError, match="not an acceptable"):
            await post(path, "/v1/orders/pause", {"x": "y" * MAX_BODY})
        world.gate.roles = allowed(Role.OFFICER)
        await post(path, "/v1/orders/pause", {"x": "y" * MAX_BODY})


# -- a second factor -------------------------------------------------------------------------------


class Memory:
    """A store's values."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}

    def meta(self, key: str) -> bytes | None:
        return self._values.get(key)

    def set_meta(self, key: str, value: bytes) -> None:
        self._values[key] = value


@pytest.mark.trio
async def test_an_officers_act_needs_a_code_and_no_other_does(path: Path) -> None:
    world = World()
    world.gate.codes = Codes(Memory())
    async with world.serving(path):
        for each in ALONE:
            if each.role < Role.OFFICER and each.path != "/v1/events":
                await called(path, each)
            elif each.role is Role.OFFICER and each.act != ENROL:
                with pytest.raises(CodeNeeded, match="needs a code"):
                    await called(path, each)
    assert not {"abandon", "approve handover"} & set(world.trail.acts())


@pytest.mark.trio
async def test_who_enrolls_gets_the_secret_once_and_acts_with_its_codes(path: Path) -> None:
    world = World()
    world.gate.codes = Codes(Memory())
    async with world.serving(path):
        answer = await post(path, "/v1/orders/enroll", {})
        (text,) = parse_qs(urlsplit(str(answer["uri"])).query)["secret"]
        with pytest.raises(StatusAnswerError, match="enrolled already"):
            await post(path, "/v1/orders/enroll", {})
        code = code_of(base64.b32decode(text), int(time.time() // STEP_SECONDS))
        await post(path, "/v1/orders/abandon", {"round": 3, "code": code})
        with pytest.raises(NotAllowedError, match="used before"):
            await post(path, "/v1/orders/abandon", {"round": 3, "code": code})
    assert world.trail.acts() == ["enroll", "enroll", "refuse", "abandon", "refuse"]
    _, actor, more = world.trail.records[3]
    assert actor.factor is Factor.CODE and more == {"round": 3}
    assert world.trail.records[4][2] == {"what": "abandon", "needs": "code", "code": "used"}
    said = repr(world.trail.records)
    assert text not in said and code not in said and "otpauth" not in said


@pytest.mark.trio
async def test_a_code_that_is_no_text_is_none(path: Path) -> None:
    world = World()
    world.gate.codes = codes = Codes(Memory())
    codes.enrol(str(os.geteuid()))
    async with world.serving(path):
        for each in (123456, None, ["1"], {"a": 1}, True):
            with pytest.raises(CodeNeeded):
                await post(path, "/v1/orders/abandon", {"code": each})
    assert world.log == []


@pytest.mark.trio
async def test_where_no_code_is_needed_nobody_enrolls(path: Path) -> None:
    world = World()
    async with world.serving(path):
        with pytest.raises(StatusAnswerError, match="second_factor"):
            await post(path, "/v1/orders/enroll", {})
    assert world.trail.acts() == ["enroll", "refuse"]


# -- other users, by the kernel's word -------------------------------------------------------------

CALL = """
import json, os, sys, trio
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from peerd.errors import PeerdError
from peerd.status.client import get, post
os.setgroups([])
os.setgid(65534)
os.setuid(int(sys.argv[2]))
for call, *more in json.loads(sys.argv[4]):
    try:
        trio.run({"get": get, "post": post}[call], Path(sys.argv[1]), *more)
        print("done")
    except PeerdError as error:
        print(error.exit_code, error)
"""
ROOT = Path(__file__).parents[3]


async def calls(path: Path, user: str, *which: tuple[Any, ...]) -> list[str]:
    uid = str(pwd.getpwnam(user).pw_uid)
    command = [sys.executable, "-c", CALL, os.fspath(path), uid, os.fspath(ROOT), json.dumps(which)]
    done = await trio.run_process(command, capture_stdout=True, stderr=subprocess.STDOUT)
    return done.stdout.decode().splitlines()


LOOK, PAUSE = ("get", "/v1/status"), ("post", "/v1/orders/pause", {})


@as_root
@pytest.mark.trio
async def test_other_users_do_what_they_are_named_for(path: Path) -> None:
    with trio.fail_after(HANG), capture_logs():
        world = World(Roles(viewers=("daemon",), operators=("nobody",)))
        async with world.serving(path):
            assert path.parent.stat().st_mode & 0o777 == 0o711
            assert path.stat().st_mode & 0o777 == 0o666
            assert await calls(path, "nobody", LOOK, PAUSE) == ["done", "done"]
            looked, refused = await calls(path, "daemon", LOOK, PAUSE)
            assert looked == "done" and refused.startswith("10 ") and "nobody" in refused
            (shut_out,) = await calls(path, "games", LOOK)
            assert shut_out.startswith("10 ") and "has no role here" in shut_out
        assert [(act, actor.user) for act, actor, _ in world.trail.records] == [
            ("pause", "nobody"),
            ("refuse", "daemon"),
            ("refuse", "games"),
        ]


HOLD = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
held = []
for _ in range(int(sys.argv[3])):
    line = socket.socket(socket.AF_UNIX)
    line.connect(sys.argv[1])
    held.append(line)
closed = 0
for line in held:
    line.settimeout(1)
    try:
        closed += line.recv(1) == b""
    except TimeoutError:
        pass
print(closed)
"""


@as_root
@pytest.mark.trio
async def test_one_user_takes_no_connections_from_the_others(path: Path) -> None:
    world = World(Roles(viewers=("daemon",), operators=("root",)))
    async with world.serving(path):
        uid = str(pwd.getpwnam("daemon").pw_uid)
        extra = 4
        command = [sys.executable, "-c", HOLD, os.fspath(path), uid, str(MAX_OF_ONE + extra)]
        async with trio.open_nursery() as nursery:
            done = await nursery.start(partial(_started, command))
            await trio.sleep(0.5)
            await post(path, "/v1/orders/pause", {})
        assert int(done[0]) >= extra


async def _started(command: list[str], *, task_status: Any) -> None:
    out: list[str] = []
    task_status.started(out)
    found = await trio.run_process(command, capture_stdout=True)
    out.append(found.stdout.decode())
