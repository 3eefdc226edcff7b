"""Measures rounds and roles on this machine, and writes docs/performance.md: make bench.

Each run is a line of docs/performance/history.jsonl; the page is the last one's. Numbers of two
machines, or of one that does something else meanwhile, can't be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peerd.cli.output import size

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "performance"
HISTORY = PICTURES / "history.jsonl"

PEERS = tuple((peers, 100_000) for peers in (4, 8, 12, 20))
PARAMETERS = tuple((4, params) for params in (10_000, 100_000, 1_000_000))
ROLES = tuple((role, peers) for peers in (100, 1000) for role in ("member", "dealer", "open"))
BOUND_TO_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Document = Mapping[str, Any]


def main() -> int:
    """Measure, note, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--page-only", action="store_true", help="write the page of the last run again"
    )
    if not parser.parse_args().page_only:
        with HISTORY.open("a", encoding="utf-8") as file:
            print(json.dumps(measure()), file=file)
    last = json.loads(HISTORY.read_text(encoding="utf-8").splitlines()[-1])
    DOCUMENT.write_text(page(DOCUMENT.read_text(encoding="utf-8"), last), encoding="utf-8")
    draw(last)
    return 0


def measure() -> dict[str, Any]:
    """One run."""
    rounds = [bench("round", peers, params, "--rounds", "6") for peers, params in _rounds()]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
        "machine": f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}",
        "rounds": rounds,
        "roles": [bench(role, peers, 100_000) for role, peers in ROLES],
    }


def _rounds() -> Iterator[tuple[int, int]]:
    yield from dict.fromkeys((*PEERS, *PARAMETERS))


def bench(role: str, peers: int, params: int, *more: str) -> dict[str, Any]:
    """``peerd bench … --json``, without what is by phase and by message."""
    print(f"{role}: {peers} peers, {params} parameters …", file=sys.stderr, flush=True)
    sizes = ["--peers", str(peers), "--params", str(params), "--adversary", "0.1"]
    command = [sys.executable, "-m", "peerd", "bench", role, *sizes, *more, "--json"]
    environment = {**os.environ, **dict.fromkeys(BOUND_TO_ONE_THREAD, "1")}
    found: dict[str, Any] = json.loads(
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    )
    return {name: value for name, value in found.items() if name not in ("phases", "messages")}


def _said(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


# -- the page --------------------------------------------------------------------------------------

Columns = Mapping[str, Callable[[Document], object]]
OF_ROUNDS: Columns = {
    "daemons": lambda run: run["peers"],
    "parameters": lambda run: f"{run['params']:,}",
    "committee, t, k": lambda run: _plan(run["plan"]),
    "wall": lambda run: f"{run['wall_seconds']:.2f} s",
    "CPU, a daemon": lambda run: f"{run['cpu_seconds_daemon']:.3f} s",
    "its worker": lambda run: f"{run['cpu_seconds_worker'] or 0:.3f} s",
    "memory": lambda run: size(run["peak_bytes_daemon"]),
    "sent": lambda run: size(run["bytes_sent"]),
    "a parameter": lambda run: f"{run['bytes_sent'] / run['params']:.1f} B",
    "frames": lambda run: f"{run['frames_sent']:.0f}",
    "writes": lambda run: f"{run['writes']:.0f}",
    "hops": lambda run: f"{run['thread_hops']:.0f}",
}
OF_ROLES: Columns = {
    "role": lambda run: run["role"],
    "peers": lambda run: run["peers"],
    "committee, t, k": lambda run: _plan(run["plan"]),
    "CPU": lambda run: f"{run['cpu_seconds']:.3f} s",
    "memory": lambda run: size(run["peak_bytes"]),
    "in": lambda run: size(run["bytes_in"]),
    "out": lambda run: size(run["bytes_out"]),
}


def _plan(plan: Document) -> str:
    return f"{plan['committee']}, {plan['threshold']}, {plan['packing']}"


def page(text: str, run: Document) -> str:
    """docs/performance.md with the numbers of a run between its marks."""
    made = {
        "where": f"Measured on {run['date']} at `{run['commit']}`: {run['machine']}.",
        "rounds": _table(OF_ROUNDS, run["rounds"]),
        "roles": _table(OF_ROLES, run["roles"]),
    }
    for name, numbers in made.items():
        before, rest = text.split(f"<!-- {name}: begin -->")
        _, after = rest.split(f"<!-- {name}: end -->")
        text = f"{before}<!-- {name}: begin -->\n{numbers}\n<!-- {name}: end -->{after}"
    return text


def _table(columns: Columns, runs: Sequence[Document]) -> str:
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[str(cell(run)) for cell in columns.values()] for run in runs]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(run: Document) -> None:
    """The page's pictures: log–log."""
    wanted = {"peers": PEERS, "params": PARAMETERS}
    for axis, cases in wanted.items():
        runs = [each for each in run["rounds"] if (each["peers"], each["params"]) in cases]
        _draw(axis, sorted(runs, key=lambda each: each[axis]))


def _draw(axis: str, runs: Sequence[Document]) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (time, sent) = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    along = [each[axis] for each in runs]
    time.plot(along, [each["wall_seconds"] for each in runs], "o-", label="wall")
    time.plot(along, [each["cpu_seconds_daemon"] for each in runs], "s--", label="CPU, a daemon")
    sent.plot(along, [each["bytes_sent"] for each in runs], "o-", label="bytes sent by a daemon")
    names = {"peers": "daemons, 100,000 parameters", "params": "parameters, 4 daemons"}
    for part, unit in ((time, "seconds a round"), (sent, "bytes a round")):
        part.set(xscale="log", yscale="log", xlabel=names[axis], ylabel=unit)
        part.grid(which="both", alpha=0.3)
        part.legend()
    if axis == "peers":
        for part in (time, sent):
            part.set_xticks(along, [str(each) for each in along])
            part.minorticks_off()
    figure.savefig(PICTURES / f"{axis}.png", dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main())
