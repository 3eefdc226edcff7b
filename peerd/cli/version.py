"""``peerd version``."""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import PackageNotFoundError, version

import peerd
from peerd.cli.output import print_json

PACKAGES = ("libp2p", "trio", "numpy", "torch", "PyNaCl", "msgpack", "h11")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Print the versions."""
    found = versions()
    if args.json:
        print_json(found)
    else:
        print("\n".join(f"{name} {number or 'is not installed'}" for name, number in found.items()))
    return 0


def versions() -> dict[str, str | None]:
    """Versions of peerd, Python and the packages; None for one that is not installed."""
    found: dict[str, str | None] = {
        "peerd": peerd.__version__,
        "python": platform.python_version(),
    }
    return found | {name: _installed(name) for name in PACKAGES}


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
