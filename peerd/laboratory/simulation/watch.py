"""The oracle's ears: what honest peers say, sign and keep while a run goes on.

Computed from what peers send and have on their disks, not from what their machines think.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.violation import demand
from peerd.laboratory.simulation.world import World
from protocols.committee.receiver import kept_prefix
from protocols.record.door import open_message
from protocols.record.effects import Abort, Aborted, Blame, Completed, Effect, Send
from protocols.record.election import Commitments, Election
from protocols.record.resolution import is_resolution
from protocols.record.setting import Setting
from protocols.session.phases import Aggregating
from protocols.wire.frames import DecisionFrame
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import MAX_ATTEMPT, Slot, Statement


def overrun(world: World) -> bool:
    """More peers than the plan covers lie, or may have signed twice since they were restored."""
    return sum(not node.honest for node in world.nodes) > world.setting.liars


@dataclass
class Watch:
    """``said``: everything that honest peers signed, by its slot, over all their lives.
    ``opened``: for which cohort of a round, in which attempt, they gave sums: there is one opening
    per round, ever. ``committed``: who was in the decided commitments of an attempt. ``ended``: why
    an attempt ended without a result. ``resolved``: which round ended in which resolution. Where a
    group is ``overrun`` the last three may differ. ``approved``: of each act, in which windows of
    rounds whose operator approves it. ``begun``: when a peer committed in an attempt; ``waited``:
    how long until it said whose commitments it holds; ``over``: when the first peer had completed a
    round.
    """

    world: World
    said: dict[Slot, bytes] = field(default_factory=dict)
    opened: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    committed: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict)
    ended: dict[tuple[int, int], str] = field(default_factory=dict)
    resolved: dict[int, bytes] = field(default_factory=dict)
    abandoned: set[tuple[int, int, int]] = field(default_factory=set)
    begun: dict[tuple[int, int, int], int] = field(default_factory=dict)
    waited: dict[tuple[int, int, int], int] = field(default_factory=dict)
    over: dict[int, int] = field(default_factory=dict)
    approved: dict[tuple[int, bytes], dict[int, set[tuple[int, int]]]] = field(default_factory=dict)
    frames: int = 0

    def __post_init__(self) -> None:
        before, after = self.world.before, self.world.after

        def listening(node: Node, effect: Effect) -> None:
            if node.honest:
                self._look(node, effect)
            before(node, effect)

        def completing(node: Node, record: Completed) -> None:
            after(node, record)
            self.over.setdefault(record.round, self.world.now)
            if node.honest:
                check_forgotten(node)

        self.world.before, self.world.after = listening, completing

    def part_in(self, round_: int) -> frozenset[int]:
        """Who committed to a round while lock-outs counted in it: up to the first attempt that came
        to nothing though the flip was good.
        """
        ended = self.ended.items()
        short = [at for at, why in ended if at[0] == round_ and why != Abort.FLIP]
        last = min(short, default=(round_, MAX_ATTEMPT))
        return frozenset().union(
            *(who for at, who in self.committed.items() if at[0] == round_ and at <= last)
        )

    def _look(self, node: Node, effect: Effect) -> None:
        match effect:
            case Send(_, frame):
                self._hear(node, frame)
            case Blame(_, peer, reason):
                lying = self.world.nodes[peer].lying
                demand(lying, "framed", f"peer {node.index} blames {peer}: {reason}")
            case Aborted(round_, attempt, reason):
                known = self.ended.setdefault((round_, attempt), reason)
                what = f"attempt {round_}.{attempt} ended for {known}, and for {reason}"
                demand(known == reason or overrun(self.world), "reason", what)
            case _:
                pass

    def _hear(self, node: Node, data: bytes) -> None:
        self.frames += 1
        message = open_message(self.world.setting, node.index, data)
        if isinstance(message.frame, DecisionFrame) and message.slot is not None:
            self._hear_decision(message.frame, message.slot)
            return
        statement = message.statement
        if statement is None:
            return
        if statement.kind is Kind.APPROVE:  # an operator may want several things
            if statement.signer == node.index:
                self._hear_approval(statement)
            return
        if statement.signer == node.index:
            before = self.said.setdefault(statement.slot, statement.body)
            demand(before == statement.body, "signed-twice", (node.index, statement.slot))
            if statement.kind is Kind.SUM:
                self._hear_sum(node, statement)
            self._hear_one_of_two(node, statement)
            self._time(node, statement)

    def _time(self, node: Node, statement: Statement) -> None:
        slot = statement.slot
        key = node.index, *slot.place
        if slot.kind is Kind.COMMIT:
            self.begun.setdefault(key, self.world.now)
        elif slot.kind is Kind.SEEN and slot.subject == Topic.COMMITS and key in self.begun:
            self.waited.setdefault(key, self.world.now - self.begun[key])

    def _hear_approval(self, statement: Statement) -> None:
        said = statement.payload
        signers = self.approved.setdefault((said.act, said.about), {})
        signers.setdefault(statement.signer, set()).add((said.first, said.last))

    def _hear_sum(self, node: Node, statement: Statement) -> None:
        """§6: one cohort; and what could open this peer's update is gone before its sum is out."""
        slot = statement.slot
        now = slot.attempt, statement.payload.cohort
        demand(slot.round not in self.resolved, "fork", f"a sum of {slot.round}, beside its rest")
        first = self.opened.setdefault(slot.round, now)
        demand(first == now, "one-opening", f"sums for two cohorts of round {slot.round}")
        journal = node.journal.get(slot.round, {})
        kept = {"update", f"deal/{slot.attempt}"} & set(journal)
        kept |= {key for key in journal if key.startswith(kept_prefix(slot.attempt))}
        demand(not kept, "erased", f"peer {node.index} keeps {kept} past the decision")

    def _hear_one_of_two(self, node: Node, statement: Statement) -> None:
        """§6: who has given a cohort up neither sends its sum any more nor signs its result; nor is
        it given up by who has signed that.
        """
        slot = statement.slot
        key = node.index, *slot.place
        if slot.kind is Kind.ABANDON:
            self.abandoned.add(key)
        result = Slot(*slot.place, Kind.RESULT, 0, 0, node.index)
        both = result in self.said or slot.kind is Kind.SUM
        what = f"peer {node.index} gave up the cohort of {slot.place}, and helps to certify it"
        demand(not both or key not in self.abandoned, "abandoned", what)

    def _hear_decision(self, frame: DecisionFrame, slot: Slot) -> None:
        if slot.subject == Topic.COMMITS and is_resolution(frame.outcome):
            known = self.resolved.setdefault(slot.round, frame.outcome)
            same = known == frame.outcome and slot.place not in self.committed
            beside = slot.round in self.opened
            what = f"a resolution of {slot.place} beside something else"
            demand((same and not beside) or overrun(self.world), "fork", what)
        elif slot.subject == Topic.COMMITS:
            peers = _committed(self.world.setting, frame.outcome)
            at = slot.round, slot.attempt
            same = self.committed.setdefault(at, peers) == peers
            demand(same or overrun(self.world), "coin", f"two sets of commitments of {at}")


def _committed(setting: Setting, outcome: bytes) -> frozenset[int]:
    if setting.draws:
        return frozenset(peer for peer, _, _ in Commitments.decode(outcome).commits)
    return frozenset(Election.decode(outcome).keys)


def check_forgotten(node: Node) -> None:
    """A certified round's one-round key and shares are gone from memory too (§6)."""
    previous = None if node.session is None else node.session.rounds.previous
    if previous is None or previous.attempt is None:
        return
    attempt = previous.attempt
    demand(attempt.party._round_secret is None, "erased", "the one-round key outlives its round")
    if isinstance(attempt.phase, Aggregating):
        demand(attempt.phase.dealer._dealt is None, "erased", "a dealing outlives its round")
