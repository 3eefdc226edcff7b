"""What a group that only goes on takes of memory and disk: real daemons that learn nothing.

python scripts/idle.py --rounds 300 --every 50
python scripts/idle.py --rounds 20000 --every 1000 --out idle.json --keep 3 --in /dev/shm

Peers of four run on loopback as fast as they can. Every K rounds one line of JSON on standard
output: bytes of memory (VmRSS) and of the data directory of each daemon, and what of the directory
is what. ``--out`` has them all in one document. ``growth``: bytes a round and daemon between the
line at half of the rounds and the last one. Exit code 1 if a daemon dies.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(HERE.parent), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
)

import numpy as np  # noqa: E402
import trio  # noqa: E402

from peerd.cli.output import quiet_logs  # noqa: E402
from peerd.cli.task_arguments import TaskRequest  # noqa: E402
from peerd.laboratory.swarm.layout import Layout, Place, lay_out  # noqa: E402
from peerd.laboratory.swarm.options import SwarmOptions  # noqa: E402
from peerd.laboratory.swarm.process import Daemon, resident_bytes  # noqa: E402
from peerd.learning import FittedTask  # noqa: E402
from peerd.learning.settings import Partition  # noqa: E402
from peerd.learning.task import Arrays  # noqa: E402
from peerd.status.client import get  # noqa: E402

RULE = "weighted-mean"
LOOK = 0.25  # seconds between looks at where the first daemon stands


class Still(FittedTask):
    """Eight numbers that stay as they are."""

    def first(self) -> Arrays:
        return [np.zeros(8, np.float32)]

    def fit(self, arrays: Arrays, partition: Partition, round: int) -> Arrays:
        return arrays

    def evaluate(self, arrays: Arrays, partition: Partition) -> Mapping[str, float]:
        return {"accuracy": 0.0, "loss": 0.0}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="memory and disk of a group that only goes on")
    parser.add_argument("--rounds", type=int, default=300, metavar="N")
    parser.add_argument("--every", type=int, default=50, metavar="K")
    parser.add_argument("--peers", type=int, default=4, metavar="N")
    parser.add_argument("--keep", metavar="R", help="[storage] keep of each daemon")
    parser.add_argument("--out", type=Path, metavar="FILE", help="all lines in one JSON document")
    parser.add_argument(
        "--in",
        dest="folder",
        default="/tmp",
        metavar="DIR",
        help="where the daemons store: a short path, for sockets; on tmpfs none waits for a disk",
    )
    return parser.parse_args()


async def main(args: argparse.Namespace) -> None:
    quiet_logs()
    work = TaskRequest("idle:Still", RULE, {}, {})
    options = SwarmOptions(args.peers, args.rounds, work, (), 1, evaluates=False)
    with tempfile.TemporaryDirectory(prefix="peerd-idle-", dir=args.folder) as name:
        layout = await lay_out(options, Path(name))
        if args.keep is not None:
            keep = args.keep if args.keep.isdecimal() else f'"{args.keep}"'
            for place in layout.places:
                text = place.config.read_text().replace("keep = 128", f"keep = {keep}")
                place.config.write_text(text)
        lines = await watch(args, layout)
    document = {"peers": args.peers, "rounds": args.rounds, "lines": lines, "growth": growth(lines)}
    if args.out is not None:
        args.out.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps({"growth": document["growth"]}))


async def watch(args: argparse.Namespace, layout: Layout) -> list[dict[str, Any]]:
    """A line every so many rounds, until the last one is done."""
    daemons = [Daemon(place) for place in layout.places]
    lines: list[dict[str, Any]] = []
    began, due = time.monotonic(), args.every
    async with trio.open_nursery() as nursery:
        for daemon in daemons:
            nursery.start_soon(daemon.run)
        while due <= args.rounds:
            await trio.sleep(LOOK)
            done = await rounds_done(layout.places[0])
            if done < due:
                continue
            seconds = round(time.monotonic() - began, 1)
            lines.append({"rounds": done, "seconds": seconds, **await measured(daemons)})
            print(json.dumps(lines[-1]), flush=True)
            due = done - done % args.every + args.every
        for daemon in daemons:
            nursery.start_soon(daemon.stop)
    return lines


async def rounds_done(place: Place) -> int:
    from peerd.errors import PeerdError

    try:
        head = (await get(place.socket, "/v1/status")).get("head")
    except PeerdError:
        return 0  # it is starting
    return head + 1 if isinstance(head, int) else 0


async def measured(daemons: Sequence[Daemon]) -> dict[str, Any]:
    pids = [daemon.pid or 0 for daemon in daemons]
    parts = await trio.to_thread.run_sync(partial(map_parts, [d.place for d in daemons]))
    return {
        "rss": [resident_bytes(pid) for pid in pids],
        "worker_rss": [sum(map(resident_bytes, children(pid))) for pid in pids],
        "disk": [sum(part.values()) for part in parts],
        "of_the_first": parts[0],
        "log": [place.log.stat().st_size for place in (d.place for d in daemons)],
    }


def map_parts(places: Sequence[Place]) -> list[dict[str, int]]:
    return [parts(place.data) for place in places]


def parts(data: Path) -> dict[str, int]:
    """Bytes of each thing directly below the data directory."""
    found: dict[str, int] = {}
    for folder, _, names in os.walk(data):
        for name in names:
            path = Path(folder, name)
            try:
                size = path.lstat().st_size
            except FileNotFoundError:
                continue
            top = path.relative_to(data).parts[0]
            found[top] = found.get(top, 0) + size
    return found


def children(pid: int) -> list[int]:
    """Of all generations."""
    try:
        direct = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [each for child in map(int, direct) for each in (child, *children(child))]


def growth(lines: Sequence[dict[str, Any]]) -> dict[str, float] | None:
    """Bytes a round and daemon, in the second half."""
    half = [line for line in lines if 2 * line["rounds"] >= lines[-1]["rounds"]]
    if len(half) < 2:
        return None
    first, last = half[0], half[-1]
    rounds = (last["rounds"] - first["rounds"]) * len(last["rss"])
    return {
        name: round((sum(last[name]) - sum(first[name])) / rounds, 1)
        for name in ("rss", "worker_rss", "disk", "log")
    }


if __name__ == "__main__":
    trio.run(main, arguments())
