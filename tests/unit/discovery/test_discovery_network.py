"""Real hosts that know one bootstrap find each other, and do without it afterwards."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
from libp2p.io.abc import ReadWriteCloser
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from peerd.discovery import AddressBook, Discovery
from peerd.discovery.lookup import RecordValidator, record_key
from peerd.discovery.records import BadRecord, sign_record
from peerd.errors import ConfigError
from peerd.identity import Identity
from peerd.transport import Limits, Transport
from peerd.transport.circuit import circuit_address
from peerd.transport.errors import Unreachable
from peerd.transport.links import Reach
from peerd.transport.names import libp2p_id
from peerd.transport.repairs.host import build_host
from protocols.wire.canonical import pack
from tests.patience import HANG

GROUP = hashlib.sha256(b"the group of the discovery tests").digest()
LIMITS = Limits(backoff_first=0.02, backoff_last=0.2, passive_wait=0.1)


def identity(number: int) -> Identity:
    return Identity(hashlib.sha256(b"discovery %d" % number).digest())


@dataclass
class Node:
    transport: Transport
    discovery: Discovery
    book: AddressBook
    scope: trio.CancelScope

    @property
    def public(self) -> bytes:
        return self.transport.identity.public

    @property
    def bootstrap_address(self) -> str:
        return f"{self.transport.listen_addresses()[0]}/p2p/{libp2p_id(self.public)}"


async def run_node(
    number: int,
    roster: Sequence[bytes],
    directory: Path,
    bootstrap: Sequence[str],
    announce: Sequence[str] | None = None,
    relays: Sequence[str] = (),
    task_status: trio.TaskStatus[Node] = trio.TASK_STATUS_IGNORED,
) -> None:
    """The first one relays. ``announce``: an empty list for one that can only dial."""
    me = identity(number)
    book = AddressBook(directory / f"addresses-{number}.json", roster, GROUP)
    transport = Transport(
        me, GROUP, roster, "/ip4/127.0.0.1/tcp/0", book, LIMITS, relays=not number
    )
    if announce is not None:
        transport.host.swarm._handle_inbound_connection = hang_up  # type: ignore[method-assign]
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(transport.run)
            discovery = Discovery(transport, me, book, bootstrap, announce=announce, relays=relays)
            nursery.start_soon(discovery.run)
            task_status.started(Node(transport, discovery, book, scope))


async def hang_up(socket: ReadWriteCloser, address: Multiaddr) -> None:
    await socket.close()


@asynccontextmanager
async def nodes(
    count: int, directory: Path, *, members: int | None = None
) -> AsyncIterator[tuple[list[Node], trio.Nursery, list[bytes]]]:
    """Node 0 is the bootstrap of the others."""
    roster = sorted(identity(number).public for number in range(members or count))
    async with trio.open_nursery() as nursery:
        started: list[Node] = [await nursery.start(run_node, 0, roster, directory, [])]
        for number in range(1, count):
            started.append(
                await nursery.start(
                    run_node, number, roster, directory, [started[0].bootstrap_address]
                )
            )
        yield started, nursery, roster
        nursery.cancel_scope.cancel()


async def eventually(condition: Callable[[], bool]) -> None:
    with trio.fail_after(HANG):
        while not condition():
            await trio.sleep(0.01)


def meshed(group: Sequence[Node]) -> bool:
    return all(len(node.transport.connected()) == len(group) - 1 for node in group)


def informed(group: Sequence[Node]) -> bool:
    return all(not node.book.unknown() for node in group)


@pytest.mark.trio
async def test_members_find_each_other_through_a_bootstrap_and_outlive_it(tmp_path: Path) -> None:
    async with nodes(4, tmp_path) as (group, nursery, roster):
        await eventually(lambda: meshed(group) and informed(group))
        await eventually(lambda: all(not node.book.dirty for node in group))
        await eventually(lambda: (tmp_path / "addresses-3.json").exists())
        group[0].scope.cancel()  # the bootstrap dies
        group[3].scope.cancel()  # a member restarts, without a bootstrap to ask
        await eventually(lambda: len(group[1].transport.connected()) == 1)
        again = await nursery.start(run_node, 3, roster, tmp_path, [])
        survivors = [group[1], group[2], again]
        await eventually(lambda: all(len(node.transport.connected()) == 2 for node in survivors))


@pytest.mark.trio
async def test_who_can_only_dial_is_met_by_all_who_can_be_dialled(tmp_path: Path) -> None:
    async with nodes(3, tmp_path, members=5) as (group, nursery, roster):
        asks = [group[0].bootstrap_address]
        hidden = [
            await nursery.start(run_node, number, roster, tmp_path, asks, []) for number in (3, 4)
        ]
        for node in hidden:
            await eventually(lambda n=node: len(n.transport.connected()) == 3)  # type: ignore[misc]
            await eventually(
                lambda n=node: all(  # type: ignore[misc]
                    (record := other.book.record(n.public)) is not None and record.addresses == ()
                    for other in group
                )
            )
        dialling = {node.public for node in hidden}
        for node in group:
            links = [link for link in node.transport.links() if link.peer in dialling]
            assert [link.reach for link in links] == [Reach.ONLY_DIALS] * 2
        assert hidden[1].public not in hidden[0].transport.connected()


@pytest.mark.trio
@pytest.mark.parametrize(
    "announced", [(), ("/ip4/192.0.2.7/tcp/4001",)], ids=["on-purpose", "elsewhere"]
)
async def test_what_is_published_is_told(tmp_path: Path, announced: Sequence[str]) -> None:
    me, roster = identity(0), [identity(0).public, identity(1).public]
    book = AddressBook(tmp_path / "book.json", roster, GROUP)
    transport = Transport(me, GROUP, roster, "/ip4/127.0.0.1/tcp/0", book)
    found = Discovery(transport, me, book, announce=announced)
    told: list[Sequence[str]] = []
    found.on_publish = told.append
    found._sign_own_record()
    assert told == [announced]


@pytest.mark.trio
async def test_two_who_can_only_dial_meet_through_a_relay_that_one_of_them_names(
    tmp_path: Path,
) -> None:
    async with nodes(3, tmp_path, members=5) as (group, nursery, roster):
        relay = [group[0].bootstrap_address]
        one = await nursery.start(run_node, 3, roster, tmp_path, relay, [])
        other = await nursery.start(run_node, 4, roster, tmp_path, (), [], relay)
        everybody = [*group, one, other]
        await eventually(lambda: meshed(everybody) and informed(everybody))
        circuit = circuit_address(group[0].public)
        assert one.book.addresses(other.public) == (circuit,)
        (link,) = [link for link in one.transport.links() if link.peer == other.public]
        assert (link.reach, link.address) == (Reach.RELAYED, circuit)


@pytest.mark.trio
async def test_a_peer_that_moves_tells_everybody_it_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peerd.discovery.discovery._LOOK_PAUSE", 0.05)
    elsewhere = ("/ip4/192.0.2.7/tcp/4001",)
    async with nodes(3, tmp_path) as (group, _, _roster):
        await eventually(lambda: meshed(group) and informed(group))
        mover, *others = group
        before = mover.book.record(mover.public)
        monkeypatch.setattr(mover.transport, "listen_addresses", lambda: ())
        await trio.sleep(0.2)  # between two addresses there is nothing to tell
        assert mover.book.record(mover.public) == before
        monkeypatch.setattr(mover.transport, "listen_addresses", lambda: elsewhere)
        for other in others:
            await eventually(lambda o=other: o.book.addresses(mover.public)[:1] == elsewhere)


@pytest.mark.trio
async def test_a_move_that_was_told_over_a_dying_connection_is_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("peerd.discovery.discovery._LOOK_PAUSE", 0.05)
    elsewhere = ("/ip4/192.0.2.7/tcp/4001",)
    async with nodes(3, tmp_path) as (group, _, _roster):
        await eventually(lambda: meshed(group) and informed(group))
        mover, *others = group
        asked: Counter[bytes] = Counter()
        request = mover.transport.request

        async def dying(peer: bytes, payload: bytes, **how: Any) -> bytes:
            asked[peer] += 1
            if asked[peer] <= 3:
                await trio.lowlevel.checkpoint()
                raise Unreachable("the connection went with the old address")
            return await request(peer, payload, **how)

        monkeypatch.setattr(mover.transport, "request", dying)
        monkeypatch.setattr(mover.transport, "listen_addresses", lambda: elsewhere)
        for other in others:
            await eventually(lambda o=other: o.book.addresses(mover.public)[:1] == elsewhere)
        sequence = mover.book.record(mover.public).sequence
        await eventually(lambda: set(mover.discovery._told.values()) == {sequence})
        told = dict(asked)
        await trio.sleep(0.3)
        assert dict(asked) == told, "who has the newest record is not told again"
        assert all(count >= 4 for count in told.values()) and len(told) == 2


def nearest(key: str, count: int, among: int) -> list[Identity]:
    """Strangers whose place in the DHT is nearest to ``key``, of ``among`` that were made."""
    target = int.from_bytes(hashlib.sha256(key.encode()).digest())

    def distance(one: Identity) -> int:
        place = hashlib.sha256(bytes(libp2p_id(one.public).to_bytes())).digest()
        return int.from_bytes(place) ^ target

    made = (Identity(hashlib.sha256(b"sybil %d" % number).digest()) for number in range(among))
    return sorted(made, key=distance)[:count]


@pytest.mark.trio
async def test_a_flood_of_sybils_near_a_key_neither_enters_the_dht_nor_hides_a_member(
    tmp_path: Path,
) -> None:
    """Row 29. Thirty of three thousand strangers sit around a member's key and dial everybody."""
    async with nodes(3, tmp_path, members=4) as (group, nursery, roster):
        await eventually(lambda: meshed(group))
        late = identity(3)
        sybils = nearest(record_key(GROUP, late.public), 30, 3000)
        places = {bytes(libp2p_id(sybil.public).to_bytes()) for sybil in sybils}
        refused: Counter[bytes] = Counter()

        async def dial(sybil: Identity) -> None:
            host = build_host(sybil.secret, lambda peer: True, 4, LIMITS)
            async with host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
                while True:
                    for node in group:
                        peer = libp2p_id(node.public)
                        known = [Multiaddr(a) for a in node.transport.listen_addresses()]
                        host.get_peerstore().add_addrs(peer, known, 600)
                        try:
                            connection = (await host.swarm.dial_peer(peer))[0]
                            await host.open_stream(connection, "/ipfs/kad/1.0.0")
                        except Exception:
                            refused[sybil.public] += 1
                    await trio.sleep(0.05)

        for sybil in sybils:
            nursery.start_soon(dial, sybil)
        await eventually(lambda: len(refused) == len(sybils) and min(refused.values()) >= 6)
        newcomer = await nursery.start(run_node, 3, roster, tmp_path, [group[0].bootstrap_address])
        everybody = [*group, newcomer]
        await eventually(lambda: meshed(everybody) and informed(everybody))
        own = newcomer.book.record(late.public)
        await newcomer.discovery.dht.publish(late.public, own.raw)
        assert own.raw in await group[2].discovery.dht.lookup(late.public)
        for node in everybody:
            table = {
                bytes(peer.to_bytes()) for peer in node.discovery.dht.routing_table.get_peer_ids()
            }
            assert table and not table & places
            known = {
                bytes(peer.to_bytes()) for peer in node.transport.host.get_peerstore().peer_ids()
            }
            assert not known & places
            assert not {bytes(p.to_bytes()) for p in node.transport.host.swarm.connections} & places


@pytest.mark.trio
async def test_a_record_can_be_looked_up_in_the_dht(tmp_path: Path) -> None:
    async with nodes(3, tmp_path) as (group, _, _roster):
        await eventually(lambda: meshed(group) and informed(group))
        seeker, wanted = group[1], group[2]
        own = wanted.book.record(wanted.public)
        assert own is not None
        await wanted.discovery.dht.publish(wanted.public, own.raw)
        found = await seeker.discovery.dht.lookup(wanted.public)
        assert own.raw in found


@pytest.mark.trio
async def test_who_comes_while_others_are_looked_up_is_looked_up_no_more(tmp_path: Path) -> None:
    async with nodes(2, tmp_path, members=4) as (group, nursery, roster):
        node, hint = group[0], group[0].bootstrap_address
        looked_up: list[bytes] = []
        begun, goes_on = trio.Event(), trio.Event()

        async def lookup(public: bytes) -> list[bytes]:
            looked_up.append(public)
            begun.set()
            await goes_on.wait()
            return []

        node.discovery.dht.lookup = lookup  # type: ignore[method-assign]
        with trio.fail_after(HANG):
            await begun.wait()
        absent = {number: identity(number).public for number in (2, 3)}
        (comes,) = (number for number, public in absent.items() if public != looked_up[0])
        await nursery.start(run_node, comes, roster, tmp_path, [hint])
        await eventually(lambda: not node.discovery._is_missed(absent[comes]))
        goes_on.set()
        await eventually(lambda: len(looked_up) == 2)  # in the next search
        assert set(looked_up) == {looked_up[0]}


@pytest.mark.trio
async def test_a_lookup_asks_the_others_not_our_own_cache(tmp_path: Path) -> None:
    async with nodes(2, tmp_path, members=3) as (group, _, _roster):
        await eventually(lambda: meshed(group))
        absent = identity(2)
        old = sign_record(absent, GROUP, ("/ip4/192.0.2.1/tcp/1",), 1, group[0].book._clock())
        new = sign_record(absent, GROUP, ("/ip4/192.0.2.2/tcp/2",), 2, group[0].book._clock())
        key = record_key(GROUP, absent.public).encode()
        group[1].discovery.dht.value_store.put(key, old.raw)
        group[0].discovery.dht.value_store.put(key, new.raw)
        await eventually(lambda: group[1].discovery.dht.get_routing_table_size() > 0)
        assert await group[1].discovery.dht.lookup(absent.public) == [new.raw]


@pytest.mark.trio
async def test_an_absent_member_s_address_is_found_without_meeting_it(tmp_path: Path) -> None:
    async with nodes(3, tmp_path, members=4) as (group, _, _roster):
        await eventually(lambda: meshed(group))
        absent = identity(3)
        record = sign_record(absent, GROUP, ("/ip4/127.0.0.1/tcp/9",), 1, group[0].book._clock())
        group[0].book.add(record.raw)
        await eventually(
            lambda: all(node.book.addresses(absent.public) == record.addresses for node in group)
        )


@pytest.mark.trio
async def test_a_connected_member_that_didn_t_answer_is_asked_again(tmp_path: Path) -> None:
    async with nodes(2, tmp_path) as (group, _, _roster):
        await eventually(lambda: meshed(group) and informed(group))
        del group[1].book._records[group[0].public]
        await eventually(lambda: informed(group))


@pytest.mark.trio
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff" * 1000,
        pack({}),
        pack([1, None, "x"]),
        pack([bytes(100)] * 3),
        pack([bytes(5000)]),
    ],
)
async def test_a_member_s_nonsense_is_dropped(tmp_path: Path, answer: bytes) -> None:
    async with nodes(2, tmp_path) as (group, _, _roster):
        await eventually(lambda: meshed(group) and informed(group))

        async def nonsense(peer: bytes, payload: bytes) -> bytes:
            return answer

        group[0].transport.serve("addresses", nonsense)
        before = [record.raw for record in group[1].book.fresh_records()]
        await group[1].discovery._exchange(group[0].public)
        assert [record.raw for record in group[1].book.fresh_records()] == before
        assert meshed(group)


@pytest.mark.trio
async def test_the_dht_stores_nothing_but_the_members_records(tmp_path: Path) -> None:
    async with nodes(2, tmp_path) as (group, _, roster):
        await eventually(lambda: meshed(group) and informed(group))
        attacker, target = (node.discovery.dht for node in group)
        peer = libp2p_id(group[1].public)
        now = group[0].book._clock()
        forged = sign_record(identity(0), GROUP, ("/ip4/192.0.2.1/tcp/1",), 9, now).raw
        size = target.get_value_store_size()
        for key, value in (
            (b"/peerd/anything", b"x"),
            (b"plain", b"x"),
            (b"/pk/x", bytes(10_000)),
            (record_key(GROUP, identity(1).public).encode(), forged),  # under another's key
        ):
            assert not await attacker.value_store._store_at_peer(peer, key, value)
        assert target.get_value_store_size() == size
        info = PeerInfo(peer, [])
        target.provider_store.add_provider(b"key", info)
        assert not target.provider_store.providers
        assert {identity(0).public, identity(1).public} == set(roster)


def test_the_validator_prefers_the_newer_record() -> None:
    validator = RecordValidator(GROUP, [identity(0).public])
    key = record_key(GROUP, identity(0).public)
    values = [sign_record(identity(0), GROUP, (), sequence, 1e9).raw for sequence in (2, 3, 3, 1)]
    assert validator.select(key, values) == 1
    validator.validate(key, values[0])
    with pytest.raises(BadRecord):
        validator.validate(record_key(GROUP, identity(1).public), values[0])
    with pytest.raises(BadRecord):
        validator.validate(key, values[0][:-1])
    assert len(key) == 50  # a longer one is refused by FIND_NODE


@pytest.mark.parametrize(
    ("bootstrap", "reason"),
    [
        ("nonsense", "can't be read"),
        ("/ip4/127.0.0.1/tcp/4001", "can't be read"),
        (f"/ip4/127.0.0.1/tcp/4001/p2p/{identity(9).peer_id}", "roster"),
    ],
)
@pytest.mark.trio
async def test_a_bootstrap_that_can_t_be_used_is_refused(
    tmp_path: Path, bootstrap: str, reason: str
) -> None:
    roster = [identity(0).public, identity(1).public]
    book = AddressBook(tmp_path / "book.json", roster, GROUP)
    transport = Transport(identity(0), GROUP, roster, "/ip4/127.0.0.1/tcp/0", book)
    with pytest.raises(ConfigError, match=reason):
        Discovery(transport, identity(0), book, [bootstrap])


@pytest.mark.trio
async def test_a_bootstrap_list_may_name_ourselves(tmp_path: Path) -> None:
    roster = [identity(0).public, identity(1).public]
    book = AddressBook(tmp_path / "book.json", roster, GROUP)
    transport = Transport(identity(0), GROUP, roster, "/ip4/127.0.0.1/tcp/0", book)
    addresses = [f"/ip4/127.0.0.1/tcp/4001/p2p/{identity(n).peer_id}" for n in (0, 1)]
    Discovery(transport, identity(0), book, addresses)
    assert book.addresses(identity(1).public) == ("/ip4/127.0.0.1/tcp/4001",)
    assert book.addresses(identity(0).public) == ()
