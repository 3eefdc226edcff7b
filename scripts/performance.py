"""Measures rounds and roles on this machine, and writes docs/performance.md: make bench.

Each run is a line of docs/performance/history.jsonl; of each part the page has the last one's. With
--baselines (make bench BASELINES=1) others are measured in the same run, and the ratios are printed
last. Numbers of two machines, or of one that does something else meanwhile, can't be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from own_tree import ROOT  # isort: split

from baselines.comparison import compare, line
from baselines.missing import output
from baselines.page import beside
from pictures import draw

from peerd.cli.output import size

DOCUMENT = ROOT / "docs" / "performance.md"
PICTURES = ROOT / "docs" / "performance"
HISTORY = PICTURES / "history.jsonl"

PEERS = tuple((peers, 100_000) for peers in (4, 8, 12, 20))
PARAMETERS = tuple((4, params) for params in (10_000, 100_000, 1_000_000))
ROLES = tuple((role, peers) for peers in (100, 1000) for role in ("member", "dealer", "open"))
MEMBERS = (*((100, 10**power) for power in (4, 5, 6)), *((n, 100_000) for n in (1000, 5000)))
WORST = 5
"""Adversaries that the page shows."""
BOUND_TO_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

Document = Mapping[str, Any]


def main() -> int:
    """Measure, note, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--page-only", action="store_true", help="write the page of the last runs again"
    )
    parser.add_argument("--baselines", action="store_true", help="measure others beside ours")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part")
    args = parser.parse_args()
    parts = args.only or [part for part in PARTS if part != BASELINES or args.baselines]
    run = {} if args.page_only else measure(parts)
    if run:
        with HISTORY.open("a", encoding="utf-8") as file:
            print(json.dumps(run), file=file)
    runs = [json.loads(each) for each in HISTORY.read_text(encoding="utf-8").splitlines()]
    DOCUMENT.write_text(page(DOCUMENT.read_text(encoding="utf-8"), runs), encoding="utf-8")
    draw(PICTURES, {part: each[part] for part in PARTS if (each := last(runs, part))})
    for name, value in run.get(BASELINES, {"ratios": {}})["ratios"].items():
        print(line(name, value))
    return 0


def measure(parts: Sequence[str]) -> dict[str, Any]:
    """One run."""
    at = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
        "machine": f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}",
    }
    return at | {part: PARTS[part]() for part in parts}


def _rounds() -> list[Document]:
    cases = dict.fromkeys((*PEERS, *PARAMETERS))
    return [_whole(bench("round", *case, "--rounds", "6")) for case in cases]


def _roles() -> list[Document]:
    return [_whole(bench(role, peers, 100_000)) for role, peers in ROLES]


def _members() -> list[Document]:
    return [_whole(bench("member", *case)) for case in MEMBERS]


def _liars() -> Document:
    """Of a group small enough for the whole catalogue, with as many liars as there can be."""
    found = bench("liars", 8, 10_000, "--adversary", "0.3", "--rounds", "1")
    return {**found, "adversaries": found["adversaries"][:WORST]}


def _whole(found: Document) -> dict[str, Any]:
    """Without what is by phase and by message, but for a member's signatures."""
    kept = {name: value for name, value in found.items() if name not in ("phases", "messages")}
    signatures = found["phases"].get("signatures")
    return kept | ({"signatures_cpu_seconds": signatures["cpu_seconds"]} if signatures else {})


def bench(role: str, peers: int, params: int, *more: str) -> dict[str, Any]:
    """``peerd bench … --json``. Raises Missing where it fails."""
    print(f"{role}: {peers} peers, {params} parameters …", file=sys.stderr, flush=True)
    sizes = ["--peers", str(peers), "--params", str(params), "--adversary", "0.1"]
    command = [sys.executable, "-m", "peerd", "bench", role, *sizes, *more, "--json"]
    environment = {**os.environ, **dict.fromkeys(BOUND_TO_ONE_THREAD, "1")}
    found: dict[str, Any] = json.loads(output(command, environment))
    return found


BASELINES = "baselines"
PARTS: Mapping[str, Callable[[], Any]] = {
    "rounds": _rounds,
    "roles": _roles,
    "members": _members,
    "liars": _liars,
    BASELINES: lambda: compare(bench),
}


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
OF_MEMBERS: Columns = {
    "peers": lambda run: run["peers"],
    "parameters": lambda run: f"{run['params']:,}",
    "CPU": lambda run: f"{run['cpu_seconds']:.4f} s",
    "of it signatures": lambda run: f"{run['signatures_cpu_seconds']:.4f} s",
    "in": lambda run: size(run["bytes_in"]),
    "out": lambda run: size(run["bytes_out"]),
}

OF_LIARS: Columns = {
    "adversary": lambda row: row["adversary"],
    "CPU, times an honest round's": lambda row: f"{row['ratio']:.2f}",
    "an attempt": lambda row: f"{row['ratio_attempt']:.2f}",
    "attempts": lambda row: f"{row['attempts']:.0f}",
    "CPU": lambda row: f"{row['cpu_seconds']:.3f} s",
    "frames": lambda row: f"{row['frames']:.0f}",
    "bytes": lambda row: size(row["bytes"]),
    "statements": lambda row: f"{row['statements']:.0f}",
    "signatures": lambda row: f"{row['signatures']:.0f}",
}


def _plan(plan: Document) -> str:
    return f"{plan['committee']}, {plan['threshold']}, {plan['packing']}"


def page(text: str, runs: Sequence[Document]) -> str:
    """docs/performance.md with the numbers of the last run of each part between its marks."""
    shown: Mapping[str, Callable[[Any], str]] = {
        "rounds": partial(_table, OF_ROUNDS),
        "roles": partial(_table, OF_ROLES),
        "members": partial(_table, OF_MEMBERS),
        "liars": _spent,
        BASELINES: beside,
    }
    for part, numbers in shown.items():
        run = last(runs, part)
        if run is None:
            continue
        where = f"Measured on {run['date']} at `{run['commit']}`: {run['machine']}."
        before, rest = text.split(f"<!-- {part}: begin -->")
        _, after = rest.split(f"<!-- {part}: end -->")
        made = f"{where}\n\n{numbers(run[part])}"
        text = f"{before}<!-- {part}: begin -->\n{made}\n<!-- {part}: end -->{after}"
    return text


def _spent(found: Document) -> str:
    """The worst adversaries, above the round in which nobody lies."""
    nobody = {"adversary": "nobody", "ratio": 1.0, "ratio_attempt": 1.0, **found["honest"]}
    return _table(OF_LIARS, [*found["adversaries"], nobody])


def last(runs: Sequence[Document], part: str) -> Document | None:
    """The last run with this part; None where it was never measured."""
    return next((run for run in reversed(runs) if part in run), None)


def _table(columns: Columns, runs: Sequence[Document]) -> str:
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[str(cell(run)) for cell in columns.values()] for run in runs]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
