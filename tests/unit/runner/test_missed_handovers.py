"""What is given to members of earlier groups, and how one that was away goes over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import trio
import trio.testing

from peerd.runner.library import Library
from peerd.runner.resume import position_of
from peerd.runner.succession.handover import Handover, beginning, fill_old, successor
from peerd.runner.succession.lineage import (
    Epoch,
    advanced,
    handed_over,
    keep_draft,
    kept_draft,
    remember,
)
from peerd.runner.succession.search import Search
from peerd.storage import Store
from protocols.errors import WireError
from protocols.record.certificate import verify_certificate
from protocols.record.effects import Record
from protocols.record.position import Position, first_position
from protocols.record.resolution import Resolution
from protocols.wire.canonical import pack, unpack
from tests.unit.group.successions import (
    MEMBERS,
    MODEL,
    NEW,
    OTHER_NEW,
    group,
    handover,
)
from tests.unit.group.successions import successor as successor_of
from tests.unit.runner.test_lineage import LAST
from tests.unit.runner.test_records import PowerCut, cut_after

FIRST, *_, FIFTH = MEMBERS
LONG = 45.0
"""Seconds of virtual time: longer than a request may take."""
SECRET_MODEL = np.full(24, 7, np.float32)
"""Of a round of the current group: nobody else gets it."""


class Wire:
    """A transport that only notes who answers whom."""

    def __init__(self) -> None:
        self.own: Any = None
        self.guests: dict[bytes, tuple[tuple[bytes, ...], Any]] = {}

    def handle_requests(self, handler: Any) -> None:
        self.own = handler

    def serve_guests(self, group: bytes, roster: tuple[bytes, ...], handler: Any) -> None:
        self.guests[group] = roster, handler


@dataclass
class Peer:
    """One that went on through three groups."""

    store: Store
    epochs: list[Epoch]
    wire: Wire
    library: Library

    def given(self, group: bytes | None, record: Record | str, round_: int) -> bytes:
        """To a member of the current group (None), or of an earlier one."""
        handler = self.wire.own if group is None else self.wire.guests[group][1]
        name = record.value if isinstance(record, Record) else record
        found: bytes = trio.run(handler, bytes(32), pack([name, round_]))
        return found

    async def asked(self, epoch: int | None, peer: bytes, record: Record, round_: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.library._find(epoch, record.value, round_)


def rests(epoch: Epoch, round_: int, previous: bytes | None) -> tuple[bytes, bytes]:
    """A round before the handover, which needs no committee; and what names it."""
    record = handover(epoch, None, round_, previous=previous)
    outcome = Resolution.decode(unpack(record)[2])  # type: ignore[index, arg-type]
    return record, outcome.hash_in(epoch.genesis.group_id, round_, 0)


def history(store: Store, epoch: Epoch, to: Any, *, first: int, whole: bool = True) -> Epoch:
    """Rounds ``first`` to LAST, the last of them the handover; ``whole``: with those before."""
    previous = None
    for round_ in range(first, LAST):
        record, previous = rests(epoch, round_, previous)
        if whole:
            store.put_certificate(round_, record)
    certificate = handover(epoch, to, LAST, previous=previous)
    store.put_model(LAST, MODEL)
    store.put_certificate(LAST, certificate)
    return handed_over(epoch.genesis, certificate, to)


@pytest.fixture
def first() -> Epoch:
    return Epoch(0, group())


def _peer(folder: Path, first: Epoch, whole: bool) -> Iterator[Peer]:
    to = successor_of(
        first.genesis, keys={FIRST.public: NEW.public}, leaving=frozenset({FIFTH.public})
    )
    with Store.open(folder) as store:
        second = history(store, first, to, first=0, whole=whole)
        keep_draft(store, to)
        last = successor_of(to, 8, 12, joining={OTHER_NEW.public: None})
        certificate = handover(second, last, 9)
        store.put_model(9, MODEL)
        store.put_certificate(9, certificate)
        keep_draft(store, last)
        third = handed_over(second.genesis, certificate, last)
        remember(store, [first, second, third])
        store.put_model(11, SECRET_MODEL)
        store.put_certificate(11, b"of the current group")
        wire = Wire()
        library = Library(third.setting(), store, cast(Any, wire), [first, second, third])
        yield Peer(store, [first, second, third], wire, library)


@pytest.fixture
def peer(tmp_path: Path, first: Epoch) -> Iterator[Peer]:
    yield from _peer(tmp_path / "there", first, True)


@pytest.fixture
def newcomer(tmp_path: Path, first: Epoch) -> Iterator[Peer]:
    """It has the handover, and nothing of what led there."""
    yield from _peer(tmp_path / "there", first, False)


# -- what is given -----------------------------------------------------------------------------


def test_members_of_an_earlier_group_stand_behind_its_handover(peer: Peer) -> None:
    ids = [each.genesis.group_id for each in peer.epochs]
    assert [unpack(peer.given(each, Record.HEAD, 0)) for each in ids[:2]] == [LAST, 9]
    assert unpack(peer.given(None, Record.HEAD, 0)) == 11
    rosters = {name: roster for name, (roster, _) in peer.wire.guests.items()}
    assert rosters == {each.genesis.group_id: each.genesis.roster for each in peer.epochs[:2]}


def test_nothing_of_a_later_round_is_given_to_them(peer: Peer) -> None:
    old, middle, _ = (each.genesis.group_id for each in peer.epochs)
    for record in (Record.CERTIFICATE, Record.MODEL, Record.POLYNOMIALS, Record.SUCCESSOR):
        for round_ in range(LAST + 1, 13):
            assert peer.given(old, record, round_) == b""
        assert peer.given(middle, record, 11) == b""
    assert peer.given(old, Record.CERTIFICATE, LAST) and peer.given(old, Record.MODEL, LAST)
    assert peer.given(old, Record.CERTIFICATE, 2)
    assert peer.given(None, Record.MODEL, 11) == SECRET_MODEL.astype("<f4").tobytes()


def test_each_is_given_the_successor_of_its_own_group(peer: Peer) -> None:
    first, second, third = peer.epochs
    assert peer.given(first.genesis.group_id, Record.SUCCESSOR, LAST) == second.genesis.encode()
    assert peer.given(second.genesis.group_id, Record.SUCCESSOR, 9) == third.genesis.encode()
    assert peer.given(None, Record.SUCCESSOR, 9) == third.genesis.encode()
    assert peer.given(None, Record.SUCCESSOR, 2) == b"", "a pause has none"


def test_each_is_given_the_beginning_of_its_own_group(peer: Peer) -> None:
    """A newcomer of the second group that comes when the third runs needs that of the second."""
    first, second, _ = peer.epochs
    known = peer.store.certificate(LAST), peer.store.certificate(9)
    told = peer.given(second.genesis.group_id, Record.BEGINNING, 0)
    assert told == pack([first.genesis.encode(), known[0]])  # type: ignore[list-item]
    assert peer.given(None, Record.BEGINNING, 0) == pack([second.genesis.encode(), known[1]])  # type: ignore[list-item]
    assert peer.given(first.genesis.group_id, Record.BEGINNING, 0) == b""


@pytest.mark.parametrize("what", ["journal", "", "x" * 1000])
def test_nobody_asks_for_anything_else(peer: Peer, what: str) -> None:
    for group_ in (None, peer.epochs[0].genesis.group_id):
        with pytest.raises(WireError):
            peer.given(group_, what, 0)


# -- one that was away -------------------------------------------------------------------------


def start(first: Epoch) -> Position:
    return first_position(first.setting(), MODEL)


def looked(
    first: Epoch, folder: Path, *asks: Callable[..., Any], position: Position | None = None
) -> Handover | None:
    """What one finds that was away in ``first``; None for nothing, however often it looks."""
    at = position or start(first)
    peers = {bytes([number]) * 32: ask for number, ask in enumerate(asks)}

    async def ask(peer: bytes, record: Record, round_: int) -> bytes:
        data: bytes = await peers[peer](peer, record, round_)
        return data

    async def run(store: Store) -> Handover | None:
        search = Search(first, store, lambda: at)
        found = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(search.ask, lambda: frozenset(peers), ask)
            with trio.move_on_after(LONG):
                found = await search.found()
            nursery.cancel_scope.cancel()
        return found

    with Store.open(folder) as store:
        found = trio.run(partial(run, store), clock=trio.testing.MockClock(autojump_threshold=0.02))
        if found is not None:
            found.store(store, first)
            assert kept_draft(store, found.epoch.genesis.group_id) == found.epoch.genesis
            position = position_of(found.epoch.setting(), store, MODEL)
            assert position.round == LAST + 1
            assert store.round(LAST) is not None
    return found


def test_one_that_is_connected_is_enough(peer: Peer, first: Epoch, tmp_path: Path) -> None:
    found = looked(first, tmp_path / "here", partial(peer.asked, 0))
    assert found is not None
    assert found.epoch == peer.epochs[1]
    assert [each.round for each in found.rounds] == list(range(LAST + 1))


def test_one_that_joined_with_the_handover_is_enough_too(
    newcomer: Peer, first: Epoch, tmp_path: Path
) -> None:
    found = looked(first, tmp_path / "here", partial(newcomer.asked, 0))
    assert found is not None and found.epoch == newcomer.epochs[1]
    assert [each.round for each in found.rounds] == [LAST]


def test_whoever_has_the_rounds_before_is_waited_for(
    peer: Peer, first: Epoch, tmp_path: Path
) -> None:
    """A handover alone would leave a gap in this peer's own history, for good."""
    alone = {Record.HEAD: pack(LAST), Record.CERTIFICATE: peer.store.certificate(LAST)}

    async def joined(who: bytes, record: Record, round_: int) -> bytes:
        if record is Record.CERTIFICATE and round_ < LAST:
            return b""
        return alone.get(record) or await peer.asked(0, who, record, round_)

    async def slow(who: bytes, record: Record, round_: int) -> bytes:
        await trio.sleep(1)
        return await peer.asked(0, who, record, round_)

    found = looked(first, tmp_path / "here", joined, slow)
    assert found is not None and len(found.rounds) == LAST + 1


def test_a_member_of_the_later_group_may_be_asked_in_that(
    peer: Peer, first: Epoch, tmp_path: Path
) -> None:
    """As a scout does, which has the key that others know it by there."""
    found = looked(first, tmp_path / "here", partial(peer.asked, None))
    assert found is not None and found.epoch == peer.epochs[1]


async def silent(peer: bytes, record: Record, round_: int) -> bytes:
    await trio.sleep(20)
    return b""


async def boasts(peer: bytes, record: Record, round_: int) -> bytes:
    await trio.lowlevel.checkpoint()
    return pack(1 << 30) if record is Record.HEAD else b"\x93\x01\x02\x03"


def forged(first: Epoch) -> Callable[..., Any]:
    """A handover that too few of the old members signed, and one to a draft of its own."""
    to = successor_of(first.genesis)
    certificate = handover(first, to, LAST, voters=MEMBERS[:3])

    async def ask(peer: bytes, record: Record, round_: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return {
            Record.HEAD: pack(LAST),
            Record.CERTIFICATE: certificate,
            Record.MODEL: MODEL.astype("<f4").tobytes(),
            Record.SUCCESSOR: to.encode(),
        }.get(record, b"")

    return ask


def with_another(peer: Peer, what: Record, data: bytes, epoch: int = 0) -> Callable[..., Any]:
    async def ask(who: bytes, record: Record, round_: int) -> bytes:
        return data if record is what else await peer.asked(epoch, who, record, round_)

    return ask


def test_liars_lead_nowhere_and_keep_nobody_from_being_heard(
    peer: Peer, first: Epoch, tmp_path: Path
) -> None:
    liars = [
        silent,
        boasts,
        forged(first),
        with_another(peer, Record.SUCCESSOR, successor_of(first.genesis).encode()),
        with_another(peer, Record.SUCCESSOR, b""),
        with_another(peer, Record.MODEL, SECRET_MODEL.astype("<f4").tobytes()),
    ]
    assert looked(first, tmp_path / "liars", *liars) is None
    found = looked(first, tmp_path / "here", *liars, partial(peer.asked, 0))
    assert found is not None and found.epoch == peer.epochs[1]


def test_whoever_knows_of_the_handover_looks_for_none(
    peer: Peer, first: Epoch, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "here") as store:
        history(store, first, peer.epochs[1].genesis, first=0)
        at = position_of(first.setting(), store, MODEL)
    assert at.ledger.handed_over
    assert looked(first, tmp_path / "here", partial(peer.asked, 0), position=at) is None


def test_whoever_is_still_in_the_group_leads_nowhere(first: Epoch, tmp_path: Path) -> None:
    """It is ahead, and the group has not handed over: a quorum is needed to go on in it."""
    with Store.open(tmp_path / "there") as store:
        previous = None
        for round_ in range(3):
            record, previous = rests(first, round_, previous)
            store.put_certificate(round_, record)
            store.put_model(round_, MODEL)
        library = Library(first.setting(), store, cast(Any, Wire()), [first])
        there = Peer(store, [first], Wire(), library)
        assert looked(first, tmp_path / "here", partial(there.asked, None)) is None


# -- the genesis of the successor, and a newcomer ----------------------------------------------


class Asks:
    """A library whose only work is to ask."""

    def __init__(self, *asks: Callable[..., Any]) -> None:
        self.peers = {bytes([number]) * 32: ask for number, ask in enumerate(asks)}

    def connected(self) -> frozenset[bytes]:
        return frozenset(self.peers)

    async def ask(self, peer: bytes, record: Record, round_: int) -> bytes:
        data: bytes = await self.peers[peer](peer, record, round_)
        return data


def test_a_member_that_did_not_approve_is_given_the_genesis(
    peer: Peer, first: Epoch, tmp_path: Path
) -> None:
    wrong = with_another(peer, Record.SUCCESSOR, successor_of(first.genesis).encode())
    asks = Asks(silent, wrong, partial(peer.asked, 0))
    with Store.open(tmp_path / "here") as store:
        history(store, first, peer.epochs[1].genesis, first=0)
        clock = trio.testing.MockClock(autojump_threshold=0.02)
        ahead = first, store, cast(Any, asks), asks.connected, LAST
        assert trio.run(partial(successor, *ahead), clock=clock) == peer.epochs[1]
        assert kept_draft(store, peer.epochs[1].genesis.group_id) is not None


def test_a_newcomer_takes_its_beginning_from_whoever_has_it(
    peer: Peer, first: Epoch, tmp_path: Path
) -> None:
    """Also when the group has gone on to another one meanwhile."""
    draft = peer.epochs[1].genesis
    lies = [
        with_another(peer, Record.BEGINNING, b"", 1),
        with_another(peer, Record.BEGINNING, peer.given(None, Record.BEGINNING, 0), 1),
        with_another(peer, Record.MODEL, SECRET_MODEL.astype("<f4").tobytes(), 1),
    ]
    asks = Asks(*lies, partial(peer.asked, 1))
    with Store.open(tmp_path / "here") as store:
        clock = trio.testing.MockClock(autojump_threshold=0.02)
        ahead = draft, store, cast(Any, asks), asks.connected
        old, epoch = trio.run(partial(beginning, *ahead), clock=clock)
        assert (old.genesis, epoch) == (first.genesis, peer.epochs[1])
        assert (store.model(LAST) == MODEL).all()
        assert position_of(epoch.setting(), store, MODEL).round == LAST + 1
        assert (store.round(LAST) or {})["outcome"] == "handed over"


def test_a_crash_in_mid_handover_leaves_no_round_without_its_summary(
    first: Epoch, tmp_path: Path
) -> None:
    to = successor_of(first.genesis)
    records, previous = [], None
    for round_ in range(LAST):
        record, previous = rests(first, round_, previous)
        records.append(record)
    records.append(handover(first, to, LAST, previous=previous))
    rounds = tuple(verify_certificate(first.setting(), each) for each in records)
    second = handed_over(first.genesis, records[-1], to)
    gone_over = []
    for writes in range(100):
        with Store.open(tmp_path / str(writes)) as store, suppress(PowerCut):
            cut_after(store, writes)
            Handover(second, rounds, MODEL).store(store, first)
            break
        with Store.open(tmp_path / str(writes)) as store:  # as the next life starts
            epochs = advanced(store, [first])
            fill_old(store, epochs)
            told = [each["round"] for each in store.rounds()]
            assert told == (list(range(LAST + 1)) if len(epochs) > 1 else [])
            gone_over.append(len(epochs) > 1)
    assert sum(gone_over) > LAST and not all(gone_over)
