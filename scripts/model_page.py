"""Writes what docs/performance.md says of groups that no machine here can run, with its picture.

    scripts/model_page.py

The rounds that the model is compared with are the last run's of docs/performance/history.jsonl.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from own_tree import ROOT

from peerd.cli.output import size
from peerd.laboratory.bench.instead import gossiped, sampled
from peerd.laboratory.bench.model import RoundModel

DOCUMENT = ROOT / "docs" / "performance.md"
HISTORY = ROOT / "docs" / "performance" / "history.jsonl"
PICTURE = ROOT / "docs" / "performance" / "model.png"
BEGIN, END = "<!-- model: begin -->", "<!-- model: end -->"
BETA = Fraction(1, 10)
PARAMS = 10_000
LATENCY, BANDWIDTH = 0.05, 12_500_000.0
CORES = 2
GROUPS = (4, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


def main() -> int:
    """Compute, write, draw."""
    last = json.loads(HISTORY.read_text(encoding="utf-8").splitlines()[-1])
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    tables = "\n".join([*compared(last["rounds"]), "", *extrapolated()])
    DOCUMENT.write_text(f"{before}{BEGIN}\n{tables}\n{END}{after}", encoding="utf-8")
    draw(last["rounds"])
    return 0


def model_of(peers: int, params: int = PARAMS) -> RoundModel:
    return RoundModel.create("rsa", {}, peers, params, BETA)


def compared(rounds: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Measured rounds, in which all daemons share a machine's cores, beside the model's."""
    yield "| daemons | parameters | sent | the model | CPU | the model | wall | the model |"
    yield "| --- " * 8 + "|"
    for each in rounds:
        model = model_of(each["peers"], each["params"])
        cpu = model.cpu_seconds
        wall = each["peers"] * cpu / CORES
        yield (
            f"| {each['peers']} | {each['params']:,} | {size(each['bytes_sent'])}"
            f" | {size(round(model.socket_bytes))} | {each['cpu_seconds_daemon']:.3f} s"
            f" | {cpu:.3f} s | {each['wall_seconds']:.2f} s | {wall:.2f} s |"
        )


def extrapolated() -> Iterator[str]:
    """A machine and a link for each peer."""
    yield "| peers | seats | a seat sends | CPU | wall | sampled | wall | gossip | wall |"
    yield "| --- " * 9 + "|"
    for peers in GROUPS:
        model = model_of(peers)
        others = (each(model, LATENCY, BANDWIDTH) for each in (sampled, gossiped))
        shown = " | ".join(f"{size(round(each.bytes))} | {each.seconds:.1f} s" for each in others)
        yield (
            f"| {peers:,} | {model.scene.plan.committee} | {size(round(model.seat_bytes))}"
            f" | {model.cpu_seconds:.2f} s | {model.seconds(LATENCY, BANDWIDTH):.1f} s | {shown} |"
        )


def draw(rounds: Sequence[Mapping[str, Any]]) -> None:
    """Seconds and bytes against the number of peers, both logarithmic."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (time, sent) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    models = [model_of(peers) for peers in GROUPS]
    lines = {
        "all to all": [(each.seconds(LATENCY, BANDWIDTH), each.seat_bytes) for each in models],
        "a sample agrees": [_pair(sampled(each, LATENCY, BANDWIDTH)) for each in models],
        "gossip": [_pair(gossiped(each, LATENCY, BANDWIDTH)) for each in models],
    }
    for name, line in lines.items():
        seconds, bytes_ = zip(*line, strict=True)
        time.plot(GROUPS, seconds, label=name)
        sent.plot(GROUPS, bytes_, label=name)
    of_size = [each for each in rounds if each["params"] == PARAMS]
    sent.plot(
        [each["peers"] for each in of_size],
        [each["bytes_sent"] for each in of_size],
        "ko",
        label="measured",
    )
    time.axhline(60, color="grey", linestyle=":")
    for part, unit in ((time, "seconds a round"), (sent, "bytes that a seat sends")):
        part.set(xscale="log", yscale="log", xlabel="peers, 10,000 parameters", ylabel=unit)
        part.grid(which="both", alpha=0.3)
        part.legend()
    figure.savefig(PICTURE, dpi=110)
    pyplot.close(figure)


def _pair(estimate: Any) -> tuple[float, float]:
    return estimate.seconds, estimate.bytes


if __name__ == "__main__":
    sys.exit(main())
