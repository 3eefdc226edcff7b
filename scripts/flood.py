#!/usr/bin/env python3
"""Floods against a real daemon while its group's rounds run (faults 33, 38, 39, 51).

    scripts/flood.py [--floods all] [--rounds 2] [--seconds 8] [--json FILE]

Four daemons of a group of five; the attacker holds the fifth one's key, a local user's socket, and
as many strangers' connections as it likes. Victim is peer 0. For each flood: how long rounds took
and the largest memory of the victim's process, beside the same without a flood. Exit code 1 when
the rounds stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import structlog  # noqa: E402
import trio  # noqa: E402
from libp2p.exceptions import BaseLibp2pError  # noqa: E402
from multiaddr import Multiaddr  # noqa: E402

from peerd.cli.task_arguments import TaskRequest  # noqa: E402
from peerd.errors import PeerdError  # noqa: E402
from peerd.laboratory.swarm.layout import Layout, Place, lay_out  # noqa: E402
from peerd.laboratory.swarm.options import swarm_options  # noqa: E402
from peerd.laboratory.swarm.process import Daemon, resident_bytes  # noqa: E402
from peerd.status.client import get  # noqa: E402
from peerd.transport.frame_wire import HEADER, HELLO, SEQUENCE  # noqa: E402
from peerd.transport.inbox import Inbox  # noqa: E402
from peerd.transport.limits import DEFAULT_LIMITS  # noqa: E402
from peerd.transport.names import libp2p_id  # noqa: E402
from peerd.transport.receiver import Receiver  # noqa: E402
from peerd.transport.repairs.host import PeerHost, build_host  # noqa: E402
from peerd.transport.requests import LENGTH  # noqa: E402
from protocols.wire.canonical import pack  # noqa: E402
from protocols.wire.frames import (  # noqa: E402  # noqa: E402
    CertificateFrame,
    EvidenceFrame,
    HelloFrame,
    StatementFrame,
    encode_frame,
)
from protocols.wire.payloads import Commit, Kind  # noqa: E402
from protocols.wire.statement import Slot, encode_body  # noqa: E402

PEERS, VICTIM, HOSTILE = 5, 0, 4
ROUND_LIMIT = 120.0  # seconds after which the rounds have stopped
STRANGERS = 200
GONE = (
    *(OSError, EOFError, BaseLibp2pError, PeerdError, trio.TooSlowError),
    *(trio.BrokenResourceError, trio.ClosedResourceError),
)
SESSION = b"s" * 16


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each round at the victim; its memory in bytes before, and at most; ``sent`` counts
    what the attacker tried: connections, streams, requests or frames."""

    flood: str
    seconds: tuple[float, ...]
    before: int
    most: int
    sent: int
    completed: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run, and how long each at least: whole rounds, and seconds."""

    floods: tuple[str, ...]
    rounds: int
    seconds: float


class Attack:
    """The attacker's hands: the victim's address and socket, and a member's host."""

    def __init__(self, layout: Layout, victim: Place, host: PeerHost) -> None:
        self.layout, self.victim, self.host = layout, victim, host
        self.sent = 0
        self.reads = True

    async def connection(self, place: Place | None = None) -> Any:
        place = place or self.victim
        peer = libp2p_id(place.identity.public)
        known = self.host.swarm.connections.get(peer)
        if known:
            return known[0]
        self.host.get_peerstore().add_addrs(peer, [Multiaddr(place.listen)], 600)
        return (await self.host.swarm.dial_peer(peer))[0]

    async def pipe(self, purpose: str) -> Any:
        name = f"/peerd/1/{purpose}/{self.layout.genesis.group_id[:8].hex()}"
        stream = await self.host.open_stream(await self.connection(), name)
        return stream.muxed_stream  # type: ignore[attr-defined]

    async def tcp(self) -> trio.SocketStream:
        self.sent += 1
        return await trio.open_tcp_stream("127.0.0.1", self.victim.port)

    async def stay(self) -> None:
        """As a member that is connected to everybody and says nothing."""
        others = [place for place in self.layout.places if place.index != HOSTILE]
        while True:
            for place in others:
                with suppress(*GONE):
                    await self.connection(place)
            await trio.sleep(0.5)

    async def on_frames(self, stream: Any) -> None:
        """What the victim sends the hostile member: taken, or left unread."""
        if not self.reads:
            await trio.sleep_forever()
        receiver = Receiver(DEFAULT_LIMITS)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(receiver.run)
            nursery.start_soon(_take_all, receiver.inbox)
            await receiver.handle(stream)
            nursery.cancel_scope.cancel()


async def _take_all(inbox: Inbox) -> None:
    while True:
        await inbox.receive()


Flood = Callable[[Attack], Awaitable[None]]


async def many(count: int, one: Flood, attack: Attack) -> None:
    """``count`` tasks that each do ``one`` again and again, whatever becomes of it."""

    async def again() -> None:
        while True:
            with suppress(*GONE):
                await one(attack)
            await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(again)


# -- strangers -------------------------------------------------------------------------------------


async def _held(attack: Attack) -> None:
    async with await attack.tcp() as stream:
        while await stream.receive_some():
            pass


async def _half_open(attack: Attack) -> None:
    """The first message of the negotiation, and then nothing."""
    async with await attack.tcp() as stream:
        await stream.send_all(b"\x13/multistream/1.0.0\n\x07/noise\n")
        while await stream.receive_some():
            pass


async def _slow_loris(attack: Attack) -> None:
    async with await attack.tcp() as stream:
        for byte in b"\x13/multistream/1.0.0\n\x07/noise\n" + bytes(200):
            await stream.send_all(bytes([byte]))
            await trio.sleep(0.2)


async def _garbage(attack: Attack) -> None:
    async with await attack.tcp() as stream:
        for _ in range(100):
            await stream.send_all(os.urandom(65536))


# -- a hostile member ------------------------------------------------------------------------------


@asynccontextmanager
async def _reset(pipe: Any) -> AsyncIterator[None]:
    """No stream of one flood is left for the next."""
    try:
        yield
    finally:
        with trio.CancelScope(shield=True), suppress(*GONE):
            await pipe.reset()


async def _streams(attack: Attack) -> None:
    """Opened, and never spoken on."""
    attack.sent += 1
    async with _reset(await attack.pipe("frames" if attack.sent % 2 else "request")):
        await trio.sleep(5)


async def _lengths(attack: Attack) -> None:
    """A length prefix of 4 GiB, on both protocols."""
    attack.sent += 1
    frames = bool(attack.sent % 2)
    pipe = await attack.pipe("frames" if frames else "request")
    start = HELLO.pack(1, SESSION) + HEADER.pack(1, 2**32 - 1) if frames else LENGTH.pack(2**32 - 1)
    async with _reset(pipe):
        await pipe.write(start + bytes(1000))
        with trio.fail_after(10):
            while True:
                await pipe.read(4096)


async def _requests(attack: Attack) -> None:
    attack.sent += 1
    names = ("model", "certificate", "polynomials", "head", "nothing")
    ask = pack([names[attack.sent % 5], 0])
    pipe = await attack.pipe("request")
    async with _reset(pipe):
        await pipe.write(LENGTH.pack(len(ask)) + ask)
        with trio.fail_after(10):
            await pipe.read(65536)


def _hostile_frames(attack: Attack, round_: int) -> list[bytes]:
    """Rubbish, forged signatures of others, worthless evidence, old news, a large one."""
    group = attack.layout.genesis.group_id
    slots = [Slot(round_, 0, Kind.COMMIT, 0, 0, signer) for signer in range(PEERS)]
    bodies = [encode_body(group, slot, Commit(b"c" * 32, b"k" * 32)) for slot in slots]
    forged = [encode_frame(StatementFrame(pack([body, b"\7" * 64]))) for body in bodies]
    return [
        *forged,
        b"rubbish" * 100,
        encode_frame(EvidenceFrame(b"\x93\1\xc0\x90")),
        encode_frame(CertificateFrame(b"nothing" * 50)),
        encode_frame(HelloFrame(0, 0)),
        encode_frame(HelloFrame(round_ + 1000, 0)),
    ]


async def _send(attack: Attack, lane: int, frames: list[bytes]) -> None:
    """As fast as the stream takes them."""
    pipe = await attack.pipe("frames")
    await pipe.write(HELLO.pack(lane, os.urandom(16)))
    await pipe.read(SEQUENCE.size)

    async def acknowledged() -> None:
        while True:
            await pipe.read(65536)

    async with _reset(pipe), trio.open_nursery() as nursery:
        nursery.start_soon(acknowledged)
        for number in range(1, 1 << 40):
            frame = frames[number % len(frames)]
            await pipe.write(HEADER.pack(number, len(frame)) + frame)
            attack.sent += 1


async def _frames(attack: Attack) -> None:
    try:
        await _send(attack, 0, _hostile_frames(attack, await head(attack.victim) + 1))
    except* GONE:
        pass


async def _large_frames(attack: Attack) -> None:
    """Of 4 MB, on the bulk lane: half rubbish, half a statement that its signature does not fit."""
    body = encode_frame(StatementFrame(pack([bytes(4 << 20), b"\7" * 64])))
    try:
        await _send(attack, 1, [bytes(4 << 20), body])
    except* GONE:
        pass


async def _unread(attack: Attack) -> None:
    """Asks for old certificates and never reads the answers."""
    attack.reads = False
    for connection in list(attack.host.swarm.connections.get(_id(attack), [])):
        await connection.close()  # the stream on which it has been reading ends with it
    last = await head(attack.victim)  # of which the victim still has the certificate
    try:
        await _send(attack, 0, [encode_frame(HelloFrame(last, 0))])
    except* GONE:
        pass


def _id(attack: Attack) -> Any:
    return libp2p_id(attack.victim.identity.public)


# -- a local user ----------------------------------------------------------------------------------


async def _status(attack: Attack) -> None:
    async with await trio.open_unix_socket(str(attack.victim.socket)) as stream:
        attack.sent += 1
        paths = ("status", "rounds", "peers", "rounds/0/transcript", "events", "x" * 9000)
        path = paths[attack.sent % len(paths)]
        await stream.send_all(f"GET /v1/{path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
        with trio.fail_after(2):
            await stream.receive_some(65536)


async def _status_slow(attack: Attack) -> None:
    async with await trio.open_unix_socket(str(attack.victim.socket)) as stream:
        attack.sent += 1
        for byte in b"GET /v1/status HTTP/1.1\r\nhost: x":
            await stream.send_all(bytes([byte]))
            await trio.sleep(0.3)


FLOODS: dict[str, Flood] = {
    "connections": partial(many, STRANGERS, _held),
    "half-open": partial(many, STRANGERS, _half_open),
    "slow-loris": partial(many, STRANGERS, _slow_loris),
    "garbage": partial(many, 4, _garbage),
    "streams": partial(many, 100, _streams),
    "lengths": partial(many, 4, _lengths),
    "requests": partial(many, 8, _requests),
    "frames": partial(many, 1, _frames),
    "large-frames": partial(many, 1, _large_frames),
    "unread": partial(many, 1, _unread),
    "status": partial(many, 32, _status),
    "status-slow": partial(many, 120, _status_slow),
}


# -- measuring -------------------------------------------------------------------------------------


async def head(place: Place) -> int:
    found = (await get(place.socket, "/v1/status")).get("head")
    return found if isinstance(found, int) else -1


async def _until(place: Place, round_: int) -> bool:
    """Whether ``place`` saw that round completed in time."""
    found = -1
    with trio.move_on_after(ROUND_LIMIT):
        while found < round_:
            await trio.sleep(0.1)
            with suppress(*GONE):
                found = await head(place)
    return found >= round_


async def measure(
    name: str, flood: Flood | None, attack: Attack, daemons: list[Daemon], plan: Plan
) -> Measured:
    """Flood from mid-round on, for the plan's rounds at least; the first is not counted."""
    victim, witness = daemons[VICTIM], daemons[1].place
    pid = victim.pid
    assert pid is not None
    before = most = resident_bytes(pid)
    attack.sent, attack.reads = 0, True
    started = trio.current_time()
    first = await head(witness) + 1
    async with trio.open_nursery() as nursery:

        async def sample() -> None:
            nonlocal most
            while True:
                most = max(most, resident_bytes(pid))
                await trio.sleep(0.05)

        nursery.start_soon(sample)
        if flood is not None:
            nursery.start_soon(flood, attack)
        completed = await _until(witness, first + plan.rounds)
        await trio.sleep_until(started + plan.seconds)
        nursery.cancel_scope.cancel()
    attack.reads = True
    completed = completed and await _until(victim.place, first + plan.rounds)
    seconds = []
    last = await head(victim.place) if completed else first
    for number in range(first + 1, last + 1):
        took = (await get(victim.place.socket, f"/v1/rounds/{number}")).get("seconds")
        seconds.append(took if isinstance(took, float) else ROUND_LIMIT)
    return Measured(name, tuple(seconds), before, most, attack.sent, completed)


async def run(plan: Plan, directory: Path) -> list[Measured]:
    work = TaskRequest("digits", "rsa", {}, {})
    options = swarm_options(peers=PEERS, rounds=1000, work=work, liars=1, attack="silent", seed=1)
    layout = await lay_out(options, directory)
    daemons = [Daemon(place) for place in layout.places if place.index != HOSTILE]
    member = layout.places[HOSTILE]
    host = build_host(member.identity.secret, lambda peer: True, PEERS, DEFAULT_LIMITS)
    attack = Attack(layout, layout.places[VICTIM], host)
    group = layout.genesis.group_id[:8].hex()
    host.set_unbounded_handler(f"/peerd/1/frames/{group}", attack.on_frames)
    measured: list[Measured] = []
    async with host.run([Multiaddr(member.listen)]), trio.open_nursery() as nursery:
        try:
            for daemon in daemons:
                nursery.start_soon(daemon.run)
            nursery.start_soon(attack.stay)
            if not await _until(layout.places[1], 0) or not await _until(layout.places[1], 1):
                raise SystemExit(f"the group does not start: {daemons[0].last_words()}")
            for name in ("none", *plan.floods, "none"):
                measured.append(await measure(name, FLOODS.get(name), attack, daemons, plan))
                show(measured[-1])
        finally:
            with trio.CancelScope(shield=True):
                for daemon in daemons:
                    await daemon.stop()
            nursery.cancel_scope.cancel()
    return measured


def show(found: Measured) -> None:
    took = found.seconds or (ROUND_LIMIT,)
    print(
        f"{found.flood:14} {len(found.seconds):3} rounds  median {median(took):6.2f} s"
        f"  slowest {max(took):6.2f} s  memory {found.before >> 20:4} → "
        f"{found.most >> 20:4} MB  attempts {found.sent:8}"
        f"  {'' if found.completed else 'THE ROUNDS STOPPED'}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--floods", default="all", help=f"of: {', '.join(FLOODS)}")
    parser.add_argument("--rounds", type=int, default=2, help="of each flood, at least")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each flood, at least")
    parser.add_argument("--json", type=Path, help="write what was measured")
    parser.add_argument("--keep", action="store_true", help="leave the daemons' directories")
    options = parser.parse_args()
    names = list(FLOODS) if options.floods == "all" else options.floods.split(",")
    for name in names:
        if name not in FLOODS:
            print(f"flood: no flood {name!r}; there are: {', '.join(FLOODS)}", file=sys.stderr)
            return 2
    plan = Plan(tuple(names), options.rounds, options.seconds)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    directory = Path(tempfile.mkdtemp(prefix="pfl-"))
    try:
        measured = trio.run(run, plan, directory / "s")
    finally:
        if options.keep:
            print(f"kept: {directory}", file=sys.stderr)
        else:
            shutil.rmtree(directory, ignore_errors=True)
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(each) for each in measured], indent=1) + "\n")
    return 0 if all(each.completed for each in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
