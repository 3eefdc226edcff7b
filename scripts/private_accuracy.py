"""What differential privacy costs in accuracy: runs it, and writes the table of docs/privacy.md.

Some twenty minutes of CPU. Exit code 1 where sites that are all counted on are more than a point
below one curator, which has the same noise.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

from own_tree import ROOT

from peerd.laboratory.experiments.accuracy.compare import (
    COUNTED,
    COURSES,
    STUDENT,
    Results,
    gaps,
    pieces,
    table,
    work,
)
from peerd.laboratory.pool.processes import Processes, usable_cores

DOCUMENT = ROOT / "docs" / "privacy.md"
BEGIN, END = "<!-- private-accuracy: begin -->", "<!-- private-accuracy: end -->"
POINTS = 1.0


def main() -> int:
    """Run, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, choices=sorted(STUDENT))
    parser.add_argument("--processes", type=int, default=usable_cores(), metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every accuracy here")
    args = parser.parse_args()
    results = run(args.seeds, args.processes)
    if args.json is not None:
        named = {", ".join(map(str, key)): values for key, values in results.items()}
        args.json.write_text(json.dumps(named, indent=1) + "\n", encoding="utf-8")
    write(table(results))
    found = list(gaps(results))
    for name, points in found:
        print(f"{points:+.2f} points below one curator: {name}")
    return int(any(points > POINTS for name, points in found if COUNTED in name))


def run(seeds: int, processes: int) -> Results:
    """All accuracies; the same whatever runs at once."""
    todo = pieces(COURSES, seeds)
    found = {}
    for index, accuracy in Processes(processes).run(work(todo)):
        found[index] = accuracy
        line = f"{len(found)}/{len(todo)} {todo[index].title}: {accuracy:.4f}"
        print(line, file=sys.stderr, flush=True)
    results: dict[tuple[str, str, int | None], list[float]] = defaultdict(list)
    for index, piece in enumerate(todo):
        results[piece.course.name, piece.arm, piece.epsilon].append(found[index])
    return results


def write(text: str) -> None:
    """The table between the document's marks."""
    before, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
