"""Members that can't reach each other as easily as those of a flat network, and go on all the same.

Each story is a group of daemons of its own. It returns when what its first line says has been seen.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from peerd.laboratory.swarm.layout import OWN_PORT, Layout, Place, lay_out
from peerd.laboratory.swarm.options import MAX_ROUNDS, SwarmOptions
from peerd.laboratory.swarm.process import Command, daemon_command
from peerd.laboratory.swarm.result import absent_in
from peerd.status.client import get
from tests.network.group import WORK, Group, running, verdict, witnesses
from tests.network.namespaces import Network
from tests.network.neighbourhoods import Internet, Lan
from tests.network.stage import Say, stage

FOUR = 4
LYING_RELAY = Path(__file__).with_name("lying_relay.py")
PATIENCE = 1200.0
"""Seconds for all rounds together, on a machine that does much else; a bound on hangs."""


@dataclass
class Story:
    """A running group, in its network. ``rounds``: how many the reader asked for."""

    group: Group
    layout: Layout
    network: Network
    rounds: int
    say: Say

    async def all_take_part(self, first: int = 0) -> None:
        """``rounds`` rounds are completed by everybody, and nobody is absent in any but the first,
        which may begin with those who have met by then.
        """
        last = first + self.rounds - 1
        await self.group.complete(last, self.group.everybody)
        late: set[str] = set()
        for place in self.layout.places:
            for record in await records(place):
                if first <= record["round"] <= last:
                    assert record["outcome"] == "completed", record
                if first == record["round"]:
                    late.update(absent_in(record))
                elif first < record["round"] <= last:
                    assert not absent_in(record), f"peer {place.index}: {record}"
        absent = f"only in round {first}: {sorted(late)}" if late else "nobody"
        self.say(f"rounds {first} to {last}: completed by all; absent: {absent}")

    async def reaches(self, index: int) -> dict[int, str | None]:
        """How a daemon is connected to the others, by index."""
        shown: Any = (await get(self.layout.places[index].socket, "/v1/peers"))["peers"]
        return {other: peer["reach"] for other, peer in enumerate(shown) if other != index}

    async def directly(self, index: int, to: Iterable[int]) -> None:
        """Until its links to those who can be dialled do without the relay."""
        with trio.fail_after(PATIENCE):
            while {(await self.reaches(index))[other] for other in to} - {"dialled", "dials"}:
                await trio.sleep(1.0)

    def shows(self, index: int, command: str) -> str:
        """What the operator of one of them sees: ``peerd peers``, ``peerd status``."""
        place = self.layout.places[index]
        words = [command, "--config", str(place.config)]
        done = subprocess.run(
            [sys.executable, "-m", "peerd", *words], capture_output=True, text=True, check=True
        )
        self.say(f"peer {index}$ peerd {command}")
        for line in done.stdout.splitlines():
            self.say(f"  {line.rstrip()}")
        return done.stdout


async def records(place: Place) -> list[dict[str, Any]]:
    """A daemon's rounds."""
    answer: Any = await get(place.socket, f"/v1/rounds?limit={MAX_ROUNDS}")
    return list(answer["rounds"])


def configure(place: Place, **values: object) -> None:
    """Other values of keys of a peer's ``peerd.toml``, of its first table."""
    text = place.config.read_text()
    for key, value in values.items():
        found = re.search(rf"(?m)^(# )?{key} = .*$", text)
        assert found is not None, f"{place.config} has no {key}"
        text = f"{text[: found.start()]}{key} = {json.dumps(value)}{text[found.end() :]}"
    place.config.write_text(text)


# -- what is played ------------------------------------------------------------------------------


async def only_dial(story: Story) -> None:
    """One member is behind address translation, and reached only by its own dialling."""
    await story.all_take_part()
    for index in (0, 1, 2):
        assert (await story.reaches(index))[3] == "only dials"
    story.shows(0, "peers")


async def two_only_dial(story: Story) -> None:
    """Two members are behind address translation and nobody relays: they never meet."""
    await story.group.complete(story.rounds - 1, story.group.everybody)
    assert (await story.reaches(2))[3] is None
    for each in await records(story.layout.places[3]):
        story.say(f"round {each['round']} at peer 3: {each['outcome']}, absent {absent_in(each)}")
    story.shows(2, "peers")


async def relayed(story: Story) -> None:
    """Two members are behind address translation, and meet through a third."""
    await story.all_take_part()
    assert (await story.reaches(2))[3] == (await story.reaches(3))[2] == "relayed"
    for index in (2, 3):
        await story.directly(index, to=(0, 1))
    story.shows(2, "peers")
    story.shows(3, "peers")
    begun = logged(story.layout.places[0], "a circuit begins")
    assert begun
    story.say(f"the relay, peer 0, has carried {len(begun)} connection(s); it logs: {begun[-1]}")


async def lied_to(story: Story) -> None:
    """The member that relays cuts and garbles what it carries: rounds go on, nobody is blamed."""
    last = story.rounds - 1
    await story.group.complete(last, story.group.everybody)
    lies = logged(story.layout.places[0], "the relay lies")
    assert lies, "it never came to a lie"
    ended = [len(logged(story.layout.places[index], "peer lost")) for index in (2, 3)]
    how = Counter(each["how"] for each in lies)
    story.say(f"the relay has lied: {dict(how)}; connections lost at peers 2 and 3: {ended}")
    for each in await records(story.layout.places[3]):
        assert each["outcome"] == "completed" and not each["blamed"], each
        story.say(f"round {each['round']} at peer 3: {each['outcome']}, absent {absent_in(each)}")


def logged(place: Place, event: str) -> list[dict[str, Any]]:
    """What a daemon's log has of one kind."""
    lines = (json.loads(line) for line in place.log.read_text().splitlines() if event in line)
    return [line for line in lines if line["event"] == event]


async def isolated(story: Story) -> None:
    """A LAN without a default route: a wildcard publishes the interface's address."""
    await story.all_take_part()
    address = f"/ip4/{story.network.hosts[1]}/tcp/{OWN_PORT}"
    await every_book_has(story, 1, address)
    assert re.search(rf"(?m)^published +{re.escape(address)}$", story.shows(1, "status"))


async def moves(story: Story) -> None:
    """On such a LAN one address is taken away and another one given: all meet again."""
    await story.group.complete(0, story.group.everybody)
    story.network.move(1, "10.77.1.1")
    began = time.monotonic()
    story.say("peer 1 has another address")
    await every_book_has(story, 1, f"/ip4/10.77.1.1/tcp/{OWN_PORT}")
    story.say(f"known to all after {time.monotonic() - began:.1f} s")
    await story.group.linked(1, story.group.everybody - {1})
    story.say(f"connected to all after {time.monotonic() - began:.1f} s")
    await story.group.together()
    await story.all_take_part(story.group.head() + 1)


async def ip6_alone(story: Story) -> None:
    """No IPv4 at all."""
    await story.all_take_part()
    await every_book_has(story, 1, f"/ip6/{story.network.hosts[1]}/tcp/{OWN_PORT}")
    story.shows(0, "peers")


async def names(story: Story) -> None:
    """Members are found and announced by name; one bootstrap's name leads nowhere, once."""
    await story.all_take_part()
    await every_book_has(story, 1, f"/dns4/site-1/tcp/{OWN_PORT}")
    told = logged(story.layout.places[2], "a bootstrap does not lead to its peer")
    lost = [each for each in told if "nowhere.invalid" in each["address"]]
    assert len(lost) == 1, told
    story.say(f"peer 2 logs: {lost[0]['event']}: {lost[0]['address']}: {lost[0]['cause']}")


async def every_book_has(story: Story, of: int, address: str) -> None:
    """Until a member's address is in the address books of all others, which tell it by file."""
    from tests.network.scenarios import _knows

    for other in sorted(story.group.everybody - {of}):
        await _knows(story.group, other, of, address)
    story.say(f"in every address book: peer {of} is at {address}")


# -- how it is laid out --------------------------------------------------------------------------


def _hide(layout: Layout, *hidden: int) -> None:
    for index in hidden:
        configure(layout.places[index], announce=[])


def _relays(layout: Layout) -> None:
    """The first one relays; both hidden ones say so."""
    _hide(layout, 2, 3)
    configure(layout.places[0], relay=True)
    for index in (2, 3):
        configure(layout.places[index], relays=[layout.places[0].address])


def _ip6(layout: Layout) -> None:
    bootstrap = layout.places[0]
    for place in layout.places:
        configure(place, listen=f"/ip6/::/tcp/{OWN_PORT}")
        if place is not bootstrap:
            at = f"/ip6/fd77::1/tcp/{OWN_PORT}/p2p/{bootstrap.identity.peer_id}"
            configure(place, bootstrap=[at])


def _names(layout: Layout) -> None:
    first, second = (place.identity.peer_id for place in layout.places[:2])
    for place in layout.places:
        configure(place, announce=[f"/dns4/site-{place.index}/tcp/{OWN_PORT}"])
        asked = [
            f"/dns4/site-0/tcp/{OWN_PORT}/p2p/{first}",
            f"/dns/nowhere.invalid/tcp/{OWN_PORT}/p2p/{second}",
        ]
        if place.index:
            configure(place, bootstrap=asked if place.index == 2 else asked[:1])


def _named() -> Lan:
    made = Lan(FOUR)
    hosts = {f"site-{index}": host for index, host in enumerate(made.hosts)}
    for index in range(FOUR):
        made.name(index, hosts)
    return made


def _first_lies(place: Place) -> list[str]:
    if place.index:
        return daemon_command(place)
    return [sys.executable, str(LYING_RELAY), "run", "--config", str(place.config)]


@dataclass(frozen=True)
class Setup:
    """``made``: the network; ``changed``: what the operators write into their files; ``command``:
    what they start.
    """

    plot: Callable[[Story], Awaitable[None]]
    made: Callable[[], Network]
    changed: Callable[[Layout], None] = lambda layout: None
    command: Command = daemon_command


STORIES = {
    "only-dial": Setup(only_dial, lambda: Internet(FOUR, {3}), lambda layout: _hide(layout, 3)),
    "two-only-dial": Setup(
        two_only_dial, lambda: Internet(FOUR, {2, 3}), lambda layout: _hide(layout, 2, 3)
    ),
    "relayed": Setup(relayed, lambda: Internet(FOUR, {2, 3}), _relays),
    "lied-to": Setup(lied_to, lambda: Internet(FOUR, {2, 3}), _relays, _first_lies),
    "isolated": Setup(isolated, lambda: Lan(FOUR)),
    "moves": Setup(moves, lambda: Lan(FOUR)),
    "ip6-alone": Setup(ip6_alone, lambda: Lan(FOUR, 6), _ip6),
    "names": Setup(names, _named, _names),
}


def _within(network: Network, command: Command) -> Command:
    return lambda place: network.command(place.index, command(place))


async def tell(name: str, rounds: int, say: Say, keep: bool = False) -> list[str]:
    """Plays one story. What the oracle finds wrong: nothing, or a line each. Raises Stuck."""
    setup = STORIES[name]
    options = SwarmOptions(FOUR, MAX_ROUNDS, WORK, (), 1)
    with stage(say, "peerd-net-", keep=keep) as here:
        told = here.told
        told(f"{name}: {setup.plot.__doc__}")
        with setup.made() as network:
            layout = await lay_out(options, here.directory, network.hosts)
            setup.changed(layout)
            async with running(layout, 1, told, _within(network, setup.command)) as group:
                group.network = network
                group.patience = PATIENCE
                await setup.plot(Story(group, layout, network, rounds, told))
                done = min(group.finished.values()) + 1
                found = await witnesses(group, done)
        here.wrong = verdict(layout, options, found, done)
        aborted, wrong = group.aborted, len(here.wrong)
        told(f"{done} rounds, {aborted} attempts aborted at a peer, {wrong} findings")
    return here.wrong
