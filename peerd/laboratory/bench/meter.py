"""CPU and wall time by phase."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Meter:
    """Adds up what each named phase takes. The process's CPU time counts BLAS threads as well."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        spent = self.phases.setdefault(name, {"cpu_seconds": 0.0, "wall_seconds": 0.0})
        spent["cpu_seconds"] += time.process_time() - cpu
        spent["wall_seconds"] += time.perf_counter() - wall

    def total(self, clock: str) -> float:
        return sum(spent[clock] for spent in self.phases.values())
