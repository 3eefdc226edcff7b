"""Four organisations, each in a network namespace of its own, over some years: found, join, rotate,
leave, pause, upgrade, audit, by the documented commands alone. Needs root.

    .venv/bin/python scripts/organisations.py --keep > story.log

Exit code 1 when something is not as the documentation says; 2 when namespaces can't be used here.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.network.four_organisations import ACTS, play
from tests.network.namespaces import unavailable
from tests.network.organisations import Broken
from tests.network.stage import Command, Say


def played(names: Sequence[str], asked: argparse.Namespace, say: Say) -> Iterable[str]:
    """Up to the first thing that is not as it should be."""
    acts = [act for act in ACTS if act is ACTS[0] or act.__name__ in names]
    try:
        play(say, keep=asked.keep, acts=acts)
    except Broken as error:
        yield str(error)


COMMAND = Command(
    "organisations",
    "Four organisations over some years. The first act is always played.",
    "act",
    tuple(act.__name__ for act in ACTS),
    unavailable,
    played,
)


if __name__ == "__main__":
    sys.exit(COMMAND.main())
