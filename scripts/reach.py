"""Members behind NAT, on an isolated LAN, with IPv6 alone: daemons in namespaces. Needs root.

    .venv/bin/python scripts/reach.py relayed --rounds 10

Exit code 1 when the oracle finds something wrong, a line each on standard error; 2 when
namespaces can't be used here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.network.neighbourhoods import no_translation
from tests.network.reach import STORIES, tell
from tests.network.stage import Command, Say


def played(names: Sequence[str], asked: argparse.Namespace, say: Say) -> Iterable[str]:
    """One group of daemons after another."""
    for name in names:
        yield from trio.run(tell, name, asked.rounds, say, asked.keep)


COMMAND = Command(
    "reach",
    (__doc__ or "").splitlines()[0],
    "story",
    tuple(STORIES),
    no_translation,
    played,
    ("--rounds", 3),
)


if __name__ == "__main__":
    sys.exit(COMMAND.main())
