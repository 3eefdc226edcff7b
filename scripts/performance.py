"""Measures rounds and roles on this machine, and writes docs/performance.md: make bench.

Each run is a line of docs/performance/history.jsonl; the page is the last one's. With --baselines
(make bench BASELINES=1) others are measured in the same run, and the ratios are printed last; a
run without keeps the page's last ones. Numbers of two machines, or of one that does something else
meanwhile, can't be compared.
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

from baselines.comparison import compare, line
from baselines.page import beside
from pictures import draw

from peerd.cli.output import size

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "performance"
HISTORY = PICTURES / "history.jsonl"

PEERS = tuple((peers, 100_000) for peers in (4, 8, 12, 20))
PARAMETERS = tuple((4, params) for params in (10_000, 100_000, 1_000_000))
ROLES = tuple((role, peers) for peers in (100, 1000) for role in ("member", "dealer", "open"))
MEMBERS = (*((100, 10**power) for power in (4, 5, 6)), *((n, 100_000) for n in (1000, 5000)))
BOUND_TO_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Document = Mapping[str, Any]


def main() -> int:
    """Measure, note, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--page-only", action="store_true", help="write the page of the last run again"
    )
    parser.add_argument("--baselines", action="store_true", help="measure others beside ours")
    args = parser.parse_args()
    if not args.page_only:
        run = measure() | ({"baselines": compare(bench)} if args.baselines else {})
        with HISTORY.open("a", encoding="utf-8") as file:
            print(json.dumps(run), file=file)
    runs = [json.loads(each) for each in HISTORY.read_text(encoding="utf-8").splitlines()]
    DOCUMENT.write_text(page(DOCUMENT.read_text(encoding="utf-8"), runs), encoding="utf-8")
    draw(PICTURES, runs[-1], compared(runs))
    if args.baselines:
        for name, value in runs[-1]["baselines"]["ratios"].items():
            print(line(name, value))
    return 0


def measure() -> dict[str, Any]:
    """One run."""
    rounds = [bench("round", peers, params, "--rounds", "6") for peers, params in _rounds()]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
        "machine": f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}",
        "rounds": [_whole(each) for each in rounds],
        "roles": [_whole(bench(role, peers, 100_000)) for role, peers in ROLES],
        "members": [_whole(bench("member", *sizes)) for sizes in MEMBERS],
    }


def _rounds() -> Iterator[tuple[int, int]]:
    yield from dict.fromkeys((*PEERS, *PARAMETERS))


def _whole(found: Document) -> dict[str, Any]:
    """Without what is by phase and by message, but for a member's signatures."""
    kept = {name: value for name, value in found.items() if name not in ("phases", "messages")}
    signatures = found["phases"].get("signatures")
    return kept | ({"signatures_cpu_seconds": signatures["cpu_seconds"]} if signatures else {})


def bench(role: str, peers: int, params: int, *more: str) -> dict[str, Any]:
    """``peerd bench … --json``."""
    print(f"{role}: {peers} peers, {params} parameters …", file=sys.stderr, flush=True)
    sizes = ["--peers", str(peers), "--params", str(params), "--adversary", "0.1"]
    command = [sys.executable, "-m", "peerd", "bench", role, *sizes, *more, "--json"]
    environment = {**os.environ, **dict.fromkeys(BOUND_TO_ONE_THREAD, "1")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


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


def page(text: str, runs: Sequence[Document]) -> str:
    """docs/performance.md with the numbers of the last run between its marks, and with those of
    the last that had baselines."""
    run, last = runs[-1], compared(runs)
    made = {
        "where": f"Measured on {_of(run)}.",
        "rounds": _table(OF_ROUNDS, run["rounds"]),
        "roles": _table(OF_ROLES, run["roles"]),
    }
    if last is not None:
        made["baselines"] = f"Measured on {_of(last)}.\n\n{beside(last['baselines'])}"
    for name, numbers in made.items():
        before, rest = text.split(f"<!-- {name}: begin -->")
        _, after = rest.split(f"<!-- {name}: end -->")
        text = f"{before}<!-- {name}: begin -->\n{numbers}\n<!-- {name}: end -->{after}"
    return text


def compared(runs: Sequence[Document]) -> Document | None:
    """The last run with baselines."""
    return next((run for run in reversed(runs) if "baselines" in run), None)


def _of(run: Document) -> str:
    return f"{run['date']} at `{run['commit']}`: {run['machine']}"


def _table(columns: Columns, runs: Sequence[Document]) -> str:
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[str(cell(run)) for cell in columns.values()] for run in runs]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
