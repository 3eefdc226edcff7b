"""Play network scenarios on this machine: daemons in namespaces of their own. Needs root.

    .venv/bin/python scripts/netns.py halves one-away --seed 3

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

from tests.network.namespaces import unavailable
from tests.network.scenarios import SCENARIOS
from tests.network.story import play


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}; default: all")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--keep", action="store_true", help="keep logs, keys and stores")
    asked = parser.parse_args()
    for name in asked.scenario:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
    reason = unavailable()
    if reason:
        print(f"netns: {reason}", file=sys.stderr)
        return 2
    say = partial(print, flush=True)
    wrong = trio.run(play, asked.scenario or list(SCENARIOS), asked.seed, say, asked.keep)
    for line in wrong:
        print(f"netns: broken: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
