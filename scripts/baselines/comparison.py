"""All baselines that are here, in turns with ours, and the ratios."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from baselines import flower, multiparty, native
from baselines.missing import Missing, python_with

Bench = Callable[..., Mapping[str, Any]]
"""``peerd bench``: (role, peers, params, *options) → its document."""
Seconds = Callable[[], float]

PARAMS = 100_000
TIMES = 5
"""Of a member's work; and the rounds that are measured."""
PARTIES = (3, 5)


@dataclass(frozen=True)
class Work:
    """A member's work: under which name our rule and NTL's program know it, and for how many.

    ``theta``: bits of a number, None for single bits. The paper has 32 and 16; 15 is the most with
    which our FLTrust takes 10^5 parameters.
    """

    rule: str
    theirs: str
    peers: int
    theta: int | None = None

    @property
    def constants(self) -> list[str]:
        return [] if self.theta is None else ["--constant", f"theta={self.theta}"]


WORKS = (
    Work("rsa", "rsa", 1000),
    Work("centered-clipping", "cc", 100, 32),
    Work("fltrust", "flt", 100, 15),
)
SCALED = 10
"""Theirs runs on that part of the peers, and counts so many times: its time is linear in them."""
GROUPS = (4, 8, 20)


def compare(bench: Bench, groups: Sequence[int] = GROUPS) -> dict[str, Any]:
    """``baselines`` of a run in the history: what was measured, what was missing, ratios."""
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="baseline-ntl-") as directory:
        programs = _available(missing, directory)
        members = [_member(bench, work, programs, missing) for work in WORKS]
    rounds = _rounds(bench, programs, groups, missing)
    for name, reason in missing.items():
        print(f"baselines: without {name}: {reason}", file=sys.stderr)
    found = {"members": members, "rounds": rounds, "missing": missing}
    return {**found, "ratios": dict(ratios(members, rounds))}


def _available(missing: dict[str, str], directory: str) -> dict[str, Path]:
    """What there is to measure a member beside; the others are put into ``missing``."""
    found: dict[str, Path] = {}
    ways: dict[str, Callable[[], Path]] = {
        "NTL": partial(native.build, Path(directory)),
        "MPyC": partial(python_with, "mpyc"),
        "Flower": partial(python_with, "flwr"),
    }
    for name, get in ways.items():
        try:
            found[name] = get()
        except Missing as reason:
            missing[name] = str(reason)
    return found


# -- a member --------------------------------------------------------------------------------------


def _member(
    bench: Bench, work: Work, programs: Mapping[str, Path], missing: dict[str, str]
) -> dict[str, Any]:
    """CPU seconds, medians: of ours without and with the signatures, and of each baseline."""
    runs: list[dict[str, float]] = []
    theirs = dict(_theirs(work, programs))
    for _ in range(TIMES):
        ours = bench("member", work.peers, PARAMS, "--aggregator", work.rule, *work.constants)
        signed = ours["cpu_seconds"]
        unsigned = signed - ours["phases"]["signatures"]["cpu_seconds"]
        runs.append({"member": unsigned, "member-signed": signed})
        for name in list(theirs):
            try:
                runs[-1][name] = SCALED * theirs[name]()
            except Missing as reason:
                missing[name] = str(reason)
                del theirs[name]
    seconds = {name: round(median(run[name] for run in runs), 5) for name in runs[-1]}
    return {"rule": work.rule, "peers": work.peers, "theta": work.theta, "cpu_seconds": seconds}


def _theirs(work: Work, programs: Mapping[str, Path]) -> Iterator[tuple[str, Seconds]]:
    peers = work.peers // SCALED
    if "NTL" in programs:
        for field in native.FIELDS:
            words = work.theirs, field, peers, PARAMS, work.theta or 1
            yield f"ntl-{field}", partial(native.seconds, programs["NTL"], *words)
    if "MPyC" in programs and work.theta is None:
        for parties in PARTIES:
            python = programs["MPyC"]
            yield f"mpyc-{parties}", partial(multiparty.seconds, python, peers, PARAMS, parties)


# -- a round ---------------------------------------------------------------------------------------


def _rounds(
    bench: Bench, programs: Mapping[str, Path], groups: Sequence[int], missing: dict[str, str]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for peers in groups if "Flower" in programs else ():
        try:
            found.append(_round(bench, programs["Flower"], peers))
        except Missing as reason:
            missing[f"the rounds of {peers}"] = str(reason)
    return found


def _round(bench: Bench, python: Path, peers: int) -> dict[str, Any]:
    """Of ours, of Flower's SecAgg+, and of its plain FedAvg: medians of five rounds each."""
    ours = bench("round", peers, PARAMS, "--rounds", str(TIMES + 1))
    found: dict[str, Any] = {
        "round": {
            "wall_seconds": ours["wall_seconds"],
            "cpu_seconds": ours["cpu_seconds_daemon"] + (ours["cpu_seconds_worker"] or 0),
            "bytes_sent": ours["bytes_sent"],
        }
    }
    for name, secure in (("secagg", True), ("fedavg", False)):
        print(f"{name}: {peers} clients …", file=sys.stderr, flush=True)
        theirs = flower.measure(python, flower.Asked(peers, PARAMS, TIMES + 1, secure))
        whole = theirs["cpu_seconds_client"] + theirs["cpu_seconds_server"] / peers
        found[name] = {
            "wall_seconds": theirs["wall_seconds"],
            "cpu_seconds": whole,
            "bytes_sent": theirs["bytes_sent"],
        }
    for each in found.values():
        each["cpu_seconds"] = round(each["cpu_seconds"], 4)
    return {"peers": peers, **found}


# -- what it comes to ------------------------------------------------------------------------------


def ratios(
    members: Sequence[Mapping[str, Any]], rounds: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, float]]:
    """``A-over-B``: what A costs, divided by what B costs."""
    for group in rounds:
        ours, peers = group["round"], group["peers"]
        for name in ("secagg", "fedavg"):
            for cost, called in (
                ("wall_seconds", "round"),
                ("cpu_seconds", "cpu"),
                ("bytes_sent", "sent"),
            ):
                yield f"{called}-{peers}-over-{name}", ours[cost] / group[name][cost]
    for work in members:
        seconds = work["cpu_seconds"]
        for ours in ("member", "member-signed"):
            for name in (each for each in seconds if not each.startswith("member")):
                called = ours.replace("member", f"member-{work['rule']}")
                yield f"{name}-over-{called}", seconds[name] / seconds[ours]


def line(name: str, value: float) -> str:
    """``ratio NAME VALUE``: three digits that count, and never an exponent."""
    return f"ratio {name} {np.format_float_positional(value, 3, fractional=False, trim='-')}"
