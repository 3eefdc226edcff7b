"""Members behind NAT, on an isolated LAN, with IPv6 alone: daemons in namespaces. Needs root.

    .venv/bin/python scripts/reach.py relayed --rounds 10

Exit code 1 when the oracle finds something wrong, a line each on standard error; 2 when
namespaces can't be used here.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import trio

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.network.neighbourhoods import no_translation
from tests.network.reach import STORIES, tell


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("story", nargs="*", help=f"of {', '.join(STORIES)}; default: all")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--keep", action="store_true", help="keep logs, keys and stores")
    asked = parser.parse_args()
    for name in asked.story:
        if name not in STORIES:
            parser.error(f"no story {name!r}; there are {', '.join(STORIES)}")
    if reason := no_translation():
        print(f"reach: {reason}", file=sys.stderr)
        return 2
    wrong = []
    for name in asked.story or STORIES:
        wrong += trio.run(tell, name, asked.rounds, partial(print, flush=True), asked.keep)
    for line in wrong:
        print(f"reach: broken: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
