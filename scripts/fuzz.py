#!/usr/bin/env python3
"""Coverage-guided fuzzing (atheris, the extra ``fuzz``) of all that reads a stranger's bytes.

    scripts/fuzz.py --target all --executions 1000000 --jobs 1 [--seconds 60] [--json FILE]

Each target of tests/fuzz/fuzz_targets.py runs in a process of its own whose memory is capped. What
it finds is printed with its traceback and stays in tests/fuzz/corpus/TARGET, where the tests replay
it for good. ``--seeds`` only writes the seeds of the corpus. Exit code 1 when something was found.
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
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HARNESSES = ROOT / "tests" / "fuzz"
MEMORY_MB = 2048
INPUT_SECONDS = 30
MAX_INPUT_BYTES = 16384
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Campaign:
    """What one target's run did."""

    target: str
    executions: int
    seconds: float
    coverage: int
    peak_mb: int
    crash: str | None


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
    with ThreadPoolExecutor(options.jobs) as pool:
        done = list(pool.map(lambda name: _campaign(name, options), names))
    _report(done, options.json)
    return 1 if any(each.crash for each in done) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", default="all", help="names with commas between, or all")
    parser.add_argument("--executions", type=int, default=100_000, help="of each target")
    parser.add_argument("--seconds", type=int, default=0, help="of each target; 0: no limit")
    parser.add_argument("--jobs", type=int, default=1, help="targets that run at the same time")
    parser.add_argument("--json", type=Path, help="also write the counts to this file")
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


def _campaign(name: str, options: argparse.Namespace) -> Campaign:
    kept = HARNESSES / "corpus" / name
    with tempfile.TemporaryDirectory(prefix="peerd-fuzz-") as scratch:
        grown = options.corpus / name if options.corpus else Path(scratch) / "corpus"
        grown.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, "--child", name, "--", f"-runs={options.executions}"]
        command += [f"-max_total_time={options.seconds}", f"-rss_limit_mb={MEMORY_MB}"]
        command += [f"-timeout={INPUT_SECONDS}", f"-max_len={MAX_INPUT_BYTES}"]
        command += [f"-artifact_prefix={scratch}/", "-print_final_stats=1", str(grown), str(kept)]
        started = time.monotonic()
        ran = subprocess.run(
            command, capture_output=True, text=True, errors="replace", env=os.environ | ONE_THREAD
        )
        seconds = time.monotonic() - started
        crash = _keep_crash(kept, Path(scratch), ran)
    found = Campaign(
        name,
        _last_number(r"stat::number_of_executed_units:\s*(\d+)", ran.stderr),
        round(seconds, 1),
        _last_number(r"cov: (\d+)", ran.stderr),
        _last_number(r"stat::peak_rss_mb:\s*(\d+)", ran.stderr),
        crash,
    )
    print(
        f"{found.target:20} {found.executions:>10} executions {found.seconds:>8} s"
        f"  coverage {found.coverage:>5}  {found.peak_mb:>4} MB  {found.crash or 'nothing found'}",
        flush=True,
    )
    return found


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
            return str(target.relative_to(ROOT))
    return f"exit code {ran.returncode}"


def _last_number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


def _report(done: list[Campaign], path: Path | None) -> None:
    total = sum(each.executions for each in done)
    print(f"{'total':20} {total:>10} executions")
    if path is not None:
        content = {"executions": total, "targets": [asdict(each) for each in done]}
        path.write_text(json.dumps(content, indent=1) + "\n")


def _fuzz(name: str, arguments: list[str]) -> int:
    """In the child: never returns, libFuzzer ends the process."""
    try:
        import atheris
    except ImportError:
        print("fuzz: atheris is missing; install the extra: pip install '.[fuzz]'", file=sys.stderr)
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
