"""Explore all states of the agreement's model, beyond the bounds of the tests (docs/formal.md).

python scripts/modelcheck.py --views 3 --outcomes 3
python scripts/modelcheck.py --views 2 1 --outcomes 2           two attempts
python scripts/modelcheck.py --views 2 --honest 4 --liars 0     no liar; crashes and restarts
Exit code 1 if a property is violated, 3 if --most ended the search.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from peerd.laboratory.simulation.modelcheck.explore import Explorer
from peerd.laboratory.simulation.modelcheck.member import Setting


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="model-check agreement, locks, restart, opening")
    parser.add_argument("--views", type=int, nargs="+", default=[3], help="views of each attempt")
    parser.add_argument("--outcomes", type=int, default=2, help='"no cohort" is one of them')
    parser.add_argument("--honest", type=int, default=3)
    parser.add_argument("--liars", type=int, default=1)
    parser.add_argument("--quorum", type=int, default=3)
    parser.add_argument("--learn", action="store_true", help="members take locks without voting")
    parser.add_argument("--most", type=int, help="stop after so many states")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    setting = Setting(
        tuple(given.views),
        given.outcomes,
        given.honest,
        given.liars,
        given.quorum,
        learn=given.learn,
    )
    began = time.process_time()
    report = Explorer(setting).run(given.most)
    seconds = time.process_time() - began
    print(f"{report.states} states, {report.transitions} transitions, {seconds:.1f} CPU seconds")
    for end, states in report.outcomes.items():
        print(f"  {states} states, from which: {end}")
    for title, steps in (("stuck after:", report.stuck_trace), (report.violation, report.trace)):
        if steps:
            print(title, *steps, sep="\n  ")
    if report.violation:
        return 1
    return 0 if report.complete else 3


if __name__ == "__main__":
    raise SystemExit(main())
