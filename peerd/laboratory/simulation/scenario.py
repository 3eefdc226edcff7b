"""One run: a seed, its group and operations; run to its end and judged by the oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from peerd.errors import with_kind
from peerd.laboratory.simulation.groups import Group
from peerd.laboratory.simulation.history import History
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import (
    Crash,
    Lose,
    Operation,
    OperationError,
    Pace,
    Pause,
    Restore,
    Rhythm,
    Rollback,
    Skew,
)
from peerd.laboratory.simulation.oracle import (
    Violation,
    check_audits,
    check_bounds,
    check_completion,
    check_erased,
    check_peers,
    check_reasons,
    check_records,
    check_return,
    check_round,
    check_safety,
    check_waits,
    demand,
    honest,
    last_round,
)
from peerd.laboratory.simulation.successor import Draft, succeed
from peerd.laboratory.simulation.swarm import swarm
from peerd.laboratory.simulation.watch import Watch, overrun
from peerd.laboratory.simulation.world import World, over
from protocols.aggregation import aggregator
from protocols.aggregation.evaluation import Evaluation
from protocols.record.certificate import ResolutionCertificate, decode_certificate
from protocols.record.deadlines import MAX_PATIENCE
from protocols.record.effects import Completed
from protocols.record.setting import Setting
from protocols.wire.statement import decode_statement

PARAMETERS = 3
"""Of the model that a simulated group trains: what it computes is not what is looked at."""
CONSTANTS: dict[str, dict[str, int | str]] = {
    "centered-clipping": {"theta": 4},
    "dp-sgd": {"momentum": "1/2", "quantile": "1/2"},
}
"""Few bits a coordinate: rounds with many take long, and show nothing more. All that can go on from
round to round beside the model does.
"""
SAFETY_ONLY = 150_000
"""How long a run goes on that is not promised to end: attempts fail, and others follow."""


@dataclass(frozen=True)
class Scenario:
    """``real``: libsodium's signatures instead of hashes."""

    seed: int
    group: Group
    rounds: int
    operations: tuple[Operation, ...]
    real: bool = False

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset().union(*(operation.traitors for operation in self.operations))

    @property
    def victims(self) -> frozenset[int]:
        return frozenset().union(*(operation.victims for operation in self.operations))

    @property
    def covered(self) -> bool:
        """Whether the plan promises that rounds complete, with everyone else's input."""
        return self.group.covers(self.traitors, self.victims)

    def without(self, operations: Sequence[Operation]) -> Scenario:
        return replace(self, operations=tuple(operations))


@dataclass
class Verdict:
    """What became of a run. ``rule`` is "" where no rule was broken."""

    rule: str
    what: str
    rounds: int
    history: History
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def digest(self) -> str:
        """Of all that every peer did."""
        return self.history.digest


def world_of(scenario: Scenario, *, traced: bool = False) -> World:
    """The swarm, its faults laid out. Raises OperationError for a peer that is not in it."""
    group = scenario.group
    strangers = (scenario.traitors | scenario.victims) - set(range(group.peers))
    if strangers:
        raise OperationError(f"there is no peer {min(strangers)} in a group of {group.peers}")
    world = swarm(
        group.plan,
        group.liars,
        peers=group.peers,
        seed=scenario.seed,
        rounds=scenario.rounds,
        parameters=PARAMETERS,
        rule=aggregator(group.rule, CONSTANTS.get(group.rule, {})),
        clients=group.clients,
        evaluation=evaluation_of(group.peers) if group.evaluates else None,
        version=group.version,
        real=scenario.real,
        traced=traced,
    )
    for operation in scenario.operations:
        operation.install(world)
    return world


def evaluation_of(peers: int) -> Evaluation:
    """Sites of several sizes, and one that is too small where there are many."""
    rows = [50 + 7 * peer for peer in range(peers)]
    return Evaluation((*rows[:-1], 0 if peers > 4 else rows[-1]), classes=2, loss_bits=6)


def run(scenario: Scenario, world: World | None = None) -> Verdict:
    """Run it to its end, the oracle beside it. Nothing that goes wrong in there is raised here."""
    world = world or world_of(scenario)
    rule = what = ""
    try:
        _play(scenario, world)
    except Violation as violation:
        rule, what = violation.rule, str(violation)
    except Exception as error:  # whatever leaves a machine is a finding, not the campaign's end
        rule, what = f"raised {type(error).__name__}", with_kind(error)
    begun = [node.session.position.round for node in honest(world) if node.session is not None]
    rounds = min(world.rounds, max(begun, default=0) + 1)
    return Verdict(rule, what, rounds, world.history, _outcomes(world), Counter(world.faults))


def _play(scenario: Scenario, world: World) -> None:
    referee = Referee(scenario, world)
    world.run(until=referee.end)
    referee.finish()
    if any(over(node) for node in honest(world)) and not overrun(world):
        _play_successor(world)


def _play_successor(old: World) -> None:
    """One round of the group that goes on, nobody in it lies; one member has taken another key."""
    rotated = frozenset({old.seed % old.setting.peers})
    world = succeed(old, Draft(rotated=rotated), rounds=1).world
    watch = Watch(world)
    world.run(until=SAFETY_ONLY)
    check_safety(world)
    check_completion(world)
    check_records(world, watch)
    check_audits(world)
    old.outcomes["succeeded"] += 1


class Referee:
    """Judges after every round, and in the end; promises depend on what befell the group."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self.scenario = scenario
        self.world = world
        self._watch = Watch(world)
        self.end = end_of(scenario, world.setting)
        if overrun(world) or (self._lasting() and not scenario.covered):
            self.end = min(self.end, SAFETY_ONLY + settled(scenario) + waits(scenario))
        lying = frozenset(node.index for node in world.nodes if node.lying)
        self._unknown = lying
        after = world.after

        def judging(node: Node, record: Completed) -> None:
            after(node, record)
            self.on_round(node, record)

        world.after = judging
        self._away = (
            scenario.victims if scenario.covered else frozenset(range(scenario.group.peers))
        )

    def on_round(self, node: Node, record: Completed) -> None:
        if not node.honest:
            return
        check_peers(self.world)
        check_bounds(self.world, node)
        if overrun(self.world) and self._signed_by_liars(record):
            return
        check_round(self.world, record.round, away=self._away, unknown_inputs=self._unknown)

    def _signed_by_liars(self, record: Completed) -> bool:
        """More than t of its signers are not honest: no plan promises anything then."""
        certificate = decode_certificate(record.certificate)
        if isinstance(certificate, ResolutionCertificate):
            return True  # nor of a roster with too many of them
        group = self.world.setting.group
        signers = {decode_statement(wire, group).signer for wire in certificate.results}
        liars = {peer for peer in signers if not self.world.nodes[peer].honest}
        return len(liars) > self.scenario.group.plan.threshold

    def finish(self) -> None:
        world = self.world
        check_peers(world)
        for node in honest(world):
            check_bounds(world, node)
            check_erased(node)
        if overrun(world):
            return
        for round_ in range(world.first, world.rounds):
            check_round(world, round_, away=self._away, unknown_inputs=self._unknown)
        check_audits(world)
        check_records(world, self._watch)
        if self.scenario.covered:
            check_completion(world)
            check_reasons(world, self._watch, away=self._away)
            self._check_pauses()
        elif not self._lasting():
            self._check_nobody_is_stuck()

    def _lasting(self) -> bool:
        """Whether something is lost for good: a peer, or a message that nobody misses."""
        return any(
            isinstance(item, Lose | Pace | Restore | Rollback)
            or (isinstance(item, Crash) and not item.back)
            or (isinstance(item, Pause) and not item.until)
            for item in self.scenario.operations
        )

    def _check_pauses(self) -> None:
        """Where nothing else goes wrong nobody waits for who is away; who is back takes part."""
        operations = self.scenario.operations
        if not all(isinstance(item, Rhythm | Skew | Pause) for item in operations):
            return
        check_waits(self.world, self._watch)
        pauses = [item for item in operations if isinstance(item, Pause)]
        for pause in pauses:
            if pause.until and sum(other.peer == pause.peer for other in pauses) == 1:
                check_return(self.world, self._watch, pause.peer, pause.until)

    def _check_nobody_is_stuck(self) -> None:
        """More was lost for a time than the plan covers: rounds complete, or the group stops."""
        if any(node.stopped for node in self.world.nodes):
            return
        every = list(range(self.world.first, last_round(self.world) + 1))
        for node in honest(self.world):
            done = sorted(node.completed)
            demand(done == every, "stuck", (node.index, done, node.aborted))


def settled(scenario: Scenario) -> int:
    """When the last fault that has an end is over."""
    return max((operation.end for operation in scenario.operations), default=0)


def waits(scenario: Scenario) -> int:
    """How long rounds may wait for their time, by whatever clock."""
    every = [item.every for item in scenario.operations if isinstance(item, Rhythm)]
    skews = [abs(item.milliseconds) for item in scenario.operations if isinstance(item, Skew)]
    return sum(2000 * each * scenario.rounds for each in every) + 2 * max(skews, default=0)


def end_of(scenario: Scenario, setting: Setting) -> int:
    """By when every round is over: the sum of the phase deadlines of as many attempts as there may
    be, from when the last fault is over.
    """
    deadlines, group = setting.deadlines, scenario.group
    bad = min(group.peers - 1, group.liars + group.plan.absent + len(scenario.victims))
    views = sum(deadlines.view(view) for view in range(bad + 2))
    attempt = (
        2 * (deadlines.commit + views)
        + deadlines.deal
        + 3 * deadlines.check
        + deadlines.lists
        + deadlines.relay
        + deadlines.patience
        + (bad + 2) * MAX_PATIENCE * deadlines.agreement
        + deadlines.open
        + deadlines.result
    )
    slowest = max([100, *(getattr(item, "percent", 0) for item in scenario.operations)])
    attempts = setting.max_attempts + len(scenario.victims)
    begins = settled(scenario) + waits(scenario)
    return begins + 200_000 + scenario.rounds * attempts * attempt * slowest // 100


def _outcomes(world: World) -> Counter[str]:
    """How rounds and attempts ended, each counted once whoever saw it."""
    found: set[tuple[str, int, int]] = set()
    blamed: set[tuple[int, int]] = set()
    for node in honest(world):
        found |= {(record.close.value, number, 0) for number, record in node.completed.items()}
        found |= {(f"aborted {item.reason}", item.round, item.attempt) for item in node.aborted}
        found |= {(f"stopped {item.reason}", item.round, 0) for item in node.stopped}
        blamed |= {(item.round, item.peer) for item in node.blamed}
    outcomes = Counter(name for name, _, _ in found)
    outcomes["blamed"] = len(blamed)
    outcomes.update(world.outcomes)
    return outcomes
