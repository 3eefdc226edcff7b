"""The pictures of docs/performance.md: log–log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Document = Mapping[str, Any]

PAPER = {"peers": 1000, "params": 100_000, "seconds": 46.0}
"""What Franzese et al. (2023) print of their Figure 5: RSA, one member's F^R of a round, on an
m5.metal of Amazon EC2. They say that it is linear in both; the other points are only drawn."""
BASE = {"peers": 100, "params": 100_000}
"""What stays the same along the other axis: Figure 5's numbers."""
ALONG = {"peers": "peers, 100,000 parameters", "params": "parameters, 100 peers"}


def draw(folder: Path, parts: Document) -> None:
    """Into ``folder``, from the last run of each part."""
    import matplotlib

    matplotlib.use("agg")
    rounds = parts["rounds"]
    daemons = [each for each in rounds if each["params"] == 100_000]
    sizes = [each for each in rounds if each["peers"] == 4]
    _rounds(folder, "peers", "daemons, 100,000 parameters", daemons)
    _rounds(folder, "params", "parameters, 4 daemons", sizes)
    compared = parts.get("baselines")
    _members(folder, parts["members"], _theirs(compared["members"]) if compared else {})


def _rounds(folder: Path, axis: str, label: str, runs: Sequence[Document]) -> None:
    from matplotlib import pyplot

    figure, (time, sent) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    runs = sorted(runs, key=lambda each: each[axis])
    along = [each[axis] for each in runs]
    time.plot(along, [each["wall_seconds"] for each in runs], "o-", label="wall")
    time.plot(along, [each["cpu_seconds_daemon"] for each in runs], "s--", label="CPU, a daemon")
    sent.plot(along, [each["bytes_sent"] for each in runs], "o-", label="bytes sent by a daemon")
    for part, unit in ((time, "seconds a round"), (sent, "bytes a round")):
        _frame(part, label, unit)
    if axis == "peers":
        for part in (time, sent):
            part.set_xticks(along, [str(each) for each in along])
            part.xaxis.minorticks_off()  # sizes within a decade keep the labels between
    figure.savefig(folder / f"{axis}.png", dpi=110)
    pyplot.close(figure)


def _frame(part: Any, label: str, unit: str) -> None:
    _axes(part, label, unit)
    part.legend(fontsize="small")


def _axes(part: Any, label: str, unit: str) -> None:
    part.set(xscale="log", yscale="log", xlabel=label, ylabel=unit)
    part.grid(which="both", alpha=0.3)


# -- a member, as in the paper's Figure 5 ----------------------------------------------------------


def _theirs(works: Sequence[Document]) -> dict[str, float]:
    """CPU seconds of each baseline for PAPER's case."""
    (spent,) = (
        work["cpu_seconds"].items()
        for work in works
        if work["rule"] == "rsa" and work["peers"] == PAPER["peers"]
    )
    return {name: seconds for name, seconds in spent if not name.startswith("member")}


def _members(folder: Path, runs: Sequence[Document], others: Mapping[str, float]) -> None:
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(2, 2, figsize=(9, 6.8), layout="constrained")
    for column, axis in enumerate(("params", "peers")):
        time, data = rows[0][column], rows[1][column]
        other = "peers" if axis == "params" else "params"
        chosen = sorted(
            (each for each in runs if each[other] == BASE[other]), key=lambda each: each[axis]
        )
        along = [each[axis] for each in chosen]
        _times(time, axis, along, chosen, others)
        data.plot(along, [each["bytes_in"] for each in chosen], "o-", label="received")
        data.plot(along, [each["bytes_out"] for each in chosen], "s--", label="sent")
        _axes(time, ALONG[axis], "CPU seconds of a member")
        _frame(data, ALONG[axis], "bytes of a member")
    called = rows[0][1].get_legend_handles_labels()
    figure.legend(*called, loc="outside upper center", ncols=3, fontsize="small")
    figure.savefig(folder / "member.png", dpi=90)
    pyplot.close(figure)


def _times(
    part: Any,
    axis: str,
    along: Sequence[int],
    runs: Sequence[Document],
    others: Mapping[str, float],
) -> None:
    ours = [each["cpu_seconds"] for each in runs]
    signatures = [each["signatures_cpu_seconds"] for each in runs]
    unsigned = [whole - some for whole, some in zip(ours, signatures, strict=True)]
    part.plot(along, ours, "o-", label="ours")
    part.plot(along, unsigned, "s-", label="ours, without the signatures")
    theirs = {f"{name}, on this machine": seconds for name, seconds in others.items()}
    theirs["the paper's, on an m5.metal"] = PAPER["seconds"]
    for (name, seconds), mark in zip(theirs.items(), "v^<>*", strict=False):
        measured = [at == PAPER[axis] for at in along] if axis == "peers" else []
        times = [_linear(seconds, axis, at) for at in along]
        part.plot(along, times, f"{mark}:", markersize=9, markevery=measured, label=name)


def _linear(seconds: float, axis: str, value: int) -> float:
    """Of PAPER's case, at another place along the axis."""
    at = {**BASE, axis: value}
    return seconds * at["peers"] / PAPER["peers"] * at["params"] / PAPER["params"]
