"""A foreign peer: js-libp2p, with a member's key, with a stranger's, and with words of its own.

Needs node and npm, and the packages of package.json beside this file: they are installed once,
into a folder outside of the repository (PEERD_INTEROP names another one). Elsewhere the tests are
skipped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from peerd.discovery import AddressBook, Discovery
from peerd.discovery.lookup import record_key
from peerd.discovery.records import read_record
from peerd.identity import Identity
from peerd.transport import Limits, Transport
from peerd.transport.names import libp2p_id
from tests.patience import HANG

HERE = Path(__file__).parent
GROUP = hashlib.sha256(b"the group of the interop tests").digest()
OTHER_GROUP = hashlib.sha256(b"a group that is another").digest()
INSTALL_SECONDS = 600.0
FOREIGN = hashlib.sha256(b"a foreign peer").digest()
STRANGER = hashlib.sha256(b"a stranger").digest()
GARBAGE = bytes([250]) * 64
"""No hello of a frame stream: there is no lane 250. As a request's length it is 4 GB."""


@pytest.fixture(scope="module")
def packages() -> Path:
    """The folder with js-libp2p in it; skips where it can't be had."""
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            pytest.skip(f"js-libp2p needs the command {command}")
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("PEERD_INTEROP") or cache / "peerd-interop") / wanted
    if not (folder / "node_modules").is_dir():
        install(folder)
    return folder


def install(folder: Path) -> None:
    """All or nothing: another run may be at it, or be killed in the midst."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, made)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional"]
        try:
            subprocess.run(
                command, cwd=made, check=True, capture_output=True, timeout=INSTALL_SECONDS
            )
        except (subprocess.SubprocessError, OSError) as error:
            pytest.skip(f"js-libp2p can't be installed: {error}")
        ready = Path(made) / "ready"
        ready.mkdir()
        for each in ("node_modules", "package.json", "package-lock.json"):
            (Path(made) / each).rename(ready / each)
        if not folder.exists():
            ready.rename(folder)


class Member:
    def __init__(self, number: int, roster: Sequence[bytes], folder: Path, ask: str | None) -> None:
        self.identity = identity(number)
        self.book = AddressBook(folder / f"{number}.json", roster, GROUP)
        anywhere = "/ip4/127.0.0.1/tcp/0"
        limits = Limits(backoff_first=0.02, backoff_last=0.2, passive_wait=0.1)
        self.transport = Transport(self.identity, GROUP, roster, anywhere, self.book, limits)
        self._ask = ask

    async def run(self, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.transport.run)
            asked = [] if self._ask is None else [self._ask]
            discovery = Discovery(self.transport, self.identity, self.book, asked)
            nursery.start_soon(discovery.run)
            task_status.started()

    @property
    def address(self) -> str:
        return f"{self.transport.listen_addresses()[0]}/p2p/{libp2p_id(self.identity.public)}"


def identity(number: int) -> Identity:
    return Identity(hashlib.sha256(b"interop %d" % number).digest())


@asynccontextmanager
async def group(folder: Path) -> AsyncIterator[list[Member]]:
    """Two members that have met, and a third place in the roster, for the foreign peer."""
    roster = sorted([identity(0).public, identity(1).public, Identity(FOREIGN).public])
    async with trio.open_nursery() as nursery:
        one = Member(0, roster, folder, None)
        await nursery.start(one.run)
        other = Member(1, roster, folder, one.address)
        await nursery.start(other.run)
        with trio.fail_after(HANG):
            while len(one.book.fresh_records()) < 2:
                await trio.sleep(0.05)
        yield [one, other]
        nursery.cancel_scope.cancel()


async def played(
    packages: Path,
    seed: bytes,
    members: Sequence[Member],
    streams: Sequence[tuple[str, str, bytes]],
) -> dict[str, dict[str, Any]]:
    """What the foreign peer says of each of its steps, by name; the transcript is printed."""
    asked = {
        "packages": str(packages),
        "seed": seed.hex(),
        "target": members[0].address,
        "key": record_key(GROUP, members[1].identity.public),
        "streams": [(step, protocol, sent.hex()) for step, protocol, sent in streams],
    }
    with trio.fail_after(HANG):
        done = await trio.run_process(
            ["node", str(HERE / "foreign.mjs"), json.dumps(asked)],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    print(done.stdout.decode(), done.stderr.decode())
    assert done.returncode == 0, done.stderr.decode()
    found = [json.loads(line) for line in done.stdout.decode().splitlines()]
    return {each.pop("step"): each for each in found}


@pytest.mark.trio
async def test_a_member_of_another_implementation_is_understood_in_what_is_libp2ps(
    packages: Path, tmp_path: Path
) -> None:
    async with group(tmp_path) as members:
        one, other = members
        streams = [
            ("frames", one.transport.protocol("frames"), GARBAGE),
            ("request", one.transport.protocol("request"), GARBAGE),
            ("another group", f"/peerd/1/frames/{OTHER_GROUP[:8].hex()}", GARBAGE),
            ("relay", one.transport.protocol("relay"), other.identity.public),
        ]
        said = await played(packages, FOREIGN, members, streams)
        assert said["peer"]["id"] == Identity(FOREIGN).peer_id
        assert said["dial"] == {"ok": True, "encryption": "/noise", "multiplexer": "/yamux/1.0.0"}
        assert {"/ipfs/ping/1.0.0", "/ipfs/kad/1.0.0"} <= set(said["identify"]["protocols"])
        assert said["ping"]["ok"]
        told = read_record(bytes.fromhex(said["dht"]["value"]), GROUP)
        assert (told.public, told.addresses) == (
            other.identity.public,
            other.transport.listen_addresses(),
        )
        # Beyond it: what is no message of the group ends its stream, and nothing else.
        assert said["frames"]["ended"] != "still open" and said["frames"]["received"] == 0
        assert said["request"] == {"ok": True, "received": 5, "ended": "closed"}
        for unknown in ("another group", "relay"):
            assert said[unknown]["error"] == "UnsupportedProtocolError"
        assert said["open"]["status"] == "open"
        assert len(one.transport.frames) == 0
        assert other.identity.public in one.transport.connected()


@pytest.mark.trio
async def test_a_stranger_of_another_implementation_gets_no_further_than_the_handshake(
    packages: Path, tmp_path: Path
) -> None:
    async with group(tmp_path) as members:
        said = await played(packages, STRANGER, members, [])
        assert not said["dial"]["ok"]
        assert said.keys() == {"peer", "dial"}
        assert members[0].transport.host.refused
        assert len(members[0].transport.connected()) == 1
