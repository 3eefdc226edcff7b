"""How many one-way delays a round takes, in virtual time, and that none of it waits for a timer.

docs/protocol.md §7 ("Delays") has the same table. Whatever shortens a phase shortens it there too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from peerd.laboratory.bench import model
from peerd.laboratory.simulation import records, world
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.swarm import SEATED, swarm
from peerd.laboratory.simulation.world import World
from protocols.aggregation import aggregator
from protocols.plan import CommitteePlan, plan_swarm
from protocols.record.effects import Ask, Completed, Effect, Phase, Step, Timer
from protocols.session.session import Session

DELAY = 50
"""Milliseconds. Training takes one, and nothing else any."""
ROUND = 2
"""By then connections and caches are what they are in each round."""
DELAYS = {
    "collecting commitments": 1,
    "agreeing on the commitments": 4,
    "waiting for dealings": 1,
    "collecting reports": 1,
    "comparing reports": 1,
    "collecting lists of the reports that members hold": 1,
    "agreeing on the cohort": 3,
    "opening the sum": 2,
}
TOTAL = sum(DELAYS.values())
COIN = 1
"""Where there is noise, ahead of the sum."""
FLIPPED = 5
"""Reveals, and the agreement on them."""
FETCHED = 2
"""Who has no seat asks for the sum, there and back."""


@dataclass
class Seen:
    """Of one round, by peer: phases with the time of their beginning, and the time of the
    certificate. ``timers``: names of those that fired and changed something.
    """

    phases: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    certified: dict[int, int] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)
    timers: list[str] = field(default_factory=list)
    idle: int = 0

    def look(self, now: int, peer: int, effect: Effect) -> None:
        match effect:
            case Phase(round_, _, name) if round_ == ROUND:
                self.phases.setdefault(peer, []).append((name, now))
            case Completed() if effect.round == ROUND:
                self.certified[peer] = now
            case Ask() if effect.round == ROUND:
                self.asked.add(peer)

    def delays(self, peer: int) -> dict[str, float]:
        """Of each phase in which this peer was for a while."""
        ends = [*(at for _, at in self.phases[peer][1:]), self.certified[peer]]
        lasted = zip(self.phases[peer], ends, strict=True)
        return {name: (end - at) / DELAY for (name, at), end in lasted if end > at}

    def took(self, peer: int) -> float:
        """From its beginning to the certificate."""
        return (self.certified[peer] - self.phases[peer][0][1]) / DELAY


def look(
    monkeypatch: pytest.MonkeyPatch,
    plan: CommitteePlan,
    liars: int,
    peers: int | None = None,
    rule: str = "rsa",
) -> Seen:
    """A round in the middle of three, every message of which takes DELAY."""
    seen, named = Seen(), aggregator(rule, {})
    here = swarm(plan, liars, peers=peers, rounds=ROUND + 2, slowest=1, traced=False, rule=named)
    here.delay = lambda sender, to, data: DELAY
    here.before = lambda node, effect: seen.look(here.now, node.index, effect)
    fired = Session.on_timer

    def on_timer(session: Session, timer: Timer) -> list[Step]:
        steps = fired(session, timer)
        if timer.place[0] == ROUND:
            changed = any(tuple(step) for step in steps)
            seen.timers += [type(timer.event).__name__] * changed
            seen.idle += not changed
        return steps

    monkeypatch.setattr(Session, "on_timer", on_timer)
    monkeypatch.setattr(world, "answer", answer)
    here.run()
    assert all(node.completed.keys() == set(range(ROUND + 2)) for node in here.nodes)
    return seen


def answer(here: World, node: Node, ask: Ask) -> None:
    """There, where it finds what is on the disk by then, and back."""

    def arrive(_: object) -> list[Step]:
        data = records._record(here.nodes[ask.peer], ask)
        here.at(node, DELAY, records._on_answer(ask, data))
        return []

    here.at(node, DELAY, arrive)


@pytest.mark.parametrize("peers", [4, 8, 20])
def test_a_round_in_which_everybody_sits(monkeypatch: pytest.MonkeyPatch, peers: int) -> None:
    """Each phase takes what the table says at every peer, and no timer does anything: those that
    fire find their phase over.
    """
    seen = look(monkeypatch, plan_swarm(peers, max(1, peers // 10)), max(1, peers // 10))
    for peer in range(peers):
        assert seen.delays(peer) == DELAYS
        assert seen.took(peer) == TOTAL
    assert seen.timers == []
    assert seen.idle, "timers fire within a round: what was looked for could have been seen"


def test_a_round_with_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The coin is one delay more, and nothing else is."""
    seen = look(monkeypatch, plan_swarm(4, 1), 1, rule="dp-sgd")
    for peer in range(4):
        opening = {"opening the sum": DELAYS["opening the sum"] + COIN}
        assert seen.delays(peer) == DELAYS | opening
        assert seen.took(peer) == TOTAL + COIN
    assert seen.timers == []


def test_a_round_with_a_drawn_committee(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no seat has the certificate with the others, and asks a signer for the sum; in the
    next round all wait for the last one's commitment.
    """
    seen = look(monkeypatch, SEATED, 2, peers=24)
    begun = {phases[0][1] for phases in seen.phases.values()}
    assert max(begun) - min(begun) == FETCHED * DELAY
    for peer in range(24):
        late = (max(begun) - seen.phases[peer][0][1]) / DELAY
        fetched = FETCHED if peer in seen.asked else 0
        assert seen.took(peer) == late + TOTAL + FLIPPED + fetched
    assert len(seen.asked) == 24 - SEATED.committee
    assert seen.timers == []


def rows(text: str) -> Iterator[tuple[str, str]]:
    section = text.split("### Delays")[1].split("\n#")[0]
    yield from re.findall(r"^\| ([^|]+?) \| (\d+) \|", section, re.MULTILINE)


def test_the_document_and_the_model_of_costs_say_the_same() -> None:
    text = (Path(__file__).parents[2] / "docs/protocol.md").read_text(encoding="utf-8")
    told = {name: int(number) for name, number in rows(text)}
    assert told == {**DELAYS, "all": TOTAL}
    assert (model.DELAYS, model.FLIPPED, model.FETCHED) == (TOTAL, FLIPPED, FETCHED)
