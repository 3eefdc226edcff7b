#!/usr/bin/env python3
"""Coverage-guided fuzzing (atheris) of all that reads a stranger's bytes.

    scripts/fuzz.py --target all --executions 1000000 --jobs 1 [--seconds 60] [--json FILE]

Each target of tests/fuzz/fuzz_targets.py runs in processes of its own whose memory is capped, a
slice at a time. What it finds is printed with its traceback and stays in tests/fuzz/corpus/TARGET,
where the tests replay it for good; the target goes on in a new process, until it has failed too
often, which is said. ``--json`` keeps the totals of each target and is written after every slice:
run again with the same file, ``--executions`` (the total wanted) goes on from there. ``--seeds``
only writes the seeds of the corpus. Exit code 1 when something was found or a target fell short.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HARNESSES = ROOT / "tests" / "fuzz"
MEMORY_MB = 2048
INPUT_SECONDS = 30
MAX_INPUT_BYTES = 16384
MAX_FAILURES = 5
"""Processes of one target, in one run, that ended by something found; then it is given up."""
SLICE_SECONDS = 600
"""After so long a process ends, and what it did is written, however few executions it had."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(slots=True)
class Total:
    """What all runs of one target did. ``found``: files of the corpus, or how a process ended."""

    executions: int = 0
    seconds: float = 0.0
    slices: int = 0
    coverage: int = 0
    peak_mb: int = 0
    found: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Slice:
    """What one process did."""

    executions: int
    seconds: float
    coverage: int
    peak_mb: int
    crash: str | None


class Ledger:
    """The totals of all targets; on disk after each slice, if there is a file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.totals: dict[str, Total] = {}
        if path is not None and path.exists():
            kept = json.loads(path.read_text())["targets"]
            self.totals = {name: Total(**each) for name, each in kept.items()}

    def of(self, name: str) -> Total:
        with self._lock:
            return self.totals.setdefault(name, Total())

    def add(self, name: str, done: Slice) -> None:
        with self._lock:
            total = self.totals.setdefault(name, Total())
            total.executions += done.executions
            total.seconds = round(total.seconds + done.seconds, 1)
            total.slices += 1
            total.coverage = max(total.coverage, done.coverage)
            total.peak_mb = max(total.peak_mb, done.peak_mb)
            if done.crash and done.crash not in total.found:
                total.found.append(done.crash)
            self._write()

    def executions(self) -> int:
        return sum(each.executions for each in self.totals.values())

    def _write(self) -> None:
        if self._path is None:
            return
        targets = {name: asdict(each) for name, each in sorted(self.totals.items())}
        partial = self._path.with_name(self._path.name + ".partial")
        partial.write_text(
            json.dumps({"executions": self.executions(), "targets": targets}, indent=1) + "\n"
        )
        partial.replace(self._path)


def main() -> int:
    options = _arguments()
    sys.path[:0] = [str(HARNESSES), str(ROOT)]
    if options.child:
        return _fuzz(options.child, options.libfuzzer)
    from fuzz_targets import TARGETS

    names = list(TARGETS) if options.target == "all" else options.target.split(",")
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        print(f"fuzz: no target {unknown[0]!r}; there are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    for name in names:
        write_seeds(name, TARGETS[name].seeds())
    if options.seeds:
        return 0
    ledger = Ledger(options.json)
    with ThreadPoolExecutor(options.jobs) as pool:
        done = list(pool.map(lambda name: _campaign(name, options, ledger), names))
    return _report(names, done, ledger)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", default="all", help="names with commas between, or all")
    parser.add_argument("--executions", type=int, default=100_000, help="of each target in total")
    parser.add_argument("--seconds", type=int, default=0, help="of each target now; 0: no limit")
    parser.add_argument("--slice", type=int, default=100_000, help="executions of one process")
    parser.add_argument("--jobs", type=int, default=1, help="targets that run at the same time")
    parser.add_argument("--json", type=Path, help="go on from this file's totals, and add to them")
    parser.add_argument("--corpus", type=Path, help="keep what covers something new in here")
    parser.add_argument("--seeds", action="store_true", help="write the seeds and do nothing else")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("libfuzzer", nargs="*", help=argparse.SUPPRESS)
    return parser.parse_args()


def write_seeds(name: str, seeds: list[bytes]) -> None:
    """Into the kept corpus, named by their hash."""
    folder = HARNESSES / "corpus" / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        path = folder / f"seed-{hashlib.sha256(seed).hexdigest()[:12]}"
        if not path.exists():
            path.write_bytes(seed)


def _campaign(name: str, options: argparse.Namespace, ledger: Ledger) -> str:
    """Slices until the target has its executions. How it ended, in words; "" when it has them."""
    until = time.monotonic() + options.seconds if options.seconds else None
    failures, ending = 0, ""
    with tempfile.TemporaryDirectory(prefix="peerd-fuzz-") as scratch:
        grown = options.corpus / name if options.corpus else Path(scratch) / "corpus"
        grown.mkdir(parents=True, exist_ok=True)
        while (wanted := options.executions - ledger.of(name).executions) > 0:
            left = 0 if until is None else int(until - time.monotonic())
            if until is not None and left < 1:
                ending = f"its {options.seconds} s are over"
                break
            done = _slice(name, min(wanted, options.slice), left, grown, Path(scratch))
            ledger.add(name, done)
            failures += bool(done.crash)
            if done.crash:
                print(f"{name}: {done.crash}; it goes on in a new process", file=sys.stderr)
            if failures >= MAX_FAILURES or not (done.executions or done.crash is None):
                ending = f"given up after {failures} failures: {done.crash}"
                break
    total = ledger.of(name)
    print(
        f"{name:20} {total.executions:>10} executions {total.seconds:>8} s"
        f"  coverage {total.coverage:>5}  {total.peak_mb:>4} MB"
        f"  {', '.join(total.found) or 'nothing found'}{'; ' + ending if ending else ''}",
        flush=True,
    )
    return ending


def _slice(name: str, executions: int, seconds: int, grown: Path, scratch: Path) -> Slice:
    kept = HARNESSES / "corpus" / name
    command = [sys.executable, __file__, "--child", name, "--", f"-runs={executions}"]
    limit = min(seconds or SLICE_SECONDS, SLICE_SECONDS)
    command += [f"-max_total_time={limit}", f"-rss_limit_mb={MEMORY_MB}"]
    command += [f"-timeout={INPUT_SECONDS}", f"-max_len={MAX_INPUT_BYTES}"]
    command += [f"-artifact_prefix={scratch}/", "-print_final_stats=1", str(grown), str(kept)]
    started = time.monotonic()
    ran = subprocess.run(
        command, capture_output=True, text=True, errors="replace", env=os.environ | ONE_THREAD
    )
    return Slice(
        _executed(ran.stderr),
        round(time.monotonic() - started, 1),
        _last_number(r"cov: (\d+)", ran.stderr),
        _last_number(r"stat::peak_rss_mb:\s*(\d+)", ran.stderr),
        _keep_crash(kept, scratch, ran),
    )


def _executed(text: str) -> int:
    """By the final statistics; a process that was ended in mid-run has its last progress line."""
    stated = _last_number(r"stat::number_of_executed_units:\s*(\d+)", text)
    return stated or _last_number(r"(?m)^#(\d+)\s", text)


def _keep_crash(kept: Path, scratch: Path, ran: subprocess.CompletedProcess[str]) -> str | None:
    if not ran.returncode:
        return None
    text = ran.stdout + ran.stderr
    at = text.find("Uncaught Python exception")
    print(text[at : at + 6000] if at >= 0 else text[-3000:], file=sys.stderr, flush=True)
    for artifact in sorted(scratch.glob("*-*")):
        if artifact.is_file():
            target = kept / f"found-{artifact.name[:20]}"
            target.write_bytes(artifact.read_bytes())
            artifact.unlink()
            return str(target.relative_to(ROOT))
    return f"exit code {ran.returncode}"


def _last_number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def _report(names: list[str], endings: list[str], ledger: Ledger) -> int:
    short = {name: ending for name, ending in zip(names, endings, strict=True) if ending}
    found = [name for name in names if ledger.of(name).found]
    print(
        f"{'total':20} {ledger.executions():>10} executions;"
        f" {len(names) - len(short)} of {len(names)} targets have theirs;"
        f" found something: {', '.join(found) or 'none'}"
    )
    for name, ending in short.items():
        print(f"fuzz: {name} fell short: {ending}", file=sys.stderr)
    return 1 if found or short else 0


def _fuzz(name: str, arguments: list[str]) -> int:
    """In the child: never returns, libFuzzer ends the process."""
    try:
        import atheris
    except ImportError:
        print("fuzz: atheris is missing; pip install 'atheris>=3,<4'", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["protocols", "peerd"]):
        import fuzz_boundary
        from fuzz_targets import TARGETS
    fuzz_boundary.quiet()
    feed = TARGETS[name].feed
    atheris.Setup([sys.argv[0], *arguments], feed)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
