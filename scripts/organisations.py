"""Four organisations, each in a network namespace of its own, over some years: found, join, rotate,
leave, pause, upgrade, audit, by the documented commands alone. Needs root.

    .venv/bin/python scripts/organisations.py --keep > story.log

Exit code 1 when something is not as the documentation says; 2 when namespaces can't be used here.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.network.four_organisations import ACTS, play
from tests.network.namespaces import unavailable
from tests.network.organisations import Broken


def main() -> int:
    """The exit code."""
    acts = {act.__name__: act for act in ACTS}
    parser = argparse.ArgumentParser(description="Four organisations over some years.")
    parser.add_argument(
        "act",
        nargs="*",
        help=f"of {', '.join(acts)}; the first is always played; default: all",
    )
    parser.add_argument("--keep", action="store_true", help="keep folders, keys and logs")
    asked = parser.parse_args()
    for name in asked.act:
        if name not in acts:
            parser.error(f"no act {name!r}; there are {', '.join(acts)}")
    reason = unavailable()
    if reason:
        print(f"organisations: {reason}", file=sys.stderr)
        return 2
    wanted = [act for act in ACTS if not asked.act or act is ACTS[0] or act.__name__ in asked.act]
    try:
        play(partial(print, flush=True), keep=asked.keep, acts=wanted)
    except Broken as error:
        print(f"organisations: broken: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
