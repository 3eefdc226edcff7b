"""Harnesses for what bytes meet outside the core: streams, requests, HTTP, files."""

from __future__ import annotations

import atexit
import gzip
import json
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import structlog
import trio
import trio.testing
from fuzz_messages import GROUP, MEMBERS, NOW, a_genesis, records
from fuzz_scene import setting
from fuzz_trees import Script
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.stream_muxer.exceptions import MuxedStreamEOF

from peerd.config import Config, render_config
from peerd.discovery.address_book import AddressBook
from peerd.errors import ConfigError, IdentityError, StorageError, TaskError
from peerd.group import document
from peerd.identity import Identity
from peerd.learning import frames as learning
from peerd.runner.library import Library
from peerd.sealing import Unsealed, Vault, key_source
from peerd.sealing.locked import unlock
from peerd.sealing.vault import MAGIC
from peerd.status.board import StatusBoard
from peerd.status.callers import Caller
from peerd.status.door import Door
from peerd.status.gate import Gate
from peerd.status.http import Deadlines, HttpConnection
from peerd.status.routes import Views
from peerd.storage import Store
from peerd.tasks.cifar import FORMS, read_rows
from peerd.tasks.conformity import compare
from peerd.tasks.encoding import encode_file
from peerd.tasks.examination import Selection, examine
from peerd.tasks.held_out import UNSAID, HeldOutRule
from peerd.tasks.idx import read_idx
from peerd.tasks.schema import Schema
from peerd.transport.frame_wire import HEADER, HELLO
from peerd.transport.inbox import Inbox
from peerd.transport.limits import Limits, MuxLimits
from peerd.transport.names import libp2p_id
from peerd.transport.receiver import Receiver
from peerd.transport.repairs.yamux import StrictYamux
from peerd.transport.repairs.yamux_wire import (
    DATA,
    FIN,
    GO_AWAY,
    INITIAL_WINDOW,
    PING,
    SYN,
    WINDOW_UPDATE,
)
from peerd.transport.repairs.yamux_wire import frame as yamux_frame
from peerd.transport.requests import LENGTH, RequestServer
from protocols.errors import WireError
from protocols.wire.canonical import pack

VAULT = Vault.passing()

PEER = libp2p_id(MEMBERS[0].public)
LIMITS = Limits(control_frame=4096, max_frame=16384, request_bytes=4096)


def quiet() -> None:
    """What is refused is logged, thousands of times here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@cache
def folder() -> Path:
    """In memory where that exists: a file is written for every execution."""
    memory = Path("/dev/shm")
    made = tempfile.mkdtemp(prefix="peerd-fuzz-", dir=memory if memory.is_dir() else None)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


def written(name: str, data: bytes) -> Path:
    path = folder() / name
    path.write_bytes(data)
    return path


# -- streams ---------------------------------------------------------------------------------------


class Pipe:
    """A stream that gives these bytes in pieces as they are asked for, and swallows the rest."""

    def __init__(self, data: bytes, piece: int) -> None:
        self.data = data
        self.piece = piece
        self.reset_count = 0
        self.written = 0
        self.is_initiator = False

    async def read(self, n: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self.data:
            raise MuxedStreamEOF("the end")
        size = min(self.piece, len(self.data) if n is None else n)
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    async def write(self, data: bytes) -> None:
        await trio.lowlevel.checkpoint()
        self.written += len(data)

    async def reset(self) -> None:
        self.reset_count += 1

    async def close(self) -> None:
        await trio.lowlevel.checkpoint()

    def get_remote_address(self) -> tuple[str, int]:
        return ("127.0.0.1", 1)


class Connection:
    peer_id = PEER


class Stream:
    """The part of a libp2p stream that the handlers use."""

    def __init__(self, pipe: Pipe) -> None:
        self.muxed_conn = Connection()
        self.muxed_stream = pipe
        self.reset = pipe.reset
        self.close = pipe.close


def _stream(data: bytes) -> Any:
    script = Script(data)
    piece = script.pick([1, 3, 7, 64, 4096])
    return Stream(Pipe(script.rest(), piece))


def frame_stream(data: bytes) -> None:
    """The receiver's end of ``/peerd/1/frames``, on a stream of the multiplexer."""
    script = Script(data)
    piece = script.pick([1, 3, 7, 64, 4096])
    rest = script.rest()
    wire = yamux_frame(WINDOW_UPDATE, SYN, 1, 0)
    for start in range(0, min(len(rest), INITIAL_WINDOW), piece):
        part = rest[start : start + piece]
        wire += yamux_frame(DATA, 0, 1, len(part), part)
    pipe = Secured(wire + yamux_frame(DATA, FIN, 1, 0), 65536)

    async def main() -> None:
        receiver = Receiver(LIMITS)
        muxer = StrictYamux(pipe, PEER, MuxLimits(heartbeat=1000))  # type: ignore[arg-type]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(muxer.start)
            nursery.start_soon(_take_all, receiver.inbox)
            await receiver.handle(Opened(await muxer.accept_stream()))  # type: ignore[arg-type]
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


class Opened:
    """The part of a libp2p stream that the receiver uses."""

    def __init__(self, stream: Any) -> None:
        self.muxed_conn = stream.muxed_conn
        self.muxed_stream = stream
        self.reset = stream.reset


async def _take_all(inbox: Inbox) -> None:
    while True:
        _, frame = await inbox.receive()
        assert len(frame) <= LIMITS.max_frame


def request_stream(data: bytes) -> None:
    """The server's end of ``/peerd/1/request``, with the handler of the daemon."""

    async def handler(peer: bytes, payload: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        return library_answer(payload)

    async def main() -> None:
        await RequestServer(LIMITS, handler).handle(_stream(data))

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


class Wires:
    """Takes the library's handler; nothing is asked of anybody."""

    def handle_requests(self, handler: object) -> None:
        self.handler = handler


@cache
def _library() -> Library:
    store = Store.open(folder() / "store")
    atexit.register(store.close)
    return Library(setting(), store, Wires())  # type: ignore[arg-type]


def library_answer(payload: bytes) -> bytes:
    """As ``Library._answer``, without the thread."""
    return _library()._find(None, *_library()._parse(payload))


def library(data: bytes) -> None:
    try:
        library_answer(data)
    except WireError:
        return


class Secured(Pipe):
    """What a muxer reads from: its end is a closed connection."""

    async def read(self, n: int | None = None) -> bytes:
        if not self.data:
            await trio.lowlevel.checkpoint()
            raise ConnectionClosedError("the end")
        return await super().read(n)


def yamux(data: bytes) -> None:
    """The multiplexer under all streams: whatever a peer writes, it ends without an exception."""
    script = Script(data)
    pipe = Secured(b"", script.pick([1, 5, 12, 64, 65536]))
    pipe.data = script.rest()

    async def main() -> None:
        muxer = StrictYamux(pipe, PEER, MuxLimits(heartbeat=1000))  # type: ignore[arg-type]
        await muxer.start()
        assert muxer.is_closed
        assert len(muxer._streams) <= 2 * MuxLimits().streams

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


# -- the status server -----------------------------------------------------------------------------


def _views() -> Views:
    store = _library()._store
    return Views(list, store.rounds, store.round, store.transcript, store.model)


def http(data: bytes) -> None:
    """One connection to the status socket."""
    script = Script(data)
    piece = script.pick([1, 7, 100, 4096])
    body = script.rest()

    async def main() -> None:
        board = StatusBoard(boot="fuzz")
        ours, theirs = trio.testing.memory_stream_pair()
        deadlines = Deadlines(request=1, write=1, heartbeat=1)

        door = Door(board, _views(), Gate(), deadlines)
        answer = partial(door._answer, Caller(os.geteuid()))
        connection = HttpConnection(theirs, board, answer, deadlines)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_drain, ours)

            async def ask() -> None:
                for start in range(0, len(body), piece):
                    await ours.send_all(body[start : start + piece])
                await ours.send_eof()

            nursery.start_soon(_patiently, ask)
            await connection.serve()
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def _drain(stream: Any) -> None:
    while await stream.receive_some(65536):
        pass


async def _patiently(ask: Any) -> None:
    try:
        await ask()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return


# -- the training worker, files --------------------------------------------------------------------


def learning_frame(data: bytes) -> None:
    try:
        learning.body_length(data[:4])
        message = learning.decode(data[4:])
        for value in message.values():
            learning.vector(value, 2)
    except TaskError:
        return


def idx(data: bytes) -> None:
    try:
        array = read_idx(written("array.idx", data))
    except TaskError:
        return
    assert array.ndim <= 4


def cifar(data: bytes) -> None:
    """As a file of ten classes, which have one label a row, and as one of a hundred."""
    path = written("batch.bin", data)
    for form in FORMS.values():
        try:
            images, labels = read_rows(path, form)
        except TaskError:
            continue
        assert len(images) == len(labels) and 0 <= labels.min() <= labels.max() < form.labels[-1]


SCHEMA: dict[str, Any] = {
    "label": "fraud",
    "classes": ["no", "yes"],
    "columns": [
        {"name": "amount", "mean": "10.0", "scale": "2.5"},
        {"name": "country", "values": ["DE", "FR"], "buckets": 2},
    ],
}
NUMBER: dict[str, Any] = {
    "label": "amount",
    "target": {"mean": "10.0", "scale": "2.5"},
    "columns": [SCHEMA["columns"][1]],
}


def table(data: bytes) -> None:
    """A CSV file, as a founder reads it and as a member does: classes, numbers, marked rows."""
    path = written("rows.csv", data)
    marked = HeldOutRule(column="country")
    for label, kind, rule in (
        ("fraud", None, UNSAID),
        ("amount", "regression", UNSAID),
        ("fraud", None, marked),
    ):
        with suppress(TaskError):
            _, found = examine(path, label, Selection(min_rows=1, kind=kind, held_out=rule))
            if found is not None:
                encode_file(found, path, rule)
    for options in (SCHEMA, NUMBER):
        with suppress(TaskError):
            encode_file(Schema.from_options(options), path)
        with suppress(TaskError):
            compare(path, Schema.from_options(options))


def schema(data: bytes) -> None:
    """Task options of a genesis that somebody else has written: any JSON value."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        read = Schema.from_options(value)
        assert Schema.from_options(read.to_options()) == read
    except TaskError:
        return


def config(data: bytes) -> None:
    try:
        Config.load(written("peerd.toml", data))
    except ConfigError:
        return


def key_file(data: bytes) -> None:
    """What does not hold a key may still be one, in another format: no error quotes it."""
    path = written("peer.key", data)
    path.chmod(0o600)
    said = ""
    try:
        Identity.load(path)
    except IdentityError as error:
        said = str(error)
    quoted = data[12:76].decode("latin-1")
    assert len(quoted) < 32 or quoted not in said


def envelope(data: bytes) -> None:
    """A value, and a small file, as somebody left them on the disk: nothing but a refusal."""
    for each in (data, MAGIC + data, VAULT.header + data):
        with suppress(Unsealed):
            VAULT.open(each, b"blob")
            raise AssertionError("it opened")
    with suppress(ValueError, StorageError):
        unlock("key ring", data, key_source("credential:none"))
        raise AssertionError("it opened")


def address_book(data: bytes) -> None:
    """A file that somebody has changed is not used, or only in part."""
    path = written("addresses.json", data)
    book = AddressBook(path, [each.public for each in MEMBERS], GROUP, clock=lambda: NOW)
    assert len(book.fresh_records()) <= len(MEMBERS)
    book.save()


# -- seeds -----------------------------------------------------------------------------------------


def streams() -> list[bytes]:
    hello = HELLO.pack(0, bytes(16))
    one = hello + HEADER.pack(1, 3) + b"abc" + HEADER.pack(2, 0) + HEADER.pack(2, 1) + b"x"
    return [
        b"\4" + one,
        b"\1" + HELLO.pack(1, b"s" * 16) + HEADER.pack(9, 5000) + bytes(5000),
        b"\3" + hello + HEADER.pack(1, 1 << 31),
    ]


def requests() -> list[bytes]:
    asks = [pack([what, 0]) for what in ("head", "certificate", "model", "polynomials")]
    return [b"\4" + LENGTH.pack(len(ask)) + ask for ask in asks]


def asks() -> list[bytes]:
    return [each[5:] for each in requests()]


def multiplexed() -> list[bytes]:
    opened = yamux_frame(WINDOW_UPDATE, SYN, 1, 0)
    said = yamux_frame(DATA, 0, 1, 5, b"hello")
    ended, ping = yamux_frame(DATA, FIN, 1, 0), yamux_frame(PING, SYN, 0, 7)
    away = yamux_frame(GO_AWAY, 0, 0, 0)
    return [b"\4" + opened + said + ended + ping, b"\0" + opened + ping + away, b"\2" + said]


def http_requests() -> list[bytes]:
    asks = ["status", "peers", "rounds?since=1&limit=2", "rounds/0", "rounds/0/model"]
    asks += ["rounds/0/transcript", "events?since=0", "nothing"]
    lines = [f"GET /v1/{ask} HTTP/1.1\r\nhost: x\r\n\r\n".encode() for ask in asks]
    post = b"POST /v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"
    return [b"\3" + line for line in lines] + [b"\1" + lines[0] * 2, b"\3" + post]


def worker_frames() -> list[bytes]:
    return [
        learning.encode({"done": True, "vector": bytes(8), "loss": 0.5}),
        learning.encode({"error": "text", "list": [1, 2, {"a": None}]}),
    ]


def idx_files() -> list[bytes]:
    plain = b"\0\0\x08\x02" + (2).to_bytes(4, "big") + (3).to_bytes(4, "big") + bytes(range(6))
    return [plain, gzip.compress(plain, mtime=0), b"\0\0\x08\x01\xff\xff\xff\xff"]


def cifar_files() -> list[bytes]:
    pixels = bytes(range(256)) * 12
    return [b"\x09" + pixels, (b"\0" + pixels) * 2, b"\x13\x63" + pixels, b"\x80\x02}."]


def tables() -> list[bytes]:
    rows = 'amount,country,fraud\n1.5,DE,no\n,FR,yes\nnan,"a""b",no\n1e3,GB,yes\n'
    return [rows.encode(), rows.replace(",", ";").encode(), b"\xef\xbb\xbf" + rows.encode()]


def schemas() -> list[bytes]:
    return [json.dumps(SCHEMA).encode(), b"[]", b'{"label":1}', json.dumps(NUMBER).encode()]


def configs() -> list[bytes]:
    return [
        render_config().encode(),
        b'data="d"\nkey="k"\ngenesis="g"\n[task.options]\nx=1\n[log]\nlevel="debug"\n',
        b'data="d"\nkye="k"\n',
    ]


def key_files() -> list[bytes]:
    path = folder() / "made.key"
    if not path.exists():
        Identity(b"\7" * 32)._write(path)
    return [path.read_bytes()]


def envelopes() -> list[bytes]:
    """No key is there to open the file; what it says is read before one is asked for."""
    lock = {"salt": "00" * 16, "operations": 3, "memory": 1 << 28}
    ring = {"peerd-locked": 1, "what": "key ring", "lock": lock, "sealed": "00" * 60}
    return [VAULT.seal(b"value", b"elsewhere"), json.dumps(ring).encode()]


def address_books() -> list[bytes]:
    content = {"version": 1, "group": GROUP.hex(), "records": [each.hex() for each in records()]}
    return [json.dumps(content).encode()]


def genesis_texts() -> list[bytes]:
    return [document.render(a_genesis()).encode()]
