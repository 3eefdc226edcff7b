"""What a round of daemons comes to, from what each has counted. Of real ones: tests/swarm."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from peerd.errors import ConfigError
from peerd.laboratory.bench.counted import Counts, children_cpu, kind_of
from peerd.laboratory.bench.round import Asked, Unmeasured, summary
from peerd.laboratory.swarm.result import Witness, witness
from peerd.tasks.names import SHIPPED
from protocols.wire.frames import HaveFrame, encode_frame

GROUP = bytes(32)


def asked(**other: Any) -> Asked:
    sizes = {"peers": 4, "params": 100, "bears": 0, "rounds": 3, "trains": True}
    return Asked("rsa", {}, **{**sizes, **other})


def rounds(*seconds: float, outcome: str = "completed") -> Witness:
    phase = {"wall_seconds": 1.0, "cpu_seconds": 0.5, "bytes_in": 4, "bytes_out": 8}
    return witness(
        "12D3KooWx",
        None,
        [
            {
                "round": number,
                "outcome": outcome,
                "aborted": [],
                "seconds": each,
                "phases": {"opening": phase} if number else {},
            }
            for number, each in enumerate(seconds)
        ],
    )


def counts(*cpu: float, worker: float | None = 1.0, frames: int = 6) -> list[dict[str, Any]]:
    return [
        {
            "round": number,
            "writes": 10 * number,
            "bytes_sent": 1000,
            "thread_hops": 5,
            "messages": {"sum": {"frames": frames, "bytes": 60}},
            "cpu_seconds": each,
            "worker_cpu_seconds": None if worker is None else worker * number,
            "peak_bytes": 7_000_000 + number,
        }
        for number, each in enumerate(cpu)
    ]


def test_numbers_are_medians_over_the_rounds_behind_the_first_of_a_daemons_mean() -> None:
    found = summary(
        [rounds(99.0, 1.0, 2.0, 9.0), rounds(99.0, 3.0, 4.0, 11.0)],
        [counts(5.0, 5.5, 6.5, 7.0), counts(0.0, 1.5, 3.5, 4.0, frames=8)],
    )
    assert found["wall_seconds"] == 3.0  # of the means 2, 3 and 10
    assert found["cpu_seconds_daemon"] == 1.0  # of 1, 1.5 and 0.5
    assert found["cpu_seconds_worker"] == 1.0
    assert (found["writes"], found["frames_sent"], found["thread_hops"]) == (20.0, 7.0, 5.0)
    assert (found["bytes_sent"], found["peak_bytes_daemon"]) == (1000, 7_000_003)
    assert found["phases"]["opening"]["bytes_out"] == 8
    assert found["messages"] == {"sum": {"frames": 7.0, "bytes": 60.0}}


def test_what_the_system_does_not_tell_is_null() -> None:
    assert summary([rounds(1, 2)], [counts(1, 2, worker=None)])["cpu_seconds_worker"] is None


def test_a_round_that_was_not_completed_at_once_gives_no_time() -> None:
    with pytest.raises(Unmeasured, match="round 0 was not completed at the first attempt"):
        summary([rounds(1, 2, outcome="missed")], [counts(1, 2)])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"peers": 3}, "--peers 3: must be in 4…64 for real daemons"),
        ({"peers": 1000}, "--peers 1000"),
        ({"rounds": 1}, "--rounds 1: must be in 2…"),
        ({"bears": 2}, "--peers, --adversary: no plan covers 4 peers of which 2 lie"),
    ],
    ids=["few", "many", "rounds", "liars"],
)
def test_what_can_not_be_measured_is_said_before_anything_starts(
    other: dict[str, int], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        asked(**other).options()


def test_the_task_of_a_measurement_is_not_one_that_ships() -> None:
    assert asked().options().work.task not in SHIPPED


def test_a_round_is_a_line_and_the_next_one_starts_from_nothing() -> None:
    file = io.StringIO()
    counted = Counts(file)
    frame = encode_frame(HaveFrame(0, 0, ()))
    for _ in range(3):
        counted.sent(GROUP, frame)
    counted.writes = counted.hops = counted.bytes_sent = 4
    counted.over(0)
    counted.over(1)
    first, second = map(json.loads, file.getvalue().splitlines())
    assert first["messages"] == {"have": {"frames": 3, "bytes": 3 * len(frame)}}
    assert (first["writes"], first["bytes_sent"], first["thread_hops"]) == (4, 4, 4)
    assert (second["messages"], second["writes"]) == ({}, 0)
    assert first["cpu_seconds"] > 0 and first["peak_bytes"] > 1_000_000
    assert kind_of(GROUP, frame) == "have"


def test_children_compute_or_nobody_knows() -> None:
    spent = children_cpu()
    assert spent is None or spent >= 0
