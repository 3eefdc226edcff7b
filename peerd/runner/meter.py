"""What a round cost: wall time, CPU and bytes, by phase (docs/protocol.md §7)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    wall: float
    cpu: float
    bytes_in: int
    bytes_out: int


class Meter:
    """``traffic`` gives (bytes in, bytes out) since the daemon started."""

    def __init__(self, traffic: Callable[[], tuple[int, int]]) -> None:
        self._traffic = traffic
        self._start = self._last = self._read()
        self._phase = "start"
        self._phases: dict[str, Reading] = {}

    def enter(self, phase: str) -> None:
        """The phase that follows the present one; a phase may come more than once."""
        now = self._read()
        spent = _minus(now, self._last)
        known = self._phases.get(self._phase)
        self._phases[self._phase] = spent if known is None else _plus(known, spent)
        self._phase, self._last = phase, now

    def finish(self) -> dict[str, object]:
        """The round's ``seconds``, ``bytes`` and ``phases``; the next round starts now."""
        self.enter("start")
        whole = _minus(self._last, self._start)
        phases = {name: _shown(reading) for name, reading in self._phases.items()}
        self._start, self._phases = self._last, {}
        return {
            "seconds": round(whole.wall, 3),
            "bytes": whole.bytes_in + whole.bytes_out,
            "bytes_in": whole.bytes_in,
            "bytes_out": whole.bytes_out,
            "phases": phases,
        }

    def _read(self) -> Reading:
        return Reading(time.monotonic(), time.process_time(), *self._traffic())


def _plus(a: Reading, b: Reading) -> Reading:
    return Reading(
        a.wall + b.wall, a.cpu + b.cpu, a.bytes_in + b.bytes_in, a.bytes_out + b.bytes_out
    )


def _minus(a: Reading, b: Reading) -> Reading:
    return Reading(
        a.wall - b.wall, a.cpu - b.cpu, a.bytes_in - b.bytes_in, a.bytes_out - b.bytes_out
    )


def _shown(reading: Reading) -> dict[str, object]:
    return {
        "wall_seconds": round(reading.wall, 3),
        "cpu_seconds": round(reading.cpu, 3),
        "bytes_in": reading.bytes_in,
        "bytes_out": reading.bytes_out,
    }
