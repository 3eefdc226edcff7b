"""Many seeds, judged: what was injected, what came of it, and how to replay what went wrong."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from peerd.errors import PeerdError
from peerd.laboratory.pool.work import Pool, Work
from peerd.laboratory.simulation.dice import operations_of
from peerd.laboratory.simulation.groups import group_of
from peerd.laboratory.simulation.operations import Operation, render
from peerd.laboratory.simulation.scenario import Scenario, Verdict, run
from peerd.laboratory.simulation.shrink import shrink

REAL_EVERY = 50
"""One seed in so many runs with real signatures."""
SEEDS_A_PART = 20
"""Seeds that a process is given at a time."""
COLLECT_EVERY = 200_000
"""New objects between two looks for cycles: a run makes some ten thousand that are in one."""


@dataclass(frozen=True)
class Plan:
    """What a campaign does with each seed. ``peers`` None: groups of several sizes. ``rule`` None:
    of several rules.
    """

    peers: int | None
    rounds: int
    faults: frozenset[str]
    beyond: bool = False
    rule: str | None = None

    def scenario(self, seed: int) -> Scenario:
        group = group_of(seed, self.peers, self.rule)
        operations = operations_of(seed, group, self.rounds, self.faults, beyond=self.beyond)
        real = seed % REAL_EVERY == REAL_EVERY - 1
        return Scenario(seed, group, self.rounds, tuple(operations), real)

    def replay(self, seed: int, operations: Iterable[Operation]) -> str:
        """The command that runs these operations on this seed's group."""
        peers = "" if self.peers is None else f" --peers {self.peers}"
        peers += "" if self.rule is None else f" --aggregator {self.rule}"
        return (
            f"peerd simulate --seeds {seed}:{seed + 1}{peers} --rounds {self.rounds}"
            f' --replay "{render(operations)}"'
        )


@dataclass
class Report:
    """``violations``: seed, rule, what was seen, and the command that shows it."""

    seeds: int = 0
    rounds: int = 0
    violations: list[dict[str, int | str]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    cpu_seconds: float = 0.0

    def add(self, other: Report) -> None:
        self.seeds += other.seeds
        self.rounds += other.rounds
        self.violations += other.violations
        self.faults.update(other.faults)
        self.outcomes.update(other.outcomes)
        self.cpu_seconds += other.cpu_seconds

    def document(self) -> dict[str, Any]:
        """As docs/schemas/simulate.json describes it; names in alphabetical order."""
        return {
            "seeds": self.seeds,
            "rounds": self.rounds,
            "violations": [
                {key: found[key] for key in ("seed", "rule", "replay")} for found in self.violations
            ],
            "faults": {name: count for name, count in sorted(self.faults.items()) if count},
            "outcomes": {name: count for name, count in sorted(self.outcomes.items()) if count},
            "cpu_seconds": round(self.cpu_seconds, 3),
        }


def run_seeds(plan: Plan, seeds: Collection[int]) -> Report:
    """One after another, in this process."""
    report = Report()
    started = time.process_time()
    with few_collections():
        for seed in seeds:
            _add_run(report, plan, plan.scenario(seed))
    report.cpu_seconds = time.process_time() - started
    return report


@contextmanager
def few_collections() -> Iterator[None]:
    """Python looks for cycles after every 700 new objects, among all that there are: as often as
    that it takes a tenth of a campaign's time, and nearly everything goes without it.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _add_run(report: Report, plan: Plan, scenario: Scenario) -> None:
    verdict = run(scenario)
    report.seeds += 1
    report.rounds += verdict.rounds
    report.faults.update(verdict.faults)
    report.outcomes.update(verdict.outcomes)
    if verdict.rule:
        report.violations.append(_violation(plan, scenario, verdict))


@dataclass(frozen=True)
class Part:
    """What a process is given at a time."""

    plan: Plan
    seeds: range

    def __str__(self) -> str:
        return f"{self.seeds.start}:{self.seeds.stop}"


class Unfinished(Exception):
    """``why`` a campaign ended. ``report`` is of what was done, ``left`` are the other seeds."""

    def __init__(self, why: BaseException, report: Report, left: Iterable[Part]) -> None:
        super().__init__()
        self.why = why
        self.report = report
        self.left: list[range] = []
        for part in left:
            if self.left and self.left[-1].stop == part.seeds.start:
                self.left[-1] = range(self.left[-1].start, part.seeds.stop)
            else:
                self.left.append(part.seeds)


def parts_of(plan: Plan, seeds: range) -> list[Part]:
    """In the order of the seeds."""
    starts = range(0, len(seeds), SEEDS_A_PART)
    return [Part(plan, seeds[start : start + SEEDS_A_PART]) for start in starts]


def run_part(part: Part) -> Report:
    """The whole work of a process."""
    return run_seeds(part.plan, part.seeds)


def campaign(
    parts: Sequence[Part], pool: Pool, told: Callable[[Report], None] = lambda report: None
) -> Report:
    """All of them; ``told`` hears the sum so far after each. Raises Unfinished, from whatever ended
    it: Ctrl-C, TaskError, what the pool raises.
    """
    work = Work(run_part, parts, [f"seeds {part}" for part in parts], __name__)
    total, left = Report(), dict(enumerate(parts))
    try:
        with closing(pool.run(work)) as results:
            for index, report in results:
                del left[index]
                total.add(report)
                total.violations.sort(key=lambda found: found["seed"])  # whichever came first
                told(total)
    except (KeyboardInterrupt, PeerdError) as error:
        raise Unfinished(error, total, left.values()) from error
    return total


def _violation(plan: Plan, scenario: Scenario, verdict: Verdict) -> dict[str, int | str]:
    shortest = shorten(scenario, verdict.rule)
    return {
        "seed": scenario.seed,
        "rule": verdict.rule,
        "what": verdict.what[:500],
        "replay": plan.replay(scenario.seed, shortest),
    }


def shorten(scenario: Scenario, rule: str) -> list[Operation]:
    """The shortest list of operations under which this seed's group still breaks the rule."""
    return shrink(scenario.operations, lambda kept: run(scenario.without(kept)).rule == rule)
