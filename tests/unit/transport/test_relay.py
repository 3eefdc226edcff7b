"""Two members that can't reach each other, and one that carries their connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.stream_muxer.exceptions import MuxedStreamEOF, MuxedStreamError
from network_world import (
    ANYWHERE,
    GROUP,
    LIMITS,
    Phonebook,
    attacker,
    eventually,
    identities,
    identity,
    running,
    take,
    with_limits,
)

from peerd.identity import Identity
from peerd.transport import Limits, Link, Transport
from peerd.transport.circuit import Answer, ask_for, circuit_address, relay_of
from peerd.transport.links import Reach
from peerd.transport.relay import Relay
from tests.patience import HANG

ONE, RELAY, OTHER = identities(3)
NOBODY = identity(77)


class Three:
    """ONE and OTHER know RELAY's address, and of each other the circuit through it alone."""

    def __init__(self, relays: bool, limits: Limits) -> None:
        roster = [ONE.public, RELAY.public, OTHER.public]
        self.books = {who.public: Phonebook() for who in (ONE, RELAY, OTHER)}
        self.one, self.relay, self.other = (
            Transport(
                who,
                GROUP,
                roster,
                ANYWHERE,
                self.books[who.public],
                limits,
                relays=relays and who is RELAY,
            )
            for who in (ONE, RELAY, OTHER)
        )

    async def introduce(self) -> None:
        """Both ends are connected to the relay, and then told of each other."""
        for end in (ONE, OTHER):
            self.books[end.public].set(RELAY.public, *self.relay.listen_addresses())
        await eventually(lambda: len(self.relay.connected()) == 2)
        circuit = circuit_address(RELAY.public)
        self.books[ONE.public].set(OTHER.public, circuit)
        self.books[OTHER.public].set(ONE.public, circuit)


@asynccontextmanager
async def three(relays: bool = True, limits: Limits = LIMITS) -> AsyncIterator[Three]:
    world = Three(relays, limits)
    async with running(world.relay), running(world.one), running(world.other):
        await world.introduce()
        yield world


def link(of: Transport, to: Identity) -> Link:
    (found,) = [each for each in of.links() if each.peer == to.public]
    return found


def joined(world: Three) -> bool:
    return link(world.one, OTHER).connected and link(world.other, ONE).connected


@pytest.mark.trio
async def test_two_members_meet_through_a_third() -> None:
    async with three() as world:
        await eventually(lambda: joined(world))
        world.one.send(OTHER.public, b"there")
        world.other.send(ONE.public, b"back")
        assert await take(world.other, 1) == [(ONE.public, b"there")]
        assert await take(world.one, 1) == [(OTHER.public, b"back")]
        seen = link(world.one, OTHER)
        assert (seen.reach, seen.address) == (Reach.RELAYED, circuit_address(RELAY.public))
        assert link(world.one, RELAY).reach is Reach.DIALLED
        assert link(world.relay, ONE).reach is Reach.ONLY_DIALS  # of it no address is known


@pytest.mark.trio
async def test_models_pass_both_ways_at_once() -> None:
    """Far beyond every window below them."""
    model = bytes(range(256)) * (16 * 1024)
    async with three() as world:
        for _ in range(3):
            world.one.send(OTHER.public, model)
            world.other.send(ONE.public, model)
        assert await take(world.other, 3) == [(ONE.public, model)] * 3
        assert await take(world.one, 3) == [(OTHER.public, model)] * 3
        assert link(world.one, OTHER).reach is Reach.RELAYED


@pytest.mark.trio
async def test_who_did_not_offer_it_carries_nothing() -> None:
    causes: list[str] = []
    async with three(relays=False) as world:
        world.one.on_failed_dial(lambda peer, why: causes.extend(why.values()))
        await eventually(lambda: bool(causes))
        assert "does not relay (relay = true" in causes[0]
        assert not joined(world)


@pytest.mark.trio
async def test_what_the_relay_sees_is_neither_frame_nor_key() -> None:
    secret = b"an update of a hospital, in the clear" * 40
    seen = bytearray()

    def listens(pump: Callable[..., Any]) -> Callable[..., Any]:
        async def pumped(self: Relay, name: str, reader: Any, writer: Any, carried: Any) -> None:
            await pump(self, name, Tapped(reader, seen), writer, carried)

        return pumped

    original = Relay._pump
    Relay._pump = listens(original)  # type: ignore[method-assign]
    try:
        async with three() as world:
            world.one.send(OTHER.public, secret)
            assert await take(world.other, 1) == [(ONE.public, secret)]
    finally:
        Relay._pump = original  # type: ignore[method-assign]
    assert len(seen) > len(secret)
    assert secret[:37] not in seen


class Tapped:
    def __init__(self, pipe: Any, seen: bytearray) -> None:
        self._pipe, self._seen = pipe, seen

    async def read(self, n: int | None = None) -> bytes:
        data: bytes = await self._pipe.read(n)
        self._seen += data
        return data


LIE_AFTER = 2000  # bytes: behind the handshakes


class Liar(Tapped):
    """Lies once, of all that share ``told``."""

    def __init__(self, pipe: Any, told: list[str]) -> None:
        super().__init__(pipe, bytearray())
        self._told = told

    async def read(self, n: int | None = None) -> bytes:
        data = await super().read(n)
        if self._told or len(self._seen) <= LIE_AFTER:
            return data
        self._told.append(type(self).__name__)
        return self.lie(data)

    def lie(self, data: bytes) -> bytes:
        raise NotImplementedError


class Garbles(Liar):
    def lie(self, data: bytes) -> bytes:
        return bytes((data[0] ^ 1,)) + data[1:]


class Swallows(Liar):
    def lie(self, data: bytes) -> bytes:
        return data[1:]


class Repeats(Liar):
    def lie(self, data: bytes) -> bytes:
        return data + data


class Cuts(Liar):
    def lie(self, data: bytes) -> bytes:
        raise MuxedStreamError("the relay cuts")


@pytest.mark.trio
@pytest.mark.parametrize("lie", [Garbles, Swallows, Repeats, Cuts])
async def test_a_relay_that_lies_ends_a_connection_and_forges_nothing(
    lie: type[Liar], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames that were not acknowledged go again over the next circuit, which is honest here."""
    original, told = Relay._pump, list[str]()

    async def pump(self: Relay, name: str, reader: Any, writer: Any, carried: Any) -> None:
        await original(self, name, lie(reader, told), writer, carried)

    monkeypatch.setattr(Relay, "_pump", pump)
    frames = [b"%d " % number * 500 for number in range(20)]
    async with three() as world:
        for frame in frames:
            world.one.send(OTHER.public, frame)
        assert await take(world.other, 20) == [(ONE.public, frame) for frame in frames]
        assert told == [lie.__name__]
        await eventually(lambda: link(world.one, OTHER).ended is not None)
        await eventually(lambda: joined(world))
        assert len(world.relay.connected()) == 2  # nothing of it is its connections' fault


@pytest.mark.trio
async def test_a_relay_that_leads_to_somebody_else_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The roster holds it; but it is not who was asked for."""
    causes: list[str] = []
    async with three() as world:
        relay = world.relay
        honest = relay._open_to

        async def astray(peer: bytes, purpose: str) -> INetStream:
            return await honest(ONE.public if peer == OTHER.public else OTHER.public, purpose)

        world.one.on_failed_dial(lambda peer, why: causes.extend(why.values()))
        handler = Relay(astray, LIMITS).handle
        relay.host.set_unbounded_handler(relay.protocol("relay"), handler)
        for end in (world.one, world.other):
            connection = end._link(OTHER.public if end is world.one else ONE.public).connection
            if connection is not None:
                await connection.close()
        await eventually(lambda: any("another peer answers" in cause for cause in causes))


@pytest.mark.trio
async def test_a_circuit_ends_with_the_connection_below_it_and_comes_again() -> None:
    async with three() as world:
        await eventually(lambda: joined(world))
        below = world.one._link(RELAY.public).connection
        assert below is not None
        before = world.other._link(ONE.public).connection
        await below.close()
        await eventually(
            lambda: joined(world) and world.other._link(ONE.public).connection != before
        )


@pytest.mark.trio
async def test_a_direct_connection_takes_the_place_of_a_circuit() -> None:
    async with three(limits=with_limits(direct_again=1000.0)) as world:
        await eventually(lambda: joined(world))
        circuit = circuit_address(RELAY.public)
        assert link(world.one, OTHER).reach is Reach.RELAYED
        world.books[ONE.public].set(OTHER.public, circuit, *world.other.listen_addresses())
        await eventually(lambda: link(world.one, OTHER).reach is Reach.DIALLED)
        await eventually(lambda: link(world.other, ONE).reach is Reach.ONLY_DIALS)
        world.one.send(OTHER.public, b"directly")
        assert await take(world.other, 1) == [(ONE.public, b"directly")]


async def status_of(pipe: Any, target: bytes) -> int:
    await pipe.write(target)
    with trio.fail_after(HANG):
        return (await pipe.read(1))[0]


@asynccontextmanager
async def relaying(limits: Limits, *, others: Iterable[Identity]) -> AsyncIterator[Transport]:
    roster = [RELAY.public, *(other.public for other in others)]
    transport = Transport(RELAY, GROUP, roster, ANYWHERE, Phonebook(), limits, relays=True)
    async with running(transport):
        yield transport


@pytest.mark.trio
async def test_the_circuits_of_a_pair_and_of_a_member_are_bounded() -> None:
    limits = with_limits(circuits_per_pair=2, circuits_per_member=3)
    third = identity(5)
    async with (
        relaying(limits, others=[ONE, OTHER, third]) as relay,
        attacker(ONE, relay, limits) as one,
        attacker(OTHER, relay, limits) as other,
        attacker(third, relay, limits) as another,
    ):
        for end in (other, another):  # they take whatever comes, and keep it open
            end.host.set_unbounded_handler(relay.protocol("circuit"), keep)
            await end.connection()
        pipes = [await one.pipe("relay") for _ in range(6)]
        assert await status_of(pipes[0], OTHER.public) == Answer.OK
        assert await status_of(pipes[1], OTHER.public) == Answer.OK
        assert await status_of(pipes[2], OTHER.public) == Answer.BUSY  # of this pair
        assert await status_of(pipes[3], third.public) == Answer.OK
        assert await status_of(pipes[4], third.public) == Answer.BUSY  # of this member
        await pipes[0].reset()
        await pipes[3].reset()
        for pipe in [await one.pipe("relay") for _ in range(2)]:
            while await status_of(pipe, third.public) == Answer.BUSY:
                pipe = await one.pipe("relay")


async def keep(stream: INetStream) -> None:
    await trio.sleep_forever()


async def echo(stream: INetStream) -> None:
    """Until it is told goodbye."""
    pipe = stream.muxed_stream  # type: ignore[attr-defined]
    with suppress(MuxedStreamError):
        while (data := await pipe.read(64)) != b"goodbye":
            await pipe.write(data)
    await stream.close()


@pytest.mark.trio
@pytest.mark.parametrize("ends_first", [0, 1])
async def test_the_end_of_a_circuit_leaves_the_others_of_its_peer(ends_first: int) -> None:
    """Two lead to one member, which closes the one that was opened first, or last."""
    third = identity(5)
    async with (
        relaying(LIMITS, others=[ONE, OTHER, third]) as relay,
        attacker(ONE, relay) as one,
        attacker(OTHER, relay) as other,
        attacker(third, relay) as target,
    ):
        target.host.set_unbounded_handler(relay.protocol("circuit"), echo)
        await target.connection()
        pipes = [await end.pipe("relay") for end in (one, other)]
        for pipe in pipes:
            assert await status_of(pipe, third.public) == Answer.OK
        await pipes[ends_first].write(b"goodbye")
        with trio.fail_after(HANG), pytest.raises(MuxedStreamError):
            await pipes[ends_first].read(64)
        await pipes[1 - ends_first].write(b"still here")
        with trio.fail_after(HANG):
            assert await pipes[1 - ends_first].read(64) == b"still here"


@pytest.mark.trio
async def test_only_members_that_are_there_are_led_to() -> None:
    async with (
        relaying(LIMITS, others=[ONE, OTHER]) as relay,
        attacker(ONE, relay) as one,
    ):
        for target in (OTHER.public, NOBODY.public, RELAY.public):
            assert await status_of(await one.pipe("relay"), target) == Answer.ABSENT
        assert await status_of(await one.pipe("relay"), ONE.public) == Answer.BUSY


class Ready:
    """A stream, and its pipe, on which everything has come already."""

    def __init__(self, came: bytes) -> None:
        self._came = came
        self.muxed_stream = self

    async def read(self, n: int | None = None) -> bytes:
        if not self._came:
            raise MuxedStreamEOF
        data, self._came = self._came[:n], self._came[n or len(self._came) :]
        return data

    async def write(self, data: bytes) -> None:
        pass


@pytest.mark.trio
async def test_what_the_far_end_says_first_may_come_with_the_answer() -> None:
    """One write at the relay's, or two that share a packet: the handshake needs every byte."""
    stream: Any = Ready(bytes((Answer.OK,)) + b"\x13/multistream/1.0.0\n")
    circuit = await ask_for(stream, OTHER.public, LIMITS)
    assert await circuit.read(20) == b"\x13/multistream/1.0.0\n"


@pytest.mark.trio
async def test_who_was_called_through_a_relay_tries_directly_as_well() -> None:
    """Its caller, which knows no other way, never would."""
    async with three() as world:
        world.books[OTHER.public].set(ONE.public)
        await eventually(lambda: joined(world))
        assert link(world.other, ONE).reach is Reach.RELAYED
        world.books[OTHER.public].set(ONE.public, *world.one.listen_addresses())
        await eventually(lambda: link(world.other, ONE).reach is Reach.DIALLED)


@pytest.mark.trio
async def test_a_circuit_on_which_nothing_comes_ends() -> None:
    limits = with_limits(circuit_idle=0.2)
    async with (
        relaying(limits, others=[ONE, OTHER]) as relay,
        attacker(ONE, relay, limits) as one,
        attacker(OTHER, relay, limits) as other,
    ):
        other.host.set_unbounded_handler(relay.protocol("circuit"), keep)
        await other.connection()
        pipe = await one.pipe("relay")
        assert await status_of(pipe, OTHER.public) == Answer.OK
        with trio.fail_after(HANG), pytest.raises(MuxedStreamError):
            await pipe.read(1)


@pytest.mark.trio
async def test_a_stranger_gets_no_further_than_the_handshake_through_a_relay_either() -> None:
    """RELAY hands a stranger's bytes on, which the far end refuses."""
    async with three(limits=with_limits(handshake=2.0)) as world:
        await eventually(lambda: joined(world))
        stream = await world.relay._open_to(OTHER.public, "circuit")
        pipe = stream.muxed_stream  # type: ignore[attr-defined]
        await pipe.write(b"\x13/multistream/1.0.0\n" + b"x" * 100)
        with trio.fail_after(HANG):
            while True:
                try:
                    await pipe.read(100)
                except MuxedStreamError:
                    break
        assert world.other.connected() == {ONE.public, RELAY.public}


@pytest.mark.parametrize(
    ("address", "relay"),
    [
        (circuit_address(ONE.public), ONE.public),
        ("/p2p/12D3KooW/p2p-circuit", None),
        ("/p2p/0OIl/p2p-circuit", None),
        ("/p2p//p2p-circuit", None),
        ("/ip4/192.0.2.1/tcp/4001", None),
        ("/p2p-circuit", None),
    ],
    ids=["member", "short", "alphabet", "empty", "direct", "nobody"],
)
def test_an_address_names_its_relay(address: str, relay: bytes | None) -> None:
    assert relay_of(address) == relay
