"""Runs configs/lab/table.toml and writes its table into docs/laboratory.md: make lab-table.

Goes on where an interrupted run stopped. Exit code 1 when a claim of the document does not hold.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from own_tree import ROOT

from peerd.cli.main import main as peerd
from peerd.laboratory.experiments.report.groups import (
    CellResult,
    attack_label,
    is_clear,
    rule_label,
    select,
)
from peerd.laboratory.experiments.report.tables import as_markdown, rule_by_attack
from peerd.laboratory.experiments.results import Directory, final

CONFIG = ROOT / "configs" / "lab" / "table.toml"
DOCUMENT = ROOT / "docs" / "laboratory.md"
BEGIN, END = "<!-- lab-table: begin -->", "<!-- lab-table: end -->"
PAPER = ("bit-flip", "label-flip", "ipm", "alie")
POINTS = 0.03


def main() -> int:
    """Run, write, judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "lab-out" / "table")
    args = parser.parse_args()
    command = ["lab", "run", str(CONFIG), "--out", str(args.out)]
    if (code := peerd(command)) != 0:
        return code
    cells = Directory(args.out).finished()
    write(cells)
    broken = claims(cells)
    print("\n".join(broken or ["every claim of docs/laboratory.md holds"]))
    return 1 if broken else 0


def write(cells: Sequence[CellResult]) -> None:
    """The table between the document's marks."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    table = as_markdown(rule_by_attack(cells, final, exact=True))
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def claims(cells: Sequence[CellResult]) -> list[str]:
    """What the document claims and the numbers deny, in English; empty when all of it holds.

    Under each of the paper's attacks every rule that a group can choose is within 3 points of its
    version in floats; and under each attack some such rule is within 3 points of itself without
    any attack.
    """
    broken = []
    means = accuracies(cells)
    lifted = sorted({rule_label(cell) for cell in cells if not is_clear(cell)})
    for attack in PAPER:
        for rule in lifted:
            gap = abs(means[rule, attack] - means[f"{rule}, clear", attack])
            if gap > POINTS:
                broken.append(f"{rule} is {100 * gap:.1f} points from floats under {attack}")
    for attack in sorted({attack_label(cell) for cell in cells}):
        if all(means[rule, attack] < means[rule, "none"] - POINTS for rule in lifted):
            broken.append(f"no rule is within 3 points of its attack-free run under {attack}")
    return broken


def accuracies(cells: Sequence[CellResult]) -> Mapping[tuple[str, str], float]:
    """By rule and attack: the mean over seeds of the accuracy after the last round."""
    keys = {(rule_label(cell), attack_label(cell)) for cell in cells}
    return {key: fmean(final(cell) for cell in select(cells, *key)) for key in keys}


if __name__ == "__main__":
    sys.exit(main())
