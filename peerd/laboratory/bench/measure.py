"""Measure one role: one pass to warm up, one for time, one for memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Protocol

from peerd.errors import ConfigError
from peerd.laboratory.bench.dealer import DealerWork
from peerd.laboratory.bench.member import MemberWork
from peerd.laboratory.bench.meter import Meter
from peerd.laboratory.bench.opening import OpenWork
from peerd.laboratory.bench.scene import Scene

ROLES = ("member", "dealer", "open")


class Work(Protocol):
    """A role with its input at hand."""

    bytes_in: int

    def run(self, meter: Meter) -> int:
        """Do the round's work; the bytes that it sends."""


def run(
    role: str,
    aggregator: str,
    peers: int,
    params: int,
    adversary: Fraction,
    constants: Mapping[str, int | str] | None = None,
) -> dict[str, object]:
    """One role's work for one round, docs/schemas/bench.json.

    Raises ConfigError, TaskError.

    Times are of one pass after a warm one: a daemon keeps the plan's matrices between rounds.
    ``first_cpu_seconds`` is what the warm-up took, matrices and all. Memory is measured by
    tracemalloc in a pass of its own, as it slows everything down: ``peak_bytes`` is the most that
    the work allocates at one time, beside its input (``bytes_in``).
    """
    if role not in ROLES:
        raise ConfigError(f"there is no role {role!r}; there is {', '.join(ROLES)}")
    scene = Scene.create(aggregator, peers, params, adversary, constants)
    work = _prepare(role, scene)
    first, timed = Meter(), Meter()
    work.run(first)
    bytes_out = work.run(timed)
    return {
        "role": role,
        "aggregator": aggregator,
        "peers": peers,
        "params": params,
        "plan": {**asdict(scene.plan), "degree": scene.plan.degree, "field": scene.shape.field.p},
        "cpu_seconds": timed.total("cpu_seconds"),
        "wall_seconds": timed.total("wall_seconds"),
        "first_cpu_seconds": first.total("cpu_seconds"),
        "peak_bytes": _peak(work),
        "bytes_in": work.bytes_in,
        "bytes_out": bytes_out,
        "phases": timed.phases,
    }


def _prepare(role: str, scene: Scene) -> Work:
    if role == "member":
        return MemberWork(scene)
    return DealerWork(scene) if role == "dealer" else OpenWork(scene)


def _peak(work: Work) -> int:
    tracemalloc.start()
    try:
        work.run(Meter())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
