"""What a network does to nine daemons, b = 2 and e = 1, in the middle of a round.

Each scenario returns when everybody is together again: a further round is finished by all.
"""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import trio

from peerd.discovery.records import read_record
from tests.network.group import Group, Stuck

CUT_SECONDS = 12.0
"""Longer than a dead connection takes to be noticed, and than any phase but dealing."""
DEALT = "collecting reports"
COMMITTING = "collecting commitments"
OPENING = "opening the sum"
FIND_SECONDS = 90.0


async def halves(group: Group) -> None:
    """Five against four: neither is a quorum of six, and nobody may decide anything alone."""
    round_ = await group.middle(DEALT, peer=0)
    group.network.partition(range(5), range(5, 9))
    group.say(f"round {round_}: five against four")
    await trio.sleep(CUT_SECONDS)
    assert group.head() <= round_ + 1, "a side without a quorum went on"
    group.network.heal()
    group.say("healed")
    await group.complete(round_, group.everybody)
    await group.together()


async def one_away(group: Group) -> None:
    """One is cut off: the others go on without it, and it catches up by certificates."""
    away = 4
    round_ = await group.middle(COMMITTING, peer=away)
    group.network.partition(group.everybody - {away})
    group.say(f"round {round_}: peer {away} is cut off")
    await group.complete(round_ + 2, group.everybody - {away})
    assert group.finished[away] <= round_, "it finished rounds without hearing anybody"
    group.network.heal()
    group.say("healed")
    await group.together()


async def moved(group: Group) -> None:
    """An address dies, the bootstrap's: that peer goes on elsewhere, and the others find it."""
    mover = 0
    round_ = await group.middle(COMMITTING, peer=mover)
    group.network.move(mover, "10.77.1.1")
    group.say(f"round {round_}: peer {mover} has another address")
    await group.together()
    await group.linked(mover, group.everybody - {mover})
    for other in sorted(group.everybody - {mover}):
        await _knows(group, other, mover, "/ip4/10.77.1.1/tcp/4001")


async def slow_reader(group: Group) -> None:
    """A daemon stands still for longer than a phase: nobody waits for it for ever."""
    slow = 6
    round_ = await group.middle(DEALT, peer=slow)
    group.say(f"round {round_}: peer {slow} is stopped")
    with group.frozen(slow):
        await trio.sleep(CUT_SECONDS)
        await group.complete(round_ + 1, group.everybody - {slow})
    group.say("it goes on")
    await group.together()


async def asleep(group: Group) -> None:
    """Four daemons stand still, so that there is no quorum; all their timers ring at once then."""
    sleepers = (0, 3, 5, 8)
    round_ = await group.middle(DEALT, peer=5)
    group.say(f"round {round_}: peers {sleepers} are stopped")
    with ExitStack() as stack:
        for sleeper in sleepers:
            stack.enter_context(group.frozen(sleeper))
        await trio.sleep(2 * CUT_SECONDS)
        assert group.head() <= round_ + 1, "a side without a quorum went on"
    group.say("they go on")
    await group.complete(round_, group.everybody)
    await group.together()


async def one_way(group: Group) -> None:
    """Nothing that peer 2 sends reaches peer 7; everything else arrives."""
    round_ = await group.middle(COMMITTING, peer=2)
    group.network.blackhole(2, 7)
    group.say(f"round {round_}: peer 2 can't reach peer 7")
    await trio.sleep(CUT_SECONDS)
    await group.complete(round_ + 1, group.everybody - {2, 7})
    group.network.restore(2, 7)
    group.say("healed")
    await group.together()
    await group.linked(2, group.everybody - {2})


async def long_halves(group: Group) -> None:
    """Four against five while the sum is opened, for longer than all deadlines of an attempt.

    Where the cut comes before the sums, members call for their operators, and it is the healed
    network that helps: nothing else than the decided cohort is opened.
    """
    group.may_stop = True
    round_ = await group.middle(OPENING, peer=1)
    group.network.partition(range(4), range(4, 9))
    group.say(f"round {round_}: four against five")
    await trio.sleep(sum(group.layout.deadlines.values()) / 1000)
    assert group.head() <= round_ + 1, "a side without a quorum went on"
    group.network.heal()
    group.say(f"healed; {sorted(group.stopped)} had stopped")
    await group.complete(round_, group.everybody)
    await group.together()
    group.may_stop = False


async def flapping(group: Group) -> None:
    """The sides change every few seconds, at times before the loss is noticed, at times after."""
    draw = random.Random(group.seed)
    round_ = await group.middle(DEALT, peer=3)
    for pause in (1.0, 3.0, 7.0, 2.0, 10.0, 5.0):
        order = draw.sample(range(9), 9)
        cut = draw.randrange(1, 5)
        group.network.partition(order[:cut], order[cut:])
        group.say(f"round {group.head()}: {sorted(order[:cut])} against the others for {pause} s")
        await trio.sleep(pause)
    group.network.heal()
    group.say("healed")
    await group.complete(round_, group.everybody)
    await group.together()


async def reborn(group: Group) -> None:
    """Cut off, killed and started again alone, while the bootstrap moves; then it finds them."""
    away, bootstrap = 5, 0
    round_ = await group.middle(DEALT, peer=away)
    group.network.partition(group.everybody - {away})
    group.say(f"round {round_}: peer {away} is cut off and killed")
    group.daemons[away].kill(1.0)
    group.network.move(bootstrap, "10.77.2.1")
    await group.complete(round_ + 2, group.everybody - {away, bootstrap})
    group.network.heal()
    group.say("healed")
    await group.together()
    await group.linked(away, group.everybody - {away})


Scenario = Callable[[Group], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {
    "halves": halves,
    "one-away": one_away,
    "moved": moved,
    "slow-reader": slow_reader,
    "asleep": asleep,
    "one-way": one_way,
    "long-halves": long_halves,
    "flapping": flapping,
    "reborn": reborn,
}


async def _knows(group: Group, index: int, of: int, address: str) -> None:
    """Until a daemon's address book has a record of ``of`` with this address."""
    place, public = group.layout.places[index], group.layout.places[of].identity.public
    genesis = group.layout.genesis
    path = place.data / "addresses.json"
    with trio.move_on_after(FIND_SECONDS):
        while True:
            records = json.loads(path.read_text())["records"] if path.exists() else []
            read = [read_record(bytes.fromhex(raw), genesis.group_id) for raw in records]
            if any(each.public == public and address in each.addresses for each in read):
                return
            await trio.sleep(0.5)
    raise Stuck(f"peer {index} does not know {address} of peer {of} after {FIND_SECONDS:.0f} s")
