"""One round of a group of real daemons: its time, its processors, and what it sends."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

import trio

from peerd.cli.promise import Promise
from peerd.cli.task_arguments import TaskRequest
from peerd.errors import ConfigError, PeerdError
from peerd.group.privacy import LARGEST_DELTA
from peerd.laboratory.swarm.layout import Layout, Place, lay_out
from peerd.laboratory.swarm.options import MAX_PEERS, MAX_ROUNDS, SwarmOptions
from peerd.laboratory.swarm.orchestrate import run_swarm
from peerd.laboratory.swarm.result import COMPLETED, Witness
from peerd.laboratory.swarm.screen import Screen
from protocols.aggregation.contract import private
from protocols.plan import SMALLEST_GROUP, PlanError
from protocols.privacy import LARGEST_EPSILON, Budget

TASK = "peerd.tasks.sized:Sized"
COUNTS = "counts.jsonl"
FEWEST_ROUNDS = 2
"""The first one is not measured: connections come about, and matrices are made."""

CPU = ("cpu_seconds", "worker_cpu_seconds")
"""Counted from a daemon's start."""
Record = Mapping[str, Any]


class Unmeasured(PeerdError):
    """A round was not completed at the first attempt, so that its time would say little."""


@dataclass(frozen=True, slots=True)
class Asked:
    """``bears``: liars that the plan covers; there are none. ``trains``: whether a step costs what
    it does with 64 rows, or next to nothing."""

    aggregator: str
    constants: Mapping[str, int | str]
    peers: int
    params: int
    bears: int
    rounds: int
    trains: bool

    def options(self) -> SwarmOptions:
        """Raises ConfigError, which names the option."""
        for what, value, least, most in (
            ("--peers", self.peers, SMALLEST_GROUP, MAX_PEERS),
            ("--rounds", self.rounds, FEWEST_ROUNDS, MAX_ROUNDS),
        ):
            if not least <= value <= most:
                raise ConfigError(f"{what} {value}: must be in {least}…{most} for real daemons")
        task = {"parameters": self.params} | ({} if self.trains else {"rows": 1})
        work = TaskRequest(TASK, self.aggregator, task, dict(self.constants))
        rule, promise = work.rule(), None
        if private(rule) is not None:  # as much as can be promised: what is measured are rounds
            promise = Promise(Budget(LARGEST_EPSILON, LARGEST_DELTA))
            work = replace(work, constants=rule.constants())
        options = SwarmOptions(
            self.peers,
            self.rounds,
            work,
            (),
            1,
            evaluates=False,
            bears=max(1, self.bears),
            promise=promise,
        )
        try:
            options.check_plan()
        except PlanError as error:
            raise ConfigError(f"--peers, --adversary: {error}") from None
        return options


def measure(asked: Asked, screen: Screen) -> dict[str, Any]:
    """docs/schemas/bench-round.json. Raises ConfigError, Unmeasured, and what ends a swarm."""
    options = asked.options()
    directory = Path(tempfile.mkdtemp(prefix="peerd-bench-"))
    try:
        witnesses, counts = trio.run(_play, options, directory, screen)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    plan = options.plan
    return {
        "role": "round",
        "aggregator": asked.aggregator,
        "peers": asked.peers,
        "params": asked.params,
        "plan": {**asdict(plan), "degree": plan.degree},
        "training": asked.trains,
        "rounds": asked.rounds - 1,
        **summary(witnesses, counts),
    }


async def _play(
    options: SwarmOptions, directory: Path, screen: Screen
) -> tuple[tuple[Witness, ...], list[list[Record]]]:
    layout = await lay_out(options, directory)
    run = await run_swarm(options, layout, screen, _counted)
    return run.witnesses, counts(layout)


def _counted(place: Place) -> list[str]:
    module = "peerd.laboratory.bench.counted"
    return [sys.executable, "-m", module, *counting(place)]


def counting(place: Place) -> list[str]:
    """What a daemon that counts is asked for."""
    return ["--config", str(place.config), "--counts", str(place.directory / COUNTS)]


def counts(layout: Layout) -> list[list[Record]]:
    """Of each daemon a record a round (``counted``)."""
    return [
        [json.loads(line) for line in (place.directory / COUNTS).read_text().splitlines()]
        for place in layout.places
    ]


# -- what it comes to ------------------------------------------------------------------------------


def summary(witnesses: Sequence[Witness], counts: Sequence[Sequence[Record]]) -> dict[str, Any]:
    """Of each number the median over the rounds after the first, of a daemon's mean.

    ``counts``: of each daemon a record a round (``counted``). Raises Unmeasured.
    """
    rounds = [undisturbed(each.rounds.values()) for each in witnesses]
    lines = [_spent(each) for each in counts]
    workers = [line["worker_cpu_seconds"] for each in lines for line in each]

    def typical(of: Callable[[Record], float], records: Sequence[Sequence[Record]]) -> float:
        return median(fmean(map(of, each)) for each in zip(*records, strict=True))

    def named(name: str) -> Callable[[Record], float]:
        return lambda record: record[name]

    def in_part(part: str, name: str, key: str) -> Callable[[Record], float]:
        return lambda record: record[part].get(name, {}).get(key, 0)

    def parts(part: str, records: Sequence[Sequence[Record]]) -> dict[str, dict[str, float]]:
        found = [record[part] for each in records for record in each]
        names = list(dict.fromkeys(name for each in found for name in each))
        keys = list(
            dict.fromkeys(key for each in found for inner in each.values() for key in inner)
        )
        return {
            name: {key: _rounded(typical(in_part(part, name, key), records)) for key in keys}
            for name in names
        }

    messages = parts("messages", lines)
    return {
        "wall_seconds": _rounded(typical(named("seconds"), rounds)),
        "cpu_seconds_daemon": _rounded(typical(named("cpu_seconds"), lines)),
        "cpu_seconds_worker": None
        if None in workers
        else _rounded(typical(named("worker_cpu_seconds"), lines)),
        "peak_bytes_daemon": max(line["peak_bytes"] for each in lines for line in each),
        "bytes_sent": round(typical(named("bytes_sent"), lines)),
        "frames_sent": _rounded(typical(_frames, lines)),
        "writes": _rounded(typical(named("writes"), lines)),
        "thread_hops": _rounded(typical(named("thread_hops"), lines)),
        "phases": parts("phases", rounds),
        "messages": messages,
    }


def _rounded(value: float) -> float:
    return round(value, 4)


def _frames(line: Record) -> float:
    return float(sum(kind["frames"] for kind in line["messages"].values()))


def undisturbed(records: Iterable[Record]) -> list[Record]:
    """The rounds after the first. Raises Unmeasured where one took a second attempt."""
    found = sorted(records, key=lambda record: record["round"])
    for record in found:
        if record["outcome"] != COMPLETED or record["aborted"]:
            raise Unmeasured(
                f"round {record['round']} was not completed at the first attempt",
                "is the machine at work on something else? ask for fewer --peers",
            )
    return found[1:]


def _spent(lines: Sequence[Record]) -> list[Record]:
    """The rounds after the first, with the CPU of each."""
    return [
        {**line, **{name: _between(before[name], line[name]) for name in CPU}}
        for before, line in pairwise(lines)
    ]


def _between(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before
