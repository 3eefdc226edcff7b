"""What differential privacy costs in accuracy: runs it, and writes the table of docs/privacy.md.

Some five minutes of CPU. Exit code 1 where sites that are all counted on are more than a point
below one curator, which has the same noise. With ``--choose`` it writes nothing, and prints what
other η reach on training rows that are left out: by that they were chosen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from own_tree import ROOT

from peerd.laboratory.experiments.accuracy.choice import Choice, ranked, tried
from peerd.laboratory.experiments.accuracy.compare import (
    COUNTED,
    COURSES,
    STUDENT,
    Piece,
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
    parser.add_argument("--choose", action="store_true", help="other η, on rows left out")
    args = parser.parse_args()
    if args.choose:
        choose(args.processes)
        return 0
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
    results: dict[tuple[str, str, int | None], list[float]] = defaultdict(list)
    for piece, accuracy in zip(todo, played(todo, processes), strict=True):
        results[piece.course.name, piece.arm, piece.epsilon].append(accuracy)
    return results


def choose(processes: int) -> None:
    """What every choice reaches, the best first."""
    choices, todo = zip(*tried(COURSES), strict=True)
    accuracies: dict[Choice, list[float]] = defaultdict(list)
    for choice, accuracy in zip(choices, played(todo, processes), strict=True):
        accuracies[choice].append(accuracy)
    for (course, epsilon, eta), mean in ranked(accuracies):
        print(f"{course}, epsilon {epsilon}: eta {eta}: {100 * mean:.1f}")


def played(todo: Sequence[Piece], processes: int) -> list[float]:
    """The accuracy of each."""
    found = {}
    for index, accuracy in Processes(processes).run(work(todo)):
        found[index] = accuracy
        line = f"{len(found)}/{len(todo)} {todo[index].title}: {accuracy:.4f}"
        print(line, file=sys.stderr, flush=True)
    return [found[index] for index in range(len(todo))]


def write(text: str) -> None:
    """The table between the document's marks."""
    before, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
