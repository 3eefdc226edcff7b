"""A daemon that counts: ``python -m peerd.laboratory.bench.counted --counts FILE``.

``peerd run`` with the calls counted that cost whatever the machine: frames, writes on sockets, and
work handed to threads. They are hooked from outside, so that no daemon pays for it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import trio

from peerd.cli.daemon import add_config_argument, load_config
from peerd.cli.failure import explain
from peerd.laboratory.bench.hooks import Method, wrap
from peerd.runner.daemon import run
from peerd.runner.teller import Teller
from peerd.transport.repairs.sockets import ExactStream
from peerd.transport.transport import Transport
from protocols.record.effects import Completed
from protocols.wire.frames import FRAMES, StatementFrame, decode_frame
from protocols.wire.statement import decode_statement


class Counts:
    """Of the round that goes on; a line of JSON for each in ``file``.

    CPU is counted from the start, in seconds: the daemon's, and its workers' where /proc tells.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.writes = self.bytes_sent = self.hops = 0
        self.frames: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self._frame, self._kind = b"", ""

    def sent(self, group: bytes, frame: bytes) -> None:
        """A frame for one peer."""
        if frame is not self._frame:  # as the same one goes to many
            self._frame, self._kind = frame, kind_of(group, frame)
        kind = self._kind
        self.frames[kind] += 1
        self.bytes[kind] += len(frame)

    def over(self, round_: int) -> None:
        """A round is."""
        kinds = {
            kind: {"frames": self.frames[kind], "bytes": self.bytes[kind]}
            for kind in sorted(self.frames)
        }
        line = {
            "round": round_,
            "writes": self.writes,
            "bytes_sent": self.bytes_sent,
            "thread_hops": self.hops,
            "messages": kinds,
            "cpu_seconds": time.process_time(),
            "worker_cpu_seconds": children_cpu(),
            "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        }
        print(json.dumps(line), file=self._file, flush=True)
        self.writes = self.bytes_sent = self.hops = 0
        self.frames.clear()
        self.bytes.clear()


def kind_of(group: bytes, frame: bytes) -> str:
    """``dealing``, ``sum``, …; of a frame that holds one statement that statement's: ``report``."""
    kind = FRAMES[frame[2]]  # behind a list's mark and the version
    if kind is not StatementFrame:
        return kind.__name__.removesuffix("Frame").lower()
    held = decode_frame(frame)
    assert isinstance(held, StatementFrame)
    return decode_statement(held.statement, group).slot.kind.name.lower().replace("_", " ")


def children_cpu() -> float | None:
    """Seconds that this process's children, which are its training workers, have computed."""
    ticks = 0
    try:
        for listed in Path("/proc/self/task").glob("*/children"):
            for child in listed.read_text("ascii").split():
                _, _, fields = (
                    Path(f"/proc/{child}/stat").read_text("ascii", "replace").rpartition(")")
                )
                ticks += sum(map(int, fields.split()[11:13]))  # utime, stime
    except (OSError, ValueError):
        return None
    return ticks / os.sysconf("SC_CLK_TCK")


def hook(counts: Counts) -> None:
    """From here on everything in this process is counted."""

    def sends(send: Method) -> Method:
        def counted(self: Transport, peer: bytes, frame: bytes) -> None:
            counts.sent(self.group, frame)
            send(self, peer, frame)

        return counted

    def writes(send: Method) -> Method:
        def counted(self: ExactStream, data: bytes) -> int:
            sent: int = send(self, data)
            counts.writes += 1
            counts.bytes_sent += sent
            return sent

        return counted

    def hops(in_thread: Method) -> Method:
        async def counted(work: Callable[..., Any], *args: Any, **how: Any) -> Any:
            counts.hops += 1
            return await in_thread(work, *args, **how)

        return counted

    def rounds(completed: Method) -> Method:
        def counted(self: Teller, effect: Completed, *rest: Any) -> None:
            counts.over(effect.round)
            completed(self, effect, *rest)

        return counted

    wrap(Transport, "send", sends)
    wrap(ExactStream, "send_now", writes)
    wrap(trio.to_thread, "run_sync", hops)
    wrap(Teller, "completed", rounds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit codes of ``peerd run``."""
    parser = argparse.ArgumentParser(description="Run a daemon that counts, in a measurement.")
    add_config_argument(parser)
    parser.add_argument("--counts", required=True, type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    try:
        with args.counts.open("w", encoding="utf-8") as file:
            hook(Counts(file))
            return run(load_config(args), file=args.config)
    except (Exception, BaseExceptionGroup) as error:
        line, code = explain(error)
        print(f"peerd: error: {line}", file=sys.stderr)
        return code


if __name__ == "__main__":
    sys.exit(main())
