"""Who does a command's work in pieces: processes of this machine, or a cluster's workers."""

from __future__ import annotations

import argparse
import signal
from typing import TYPE_CHECKING

from peerd.errors import ConfigError

if TYPE_CHECKING:
    from peerd.laboratory.pool.work import Pool

MAX_PROCESSES = 1024


def add_pool(parser: argparse.ArgumentParser) -> None:
    """``--processes`` or ``--cluster``."""
    who = parser.add_mutually_exclusive_group()
    who.add_argument(
        "--processes", type=int, metavar="N", help="at once; default: one a core that may be used"
    )
    who.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="of a Dask scheduler in a trusted network, such as tcp://10.0.0.7:8786: its workers do"
        " the work, with the same results",
    )
    who.add_argument("--jobs", dest="processes", type=int, help=argparse.SUPPRESS)  # until 0.2.0


def check_pool(args: argparse.Namespace) -> None:
    """ConfigError for a number of processes that can't be."""
    if args.processes is not None and not 1 <= args.processes <= MAX_PROCESSES:
        raise ConfigError(f"--processes is {args.processes}; it can be 1 to {MAX_PROCESSES}")


def pool_of(args: argparse.Namespace) -> Pool:
    """As asked for. From now on ``heed_sigterm`` holds."""
    from peerd.laboratory.pool.cluster import Cluster
    from peerd.laboratory.pool.processes import Processes, usable_cores

    check_pool(args)
    heed_sigterm()
    if args.cluster is not None:
        return Cluster(args.cluster)
    return Processes(args.processes or usable_cores())


def heed_sigterm() -> None:
    """SIGTERM ends a run, and all of its processes, as Ctrl-C does: with what it has so far."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
