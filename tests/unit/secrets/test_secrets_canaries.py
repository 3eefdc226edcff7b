"""Recognisable secrets through a whole round of four real peers: found nowhere but where they
belong (fault 53).

Real sessions, drivers, stores on disk, transports over loopback and status routes; only training is
replaced, by a vector that can be recognised. The haystacks are the log at level debug, every answer
and event of the status server, all files, every frame on the wire, the repr of every object of the
project that a driver can reach, tracebacks and errors.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import traceback
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import structlog
import trio

from peerd.crypto import Sodium
from peerd.errors import JournalConflict
from peerd.identity import Identity
from peerd.learning.trained import Evaluation, Found
from peerd.logging import configure
from peerd.runner import resume
from peerd.runner.driver import Driver
from peerd.runner.library import Library
from peerd.runner.records import Records
from peerd.runner.rhythm import Beat
from peerd.sealing import KeySource
from peerd.status.board import StatusBoard
from peerd.status.routes import Answer, Bytes, Views, found, told
from peerd.storage import Store
from peerd.transport import Transport
from protocols.aggregation import aggregator, model_hash
from protocols.aggregation.evaluation import Evaluation as GroupEvaluation
from protocols.committee import dealer as dealing
from protocols.election.flip import Draw
from protocols.hashing import digest
from protocols.plan import CommitteePlan
from protocols.proof import Dealing
from protocols.record.deadlines import Deadlines
from protocols.record.position import first_position
from protocols.record.setting import Setting
from protocols.secret import Secret
from protocols.session.local import LocalPeer
from protocols.session.session import Session
from protocols.wire.frames import DealingFrame, StatementFrame, decode_frame
from protocols.wire.payloads import Kind
from protocols.wire.statement import decode_statement
from tests.patience import HANG

PEERS = 4
PARAMETERS = 96
PLAN = CommitteePlan(committee=4, threshold=1, packing=1, absent=0)


def canary(what: str, *numbers: int) -> bytes:
    """32 bytes that occur nowhere by accident; the first ones can be read by a person."""
    text = f"CANARY{what}".encode()[:14]
    return text + digest("canary", text, bytes(numbers))[: 32 - len(text)]


@lru_cache(maxsize=4096)
def spellings(secret: bytes) -> list[bytes]:
    """How the bytes would look in a text or a file."""
    # Bits that are stored as words of eight bytes: three of them are in any file.
    core = secret[:24] if len(secret) <= 32 else secret[:192]
    numbers = ", ".join(str(byte) for byte in core)
    coded = [base64.b64encode(secret)[:30], base64.urlsafe_b64encode(secret)[:30]]
    text = repr(core)[2:-1].encode()
    return [core, core.hex().encode(), core.hex().upper().encode(), numbers.encode(), text, *coded]


def holds(haystack: bytes | str, secret: bytes) -> bool:
    data = haystack.encode("utf-8", "surrogateescape") if isinstance(haystack, str) else haystack
    return any(each in data for each in spellings(secret))


@dataclass
class Secrets:
    """What was drawn, by name. ``always`` is for no eyes at all."""

    always: dict[str, bytes] = field(default_factory=dict)
    nonces: dict[int, bytes] = field(default_factory=dict)
    packages: list[tuple[bytes, ...]] = field(default_factory=list)

    def everything(self) -> dict[str, bytes]:
        shares = {
            f"share {i}/{j}": package[:64]
            for i, packages in enumerate(self.packages)
            for j, package in enumerate(packages)
        }
        return {**self.always, **shares}


def right(index: int) -> int:
    """What a peer counts, as digits that nothing else has."""
    return 8_765_431 + 1009 * index


class Training:
    """In the trainer's place: vectors that can be recognised."""

    def __init__(self, index: int) -> None:
        self.index = index

    def training_first(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def update(self, round: int, model: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        await trio.lowlevel.checkpoint()
        step = np.random.default_rng([7, self.index]).standard_normal(model.shape)
        return (model + step).astype(np.float32)

    async def evaluate(self, model: npt.NDArray[np.float32]) -> Evaluation:
        await trio.lowlevel.checkpoint()
        return Evaluation(0.5, 1.0)

    async def count(self, model: npt.NDArray[np.float32], rows: int = 0, classes: int = 0) -> Found:
        await trio.lowlevel.checkpoint()
        return Found(rows, True, 0, counted=True, right=right(self.index))


class Phonebook:
    def __init__(self) -> None:
        self.known: dict[bytes, tuple[str, ...]] = {}
        self.changed = trio.Event()

    def addresses(self, public: bytes) -> tuple[str, ...]:
        return self.known.get(public, ())

    async def wait_for_change(self, public: bytes) -> None:
        await self.changed.wait()


@dataclass
class Peer:
    driver: Driver
    session: Session
    store: Store
    board: StatusBoard
    directory: Path
    views: Views
    events: list[str] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)


@dataclass
class Evidence:
    """What the run left, and what was seen while it ran."""

    secrets: Secrets
    peers: list[Peer]
    log: str
    seen: list[str]
    checks: int
    source: KeySource | None = None
    """Of the key, where the disk is encrypted."""


# -- looking ---------------------------------------------------------------------------------------


def reachable(root: object) -> Iterator[object]:
    """Objects of the project's own classes, by attributes and containers."""
    pending, visited = [root], set[int]()
    while pending:
        item = pending.pop()
        if id(item) in visited or isinstance(item, bytes | str | int | float | np.ndarray | type):
            continue
        visited.add(id(item))
        if isinstance(item, dict):
            pending += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            pending += list(item)
        elif type(item).__module__.split(".")[0] in ("peerd", "protocols", __name__):
            yield item
            slots = [s for c in type(item).__mro__ for s in getattr(c, "__slots__", ())]
            names = {*getattr(item, "__dict__", {}), *slots} - {"__dict__", "__weakref__"}
            pending += [getattr(item, name) for name in names if hasattr(item, name)]


def tables(store: Store) -> bytes:
    """All that the database holds beside the journal."""
    names = ("meta", "certificate", "history", "blame", "blob", "model", "transcript")
    rows = [row for name in names for row in store._database.rows(f"SELECT * FROM {name}")]
    return b"\n".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
    )


def files(directory: Path, *, database: bool) -> bytes:
    """The bytes of all files, with the database's own (journal included) or without."""
    found = [path for path in directory.rglob("*") if path.is_file()]
    assert any("sqlite" in path.name or path.suffix == ".db" for path in found), found
    kept = [p for p in found if database or not ("sqlite" in p.name or ".db" in p.name)]
    return b"\n".join(path.read_bytes() for path in kept)


def answers(peer: Peer) -> bytes:
    targets = ["status", "peers", "rounds", "rounds/0", "rounds/0/transcript"]
    said = [told(*found(peer.board, peer.views, "GET", f"/v1/{each}")) for each in targets]
    texts = [each.data for each in said if isinstance(each, Bytes)]
    texts += [json.dumps(each.document).encode() for each in said if isinstance(each, Answer)]
    return b"\n".join(texts) + "\n".join(peer.events).encode()


# -- the round -------------------------------------------------------------------------------------


def run_round(
    directory: Path,
    log: io.StringIO,
    patch: pytest.MonkeyPatch,
    source: KeySource | None = None,
) -> Evidence:
    secrets, drawn = Secrets(), iter(range(1000))

    def entropy(size: int) -> bytes:
        value = canary("attempt", next(drawn))
        secrets.always[f"drawn {value[:14]!r} {len(secrets.always)}"] = value
        return value[:size]

    real_deal = dealing.deal

    def deal(
        shape: Any, values: Any, secret: bytes, context: bytes, public: Sequence[int]
    ) -> Dealing:
        dealt = real_deal(shape, values, secret, context, public)
        secrets.packages.append(dealt.packages)
        return dealt

    patch.setattr(resume, "os", SimpleNamespace(urandom=entropy))
    patch.setattr(dealing, "deal", deal)
    identities = [Identity(canary("identity", index)) for index in range(PEERS)]
    identities.sort(key=lambda one: one.public)
    for index, identity in enumerate(identities):
        secrets.always[f"identity {index}"] = identity.secret.reveal()
    model = np.random.default_rng(3).standard_normal(PARAMETERS).astype(np.float32)
    setting = Setting(
        b"g" * 32,
        tuple(one.public for one in identities),
        1,
        Fraction(0),
        PLAN,
        aggregator("rsa", {}),
        PARAMETERS,
        model_hash(model),
        Deadlines(),
        Sodium(),
        evaluation=GroupEvaluation((9_000_000,) * PEERS),
    )
    for index in range(PEERS):
        secrets.always[f"counts {index}"] = str(right(index)).encode()
    evidence = Evidence(secrets, [], "", [], 0, source)
    return trio.run(partial(_round, directory, log, setting, identities, model, evidence))


async def _round(
    directory: Path,
    log: io.StringIO,
    setting: Setting,
    identities: list[Identity],
    model: npt.NDArray[np.float32],
    evidence: Evidence,
) -> Evidence:
    book = Phonebook()
    everything = "/ip4/127.0.0.1/tcp/0"
    wires = [Transport(one, setting.group, setting.roster, everything, book) for one in identities]
    with trio.fail_after(HANG):
        async with trio.open_nursery() as nursery:
            for wire in wires:
                await nursery.start(wire.run)
                book.known[wire.identity.public] = wire.listen_addresses()
            book.changed.set()
            book.changed = trio.Event()
            for index, wire in enumerate(wires):
                while len(wire.connected()) < PEERS - 1:
                    await trio.sleep(0.02)
                peer = _peer(setting, index, identities[index], wire, directory, model, evidence)
                evidence.peers.append(peer)
            for peer in evidence.peers:
                await nursery.start(peer.driver.run)
            while not all(_done(peer) for peer in evidence.peers):
                await trio.sleep(0.05)
            for peer in evidence.peers:
                _look(peer, evidence, after=True)
            nursery.cancel_scope.cancel()
    evidence.log = log.getvalue()
    for peer in evidence.peers:
        peer.store.close()
    return evidence


def _done(peer: Peer) -> bool:
    summary = peer.store.round(0)
    return summary is not None and summary["accuracy"] is not None


def _peer(
    setting: Setting,
    index: int,
    identity: Identity,
    wire: Transport,
    directory: Path,
    model: npt.NDArray[np.float32],
    evidence: Evidence,
) -> Peer:
    home = directory / f"peer-{index}"
    store, board = Store.open(home, source=evidence.source), StatusBoard()
    _remember(setting, index, model, evidence.secrets)
    drawn = partial(_secret, store, index, evidence.secrets)
    local = LocalPeer(setting, index, identity.secret, drawn)
    session = Session(local, first_position(setting, model), store.journal(0), rounds=1)
    library, records = Library(setting, store, wire), Records(store, setting.roster)
    driver = Driver(
        setting,
        session,
        store,
        wire,
        Training(index),  # type: ignore[arg-type]
        board,
        library,
        records,
        Beat(None, board),
    )
    views = Views(list, store.rounds, store.round, store.transcript, store.model)
    peer = Peer(driver, session, store, board, home, views)
    publish, send = board.publish, wire.send
    looked: set[object] = set()

    def published(kind: str, **fields: object) -> None:
        publish(kind, **fields)
        peer.events.append(json.dumps({"kind": kind, **fields}))
        if kind == "phase" and fields["phase"] not in looked:
            looked.add(fields["phase"])
            _look(peer, evidence, after=False)

    def sent(to: bytes, frame: bytes) -> None:
        peer.sent.append(frame)
        send(to, frame)

    board.publish, wire.send = published, sent  # type: ignore[method-assign]
    return peer


def _secret(store: Store, index: int, secrets: Secrets, round_: int, key: str) -> Secret:
    """As the daemon draws it; what the protocol derives from it is looked for, too."""
    secret = resume.journaled_secret(store, round_, key)
    if key.startswith("secret/"):
        draw = Draw.of(secret)
        secrets.nonces[index] = draw.nonce
        secrets.always[f"round key {index}"] = draw.round_secret.reveal()
        for dealer in range(PEERS):
            ask = digest("peerd/ask", secret.reveal(), dealer.to_bytes(8, "little"))
            secrets.always[f"ask {index}/{dealer}"] = ask
    return secret


def _remember(
    setting: Setting, index: int, model: npt.NDArray[np.float32], secrets: Secrets
) -> None:
    """The update of ``Training``, as it is trained and as it is encoded and journaled."""
    step = np.random.default_rng([7, index]).standard_normal(model.shape)
    trained = (model + step).astype(np.float32)
    encoded = setting.aggregator.encode(model, trained)
    secrets.always[f"trained {index}"] = trained.tobytes()[:32]
    for kind in ("<u1", "<u2", "<u4", "<i8"):
        secrets.always[f"encoded {index} {kind}"] = encoded.astype(kind).tobytes()[: 4 * PARAMETERS]


def _look(peer: Peer, evidence: Evidence, *, after: bool) -> None:
    """Everything that can be seen of a peer now, while its round runs and after it."""
    secrets = evidence.secrets.everything()
    commitments_only = peer.session.phase in (
        "collecting commitments",
        "agreeing on the commitments",
    )
    if commitments_only:
        secrets |= {f"nonce {i}": nonce for i, nonce in evidence.secrets.nonces.items()}
    views = {
        "status": answers(peer),
        "tables": tables(peer.store),
        "files": files(peer.directory, database=after or evidence.source is not None),
    }
    objects = list(reachable(peer.driver))
    assert len(objects) > 50
    for item in objects:
        name = f"the repr of a {type(item).__qualname__}"
        views[name] = views.get(name, b"") + repr(item).encode() + b"\n"
    for where, haystack in views.items():
        for name, secret in secrets.items():
            if holds(haystack, secret):
                evidence.seen.append(f"{name} in {where}, {peer.session.phase}")
    evidence.checks += len(views) * len(secrets)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    log = io.StringIO()
    configure("debug", "json", log)
    with pytest.MonkeyPatch.context() as patch:
        yield run_round(tmp_path_factory.mktemp("canaries"), log, patch)
    structlog.reset_defaults()
    logging.getLogger("libp2p").setLevel(logging.NOTSET)


# -- what is shown ---------------------------------------------------------------------------------


def test_the_round_completed_and_was_looked_at(evidence: Evidence) -> None:
    assert all(len(peer.events) > 5 for peer in evidence.peers)
    assert evidence.checks > 10_000
    assert len(evidence.secrets.packages) == PEERS
    assert "round completed" in evidence.log


def test_a_secret_is_seen_nowhere_while_the_round_runs_nor_after_it(evidence: Evidence) -> None:
    assert sorted(set(evidence.seen)) == []


def test_the_log_holds_none(evidence: Evidence) -> None:
    for name, secret in evidence.secrets.everything().items():
        assert not holds(evidence.log, secret), name


def test_after_the_round_no_file_holds_one_not_even_the_journal(evidence: Evidence) -> None:
    for peer in evidence.peers:
        data = files(peer.directory, database=True)
        for name, secret in evidence.secrets.everything().items():
            assert not holds(data, secret), (peer.directory.name, name)


def test_frames_hold_a_share_for_its_receiver_a_nonce_in_its_reveal_and_nothing_else(
    evidence: Evidence,
) -> None:
    for index, peer in enumerate(evidence.peers):
        for data in peer.sent:
            for name, secret in evidence.secrets.always.items():
                assert not holds(data, secret), name
            if holds(data, evidence.secrets.nonces[index]):
                _check_nonce(index, data)
            for packages in evidence.secrets.packages:
                for package in packages:
                    if package in data:
                        frame = decode_frame(data)
                        assert isinstance(frame, DealingFrame)
                        assert not holds(repr(frame), package[:64])


def _check_nonce(index: int, data: bytes) -> None:
    frame = decode_frame(data)
    if isinstance(frame, StatementFrame):
        assert decode_statement(frame.statement, b"g" * 32).kind in (Kind.REVEAL, Kind.SEEN)


# -- an encrypted disk -----------------------------------------------------------------------------


def test_a_stolen_disk_gives_nothing_in_mid_round_or_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it is stolen: the journal of the round in progress is in the haystack as well, and
    afterwards what every member knows.
    """
    path = tmp_path / "disk.key"
    path.write_text(canary("disk").hex())
    path.chmod(0o600)
    source = KeySource(f"file:{path}")
    evidence = run_round(tmp_path / "peers", io.StringIO(), monkeypatch, source)
    assert sorted(set(evidence.seen)) == []
    assert evidence.checks > 10_000
    for peer in evidence.peers:
        disk = files(peer.directory, database=True)
        with Store.open(peer.directory, source=source) as store:
            model = store.model(0)
            assert model is not None
            known = {
                "model": model.tobytes(),
                "certificate": store.certificate(0),
                "transcript": store.transcript(0),
                "summary": json.dumps(store.round(0), sort_keys=True).encode(),
                "key of the disk": canary("disk"),
            }
        for name, value in known.items():
            assert value is not None
            pieces = [value[at : at + 32] for at in range(0, len(value) - 31, 32)]
            assert pieces and not any(holds(disk, piece) for piece in pieces), name


# -- errors and tracebacks -------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["json", "console"])
def test_a_failure_in_the_midst_of_the_secrets_is_logged_without_them(
    format: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The frames of this traceback hold an identity, a round key and an update as locals."""
    stream = io.StringIO()
    configure("debug", format, stream)
    identity, seed = Identity(canary("identity", 1)), Secret(canary("attempt", 1))
    secrets = {"identity": identity.secret.reveal(), "seed": seed.reveal()}
    secrets["round key"] = Draw.of(seed).round_secret.reveal()

    def fails(draw: Draw, values: bytes) -> None:
        raise RuntimeError(f"it failed with {draw} of {identity} under {seed}")

    try:
        fails(Draw.of(seed), seed.reveal())
    except RuntimeError as error:
        structlog.get_logger("test").exception(
            "it failed", identity=identity, seed=seed, raw=seed.reveal(), draw=Draw.of(seed)
        )
        shown = stream.getvalue() + "".join(traceback.format_exception(error))
    structlog.reset_defaults()
    assert "RuntimeError" in shown
    for name, secret in secrets.items():
        assert not holds(shown, secret), name


def test_an_error_about_a_secret_does_not_quote_it(tmp_path: Path) -> None:
    one, two = canary("attempt", 1), canary("attempt", 2)
    with Store.open(tmp_path / "data") as store:
        store.journal_put(0, "secret/0", one)
        with pytest.raises(JournalConflict) as caught:
            store.journal_put(0, "secret/0", two)
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert not holds(shown, one) and not holds(shown, two)


def test_a_secret_would_be_found(tmp_path: Path) -> None:
    """The search itself: each spelling, in a text, a file and an object."""
    secret = canary("identity", 9)
    for text in (secret.hex(), repr(secret), repr(list(secret)), base64.b64encode(secret).decode()):
        assert holds(f"… {text} …", secret), text
    assert holds(b"\0\0" + secret, secret)

    @dataclass
    class Careless:
        seed: bytes

    Careless.__module__ = "peerd.careless"
    assert any(holds(repr(item), secret) for item in reachable([Careless(secret)]))
