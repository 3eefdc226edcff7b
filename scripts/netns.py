"""Play network scenarios on this machine: daemons in namespaces of their own. Needs root.

    .venv/bin/python scripts/netns.py halves one-away --seed 3

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

from tests.network.namespaces import unavailable
from tests.network.scenarios import SCENARIOS
from tests.network.stage import Command, Say
from tests.network.story import play


def played(names: Sequence[str], asked: argparse.Namespace, say: Say) -> Iterable[str]:
    """All of them in one group of daemons."""
    return trio.run(play, names, asked.seed, say, asked.keep)


COMMAND = Command(
    "netns",
    (__doc__ or "").splitlines()[0],
    "scenario",
    tuple(SCENARIOS),
    unavailable,
    played,
    ("--seed", 1),
)


if __name__ == "__main__":
    sys.exit(COMMAND.main())
