"""``peerd version``."""

from __future__ import annotations

import argparse
import platform

import peerd
from peerd.cli.output import print_json
from peerd.extras import EXTRAS
from peerd.requirements import PACKAGES, installed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Print the versions."""
    found = versions()
    if args.json:
        print_json(found)
    else:
        print("\n".join(f"{name} {number or _missing(name)}" for name, number in found.items()))
    return 0


def versions() -> dict[str, str | None]:
    """Versions of peerd, Python and the packages, the extras' too; None for one that is not
    installed.
    """
    names = [*PACKAGES, *(package for package, _ in EXTRAS.values())]
    found: dict[str, str | None] = {
        "peerd": peerd.__version__,
        "python": platform.python_version(),
    }
    return found | {name: installed(name) for name in names}


def _missing(name: str) -> str:
    extra = dict(EXTRAS.values()).get(name)
    return "is not installed" if extra is None else f"is not installed (peerd[{extra}])"
