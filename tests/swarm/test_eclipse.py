"""A real daemon whose bootstrap belongs to the adversary, and names nobody else (row 28)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import trio

from peerd.cli.task_arguments import TaskRequest
from peerd.laboratory.swarm.layout import Layout, Place, lay_out
from peerd.laboratory.swarm.options import swarm_options
from peerd.runner.gathering import NO_INDEPENDENT_VIEW, QUIET_SECONDS
from peerd.status.client import get
from peerd.storage import Store
from peerd.transport.transport import Transport
from protocols.record.effects import Record
from protocols.wire.canonical import pack, unpack
from tests.network.group import running

LIAR, VICTIM, OTHERS = 0, 1, (2, 3)
LIMIT = 300.0  # seconds; only a hang takes so long

pytestmark = [pytest.mark.swarm, pytest.mark.acceptance]


class Nobody:
    """An address book of the adversary's, which names no one."""

    def addresses(self, public: bytes) -> tuple[str, ...]:
        return ()

    async def wait_for_change(self, public: bytes) -> None:
        await trio.sleep_forever()


class Liar:
    """Answers at the bootstrap's address with its member's key; what it was asked, by name."""

    def __init__(self, layout: Layout) -> None:
        place, genesis = layout.places[LIAR], layout.genesis
        self.asked: list[str] = []
        self.transport = Transport(
            place.identity, genesis.group_id, genesis.roster, place.listen, Nobody()
        )
        self.transport.serve("addresses", self.addresses)
        self.transport.handle_requests(self.boast)

    async def addresses(self, peer: bytes, payload: bytes) -> bytes:
        return pack([])

    async def boast(self, peer: bytes, payload: bytes) -> bytes:
        what = unpack(payload)[0]
        self.asked.append(what)
        return pack(7) if what == Record.HEAD else b"no certificate, but a model: take it"


async def status(place: Place) -> dict[str, object]:
    try:
        return await get(place.socket, "/v1/status")
    except Exception:
        return {}


async def story(directory: Path) -> None:
    work = TaskRequest("digits", "rsa", {}, {})
    options = swarm_options(peers=4, rounds=2, work=work, liars=0, attack="silent", seed=1)
    layout = await lay_out(options, directory)
    victim = layout.places[VICTIM]
    for other in OTHERS:  # they know the victim, not the liar
        config = layout.places[other].config
        config.write_text(config.read_text().replace(layout.places[LIAR].address, victim.address))
    liar = Liar(layout)
    async with trio.open_nursery() as nursery:
        await nursery.start(liar.transport.run)
        async with running(layout, 1, print, peers=(VICTIM,)) as group:
            shown: dict[str, object] = {}
            while shown.get("reason") != NO_INDEPENDENT_VIEW or shown.get("connected") != 1:
                await trio.sleep(0.1)
                shown = await status(victim)
            await trio.sleep(1.5 * QUIET_SECONDS)
            shown = await status(victim)
            assert (shown["state"], shown["reason"]) == ("gathering", NO_INDEPENDENT_VIEW)
            assert (shown["head"], shown["model_hash"], shown["round"]) == (-1, None, None)
            assert NO_INDEPENDENT_VIEW in victim.log.read_text()
            # what proves itself may come from anyone: that the group has handed over meanwhile
            assert set(liar.asked) <= {"head", "certificate", "successor"}
            for other in OTHERS:
                group.start(other)
            await group.complete(1, (VICTIM, *OTHERS))
            last = [await status(layout.places[each]) for each in (VICTIM, *OTHERS)]
            assert len({each["model_hash"] for each in last}) == 1
            assert last[0]["head"] == 1
        nursery.cancel_scope.cancel()
    with Store.open(victim.data) as store:
        assert store.blames() == []


def test_an_eclipsed_daemon_signs_nothing_and_says_why(tmp_path: Path) -> None:
    async def limited() -> None:
        with tempfile.TemporaryDirectory(prefix="peerd-", dir="/tmp") as directory:
            with trio.fail_after(LIMIT):
                await story(Path(directory))

    trio.run(limited)
