"""A peer that stops in any phase is named by every other, with the phase, within five seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.seeded import swarm_secrets
from peerd.laboratory.simulation.swarm import FOUR, SEATED, first_model, setting_of, swarm
from peerd.laboratory.simulation.times import order
from peerd.laboratory.simulation.world import World
from peerd.runner.sight.sight import Member, Sight
from peerd.status.board import JsonObject
from peerd.status.waiting import WORDS
from protocols.plan import CommitteePlan
from protocols.record.door import open_message
from protocols.record.effects import Announced, Completed, Effect, Send
from protocols.record.waits import Awaiting
from protocols.session import round as round_module
from protocols.session.events import Stay
from protocols.session.standing import sat_out_key
from protocols.version import EARLIEST, LATEST
from protocols.wire import statement
from protocols.wire.frames import DealingFrame, HaveFrame, RecalledFrame, decode_frame
from protocols.wire.payloads import Kind, Topic
from protocols.wire.schema import Integer

NEVER = 10**9
WITHIN = 5_000
"""Virtual milliseconds."""

Says = Callable[[World, Node, bytes], bool]


def says(kind: Kind, topic: Topic | None = None) -> Says:
    def found(world: World, node: Node, frame: bytes) -> bool:
        said = open_message(world.setting, node.index, frame).statement
        if said is None or said.kind is not kind or said.signer != node.index:
            return False
        return topic is None or said.slot.subject == topic

    return found


def sends(frame_type: type) -> Says:
    def found(world: World, node: Node, frame: bytes) -> bool:
        return isinstance(open_message(world.setting, node.index, frame).frame, frame_type)

    return found


ONE, TWO = (3,), (2, 3)
"""Of four: votes, sums and results need three, so that one peer holds nobody up."""
PHASES: dict[Awaiting, tuple[tuple[int, ...], Says]] = {
    Awaiting.RECALLED: (ONE, sends(RecalledFrame)),
    Awaiting.COMMITMENT: (ONE, says(Kind.COMMIT)),
    Awaiting.COMMITS_VOTE: (TWO, says(Kind.SEEN, Topic.COMMITS)),
    Awaiting.REVEAL: (ONE, says(Kind.REVEAL)),
    Awaiting.REVEALS_VOTE: (TWO, says(Kind.FIRST_VOTE, Topic.REVEALS)),
    Awaiting.DEALING: (ONE, sends(DealingFrame)),
    Awaiting.REPORT: (ONE, says(Kind.REPORT)),
    Awaiting.COMPARISON: (ONE, sends(HaveFrame)),
    Awaiting.LIST: (ONE, says(Kind.SEEN, Topic.COHORT)),
    Awaiting.COHORT_VOTE: (TWO, says(Kind.FIRST_VOTE, Topic.COHORT)),
    Awaiting.SUM: (TWO, says(Kind.SUM)),
    Awaiting.RESULT: (TWO, says(Kind.RESULT)),
}
"""Who stops before it says what each phase needs of it."""


class Eyes:
    """A ``Sight`` for each peer, which looks twice a virtual second."""

    def __init__(self, world: World) -> None:
        self.world = world
        clock = lambda: world.now / 1000  # noqa: E731
        members = [Member(f"peer {n.index}", None) for n in world.nodes]
        self.sights = [Sight(n.index, members, 10.0, clock) for n in world.nodes]
        before = world.before

        def noting(node: Node, effect: Effect) -> None:
            self.sights[node.index].note(effect)
            if isinstance(effect, Completed):
                self.phases[effect.round + 1] = world.now
            before(node, effect)

        world.before = noting
        for at in range(0, 60_000, 500):
            world.happen(at, self.look)
        self.told: list[tuple[int, int, list[JsonObject]]] = []
        """(virtual ms, who, its entries)"""
        self.phases: dict[int, int] = {}
        """Round → the virtual ms at which the last one had ended the round before."""

    def look(self) -> None:
        for node, sight in zip(self.world.nodes, self.sights, strict=True):
            if node.session is not None and node.frozen <= self.world.now:
                connected = self.world.present(node) - {node.index}
                sight.look(node.session.waits(), connected)
                self.told.append((self.world.now, node.index, sight.entries()))

    def long(self, who: int, since: int) -> set[str]:
        """Whom it says that it has awaited for three seconds, within five."""
        return {
            str(each["peer"])
            for at, witness, entries in self.told
            for each in entries
            if witness == who and since <= at <= since + WITHIN and float(str(each["seconds"])) >= 3
        }

    def named(self, who: int, since: int) -> dict[str, set[str]]:
        """Phase → the peers that ``who`` names in it, within five seconds."""
        found: dict[str, set[str]] = {}
        for at, witness, entries in self.told:
            if witness == who and since <= at <= since + WITHIN:
                for each in entries:
                    found.setdefault(str(each["phase"]), set()).add(str(each["peer"]))
        return found


def stop_before(world: World, peers: tuple[int, ...], stops: Says) -> dict[int, int]:
    """Their processes are stopped as they are to say this: connected still, and doing nothing.
    When each was, in virtual ms.
    """
    before, stopped = world.before, dict[int, int]()

    def stopping(node: Node, effect: Effect) -> None:
        before(node, effect)
        if node.index in peers and node.index not in stopped and isinstance(effect, Send):
            stopping_now = stops(world, node, effect.frame)
            node.frozen = NEVER if stopping_now else node.frozen
            stopped.update({node.index: world.now} if stopping_now else {})

    world.before = stopping
    world.drop = lambda sender, to, data: sender in stopped
    return stopped


@pytest.mark.parametrize("what", PHASES, ids=lambda what: what.name)
def test_who_stops_in_a_phase_is_named_by_all(what: Awaiting) -> None:
    flips = what in (Awaiting.REVEAL, Awaiting.REVEALS_VOTE)
    version = EARLIEST if flips else LATEST
    world = swarm(FOUR, 1, rounds=1, traced=False, slowest=50, version=version)
    eyes, (peers, stops) = Eyes(world), PHASES[what]
    stopped = stop_before(world, peers, stops)
    world.run(until=20_000)
    assert set(stopped) == set(peers)
    for node in world.nodes[: min(peers)]:
        last = max(stopped.values())
        named = eyes.named(node.index, last)
        wanting = {f"peer {peer}" for peer in peers}
        assert named.get(WORDS[what], set()) >= wanting, named
        short = what in (Awaiting.RECALLED, Awaiting.LIST)  # two seconds, where a quorum is here
        assert eyes.long(node.index, last) == (set() if short else wanting)


def test_looking_changes_nothing() -> None:
    seen, unseen = (swarm(FOUR, 1, rounds=2, slowest=50) for _ in range(2))
    Eyes(seen)
    for world in (seen, unseen):
        world.run()
    lines = unseen.history.lines
    assert lines and seen.history.lines[: len(lines)] == lines


def test_who_has_announced_that_it_is_away_is_not_awaited() -> None:
    """Of four three are enough for everything."""
    world = swarm(FOUR, 1, rounds=6, traced=False, slowest=200)
    eyes, since = Eyes(world), list[int]()
    before = world.before

    def hearing(node: Node, effect: Effect) -> None:
        before(node, effect)
        if isinstance(effect, Announced):
            since.extend(round_ for _, round_ in effect.since)

    world.before = hearing
    for at in range(0, 20_000, 50):
        world.happen(at, eyes.look)
    world.happen(2_000, lambda: order(world, world.nodes[3], Stay()))
    world.run()
    assert since and since[0] < 4, "rounds went on without it"
    first = eyes.phases[since[0] + 1]
    awaited = [
        entry
        for at, who, entries in eyes.told
        for entry in entries
        if at > first and who != 3 and entry["peer"] == "peer 3"
    ]
    assert not awaited, awaited[:3]


# -- who stands between two others -----------------------------------------------------------------


def test_a_dealer_that_owes_a_share_to_one_who_asked() -> None:
    world = swarm(FOUR, 1, rounds=1, traced=False, slowest=50)
    eyes = Eyes(world)
    stopped = stop_before(world, (3,), says(Kind.DELIVERY))
    dropped = world.drop
    world.drop = lambda sender, to, data: (
        dropped(sender, to, data)
        or ((sender, to) == (3, 0) and isinstance(decode_frame(data), DealingFrame))
    )
    world.run(until=60_000)
    for node in world.nodes[:3]:
        assert "peer 3" in eyes.named(node.index, stopped[3])[WORDS[Awaiting.RELAY]]


def test_who_asked_for_a_share_and_does_not_say_that_it_is_here() -> None:
    world = swarm(FOUR, 1, rounds=1, traced=False, slowest=50)
    eyes = Eyes(world)
    stopped = stop_before(world, (3,), says(Kind.ANSWER))
    dropped = world.drop
    world.drop = lambda sender, to, data: (
        dropped(sender, to, data)
        or ((sender, to) == (0, 3) and isinstance(decode_frame(data), DealingFrame))
    )
    world.run(until=60_000)
    for node in world.nodes[:3]:
        assert "peer 3" in eyes.named(node.index, stopped[3])[WORDS[Awaiting.RELAY]]


# -- before a round, beside it, and between attempts ---------------------------------------------


def test_who_does_not_say_where_the_group_stands() -> None:
    world = swarm(FOUR, 1, rounds=1, traced=False, silent=frozenset({3}))
    eyes = Eyes(world)
    world.run(until=9_000)
    for node in world.nodes[:3]:
        assert eyes.named(node.index, 500) == {WORDS[Awaiting.HEAD]: {"peer 3"}}
        (entry,) = next(entries for at, who, entries in eyes.told if (at, who) == (7_500, 0))
        assert (entry["seconds"], entry["deadline"]) == (7.5, 10.0)


def test_who_leads_on_and_does_not_answer() -> None:
    world = swarm(FOUR, 1, rounds=5, traced=False, slowest=50)
    eyes, node = Eyes(world), world.nodes[0]
    world.happen(1, lambda: world.crash(node))

    def back() -> None:
        world.boot(node)
        for other in world.nodes[1:]:  # they have said where the group stands, and stop then
            world.happen(world.now + 15, lambda other=other: setattr(other, "silent", True))

    done = world.after

    def after(other: Node, record: Completed) -> None:
        done(other, record)
        if record.round == 2 and node.session is None:
            world.happen(world.now + 300, back)

    world.after = after
    world.run(until=30_000)
    named = {phase for _, who, entries in eyes.told if who == 0 for phase in phases(entries)}
    assert WORDS[Awaiting.CERTIFICATES] in named


def test_who_trains() -> None:
    world = swarm(FOUR, 1, rounds=1, traced=False)
    eyes, train = Eyes(world), world._train
    world._train = lambda node, *rest: None if node.index == 3 else train(node, *rest)  # type: ignore[method-assign]
    world.run(until=8_000)
    assert eyes.named(3, 3_000)[WORDS[Awaiting.UPDATE]] == {"peer 3"}
    assert eyes.named(0, 3_000)[WORDS[Awaiting.DEALING]] == {"peer 3"}
    (own,) = (e for e in eyes.told[-1][2] if e["phase"] == WORDS[Awaiting.UPDATE])
    assert own["deadline"] == 10.0


def test_a_round_that_is_sat_out() -> None:
    world = swarm(FOUR, 1, rounds=1, traced=False)
    eyes = Eyes(world)
    world.nodes[0].journal[0] = {sat_out_key(0): b""}
    world.nodes[1].frozen = NEVER
    world.run(until=12_000)
    assert "None" in eyes.named(0, 2_000)[WORDS[Awaiting.ROUND_END]]


def test_who_has_no_seat_waits_for_the_committee() -> None:
    world = swarm(SEATED, 1, peers=24, rounds=1, traced=False, slowest=50)
    eyes = Eyes(world)
    stop_before(world, tuple(range(4, 24)), says(Kind.REPORT))
    world.run(until=8_000)
    phases_of = [set(phases(entries)) for _, who, entries in eyes.told[-24:] if who < 4]
    assert {WORDS[Awaiting.COMMITTEE]} in phases_of


def test_members_without_whom_there_is_no_quorum_then_the_operators(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Seven of ten elect, and eight make a cohort (test_attempts_without_end.py)."""
    round_, _, *others = statement._HEAD
    monkeypatch.setattr(statement, "_HEAD", (round_, Integer(1), *others))
    monkeypatch.setattr(round_module, "MAX_ATTEMPT", 1)
    setting = setting_of(CommitteePlan(10, 2, 1, 0), 2, parameters=3)
    setting = replace(setting, dropout=Fraction(1, 10))
    world = World(
        setting,
        swarm_secrets(setting.crypto, setting.peers, 1)[0],
        first_model(1, 3),
        lambda peer, round_, model: model,
        seed=1,
        rounds=1,
        silent=frozenset({7, 8, 9}),
        traced=False,
    )
    eyes = Eyes(world)
    world.run(until=59_000)
    told = [entries for _, who, entries in eyes.told if who == 0]
    pausing = [e for entries in told for e in entries if e["phase"] == WORDS[Awaiting.ATTEMPT]]
    assert {e["peer"] for e in pausing} == {"peer 7", "peer 8", "peer 9"}
    assert pausing[0]["deadline"] is not None
    assert [(e["peer"], e["phase"]) for e in told[-1]] == [(None, WORDS[Awaiting.OPERATORS])]


def phases(entries: list[JsonObject]) -> list[str]:
    return [str(each["phase"]) for each in entries]
