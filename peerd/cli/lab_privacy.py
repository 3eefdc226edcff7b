"""``peerd lab privacy``: attacks on privacy, measured on digits."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from peerd.cli.output import table
from peerd.cli.places import check_file
from peerd.errors import ConfigError

MAX_SEED = 1 << 31
EPILOG = """\
exit code 1 where a result contradicts docs/privacy-attacks.md: a protected case beyond chance, or a
planted leak that the attack misses
"""


def add_privacy(commands: Any) -> None:
    """``privacy`` among the verbs of ``peerd lab``."""
    add_arguments(commands.add_parser("privacy", help="measure what attacks on privacy find"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to write, the seed, and how much."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers here")
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument(
        "--aggregator",
        action="append",
        metavar="NAME",
        help="attack this rule's dealings, and nothing else; may be repeated; default: all rules,"
        " and what else is measured",
    )
    parser.add_argument("--quick", action="store_true", help="a few of everything, a minute or two")
    parser.set_defaults(run_lab=main)


def main(args: argparse.Namespace) -> int:
    """Measure, print the tables; 1 where the results contradict what the documents say."""
    if not 0 <= args.seed < MAX_SEED:
        raise ConfigError(f"--seed is {args.seed}; it can be 0 to {MAX_SEED - 1}")
    check_file("--json", args.json)
    from peerd.laboratory.experiments.privacy.dealt import DEALT
    from peerd.laboratory.experiments.privacy.report import QUICK, Size, broken, measure

    rules = list(dict.fromkeys(args.aggregator or DEALT))
    if unknown := [name for name in rules if name not in DEALT]:
        raise ConfigError(
            f"--aggregator {unknown[0]} is not attacked", f"known: {', '.join(DEALT)}"
        )
    document = measure(args.seed, QUICK if args.quick else Size(), _tell, rules)
    if args.json is not None:
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
        args.json.write_text(text, encoding="utf-8")
    print("\n\n".join(_tables(document)))
    wrong = broken(document)
    for line in wrong:
        print(f"contradicted: {line}", file=sys.stderr)
    return 1 if wrong else 0


def _tables(document: dict[str, Any]) -> list[str]:
    found = [
        _inversion(document["gradient_inversion"]),
        table(
            ["a guess among ten", "seats", "leak", "games", "named"],
            [[r["rule"], r["seats"], r["leak"], r["games"], _share(r["named"])]
             for r in document["confirmation"]],
        ),
    ]  # fmt: skip
    if "membership" not in document:
        return found
    return [
        *found,
        table(
            ["membership", "attack", "auc", "tpr at 1 % fpr"],
            [[r["course"], name, _share(r[key]["auc"]), _share(r[key]["tpr_at_1_percent_fpr"])]
             for r in document["membership"]
             for name, key in (("loss", "loss_threshold"), ("LiRA", "lira"))],
        ),
        _outsider(document["outsider"]),
        _inversion(document["noised_inversion"]),
        _canaries(document["canaries"]),
    ]  # fmt: skip


def _inversion(rows: list[dict[str, Any]]) -> str:
    header = ["rule", "case", "dealers", "images", "attack", "likeness", "unrelated", "identified"]
    lines = [
        [row["rule"], row["case"], row["honest"], row["samples"], found["method"]]
        + [_share(found[name]) for name in ("likeness", "unrelated", "identified")]
        + [f"{found['psnr']['mean']:.1f}", f"{found['ssim']['mean']:.2f}", _share(row["label"])]
        for row in rows
        for found in row["attacks"]
    ]
    return table([*header, "psnr", "ssim", "label"], lines)


def _canaries(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        about = [row["epsilon"], "a tenth" if row["withheld"] else "whole", row["rate"]]
        wrong = [f"{row['missed']}/{row['with']}", f"{row['false']}/{row['without']}"]
        lines.append([*about, row["rounds"], _share(row["auc"]), *wrong, f"{row['at_least']:.2f}"])
    header = ["canaries: epsilon", "noise", "rate", "rounds", "auc", "missed", "false"]
    return table([*header, "epsilon at least"], lines)


def _outsider(found: dict[str, Any]) -> str:
    lines = []
    for seen in (group[name] for group in found["groups"] for name in ("sound", "planted")):
        accuracy = [f"{seen['accuracy'][who]:.3f}" for who in ("first model", "outsider", "group")]
        confirmed = f"{seen['models_confirmed']}/{seen['rounds']}"
        like = _share(seen["likeness_of_the_sum"])
        lines.append([seen["rule"], seen["leak"], like, confirmed, *accuracy])
    header = ["outsider: rule", "leak", "likeness of the sum", "models confirmed"]
    return table([*header, "accuracy: first", "outsider", "group"], lines)


def _share(estimate: dict[str, float]) -> str:
    return f"{estimate['mean']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"


def _tell(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
