"""``peerd audit``: what a third party can check with a transcript and the genesis document."""

from __future__ import annotations

import argparse
from pathlib import Path

from peerd.cli.output import print_json, progress
from peerd.errors import VerificationError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The transcript, ``--genesis`` and ``--json``."""
    parser.add_argument("transcript", type=Path, help="a round's transcript")
    parser.add_argument(
        "--genesis", type=Path, required=True, metavar="FILE", help="the group's genesis document"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Print what was verified. VerificationError when anything is not as it is claimed."""
    from peerd.runner.audit import audit

    for path in (args.transcript, args.genesis):
        if not path.is_file():
            raise VerificationError(f"there is no file {path}", "name a transcript and a genesis")
    with progress("verifying"):
        findings = audit(args.transcript, args.genesis)
    if args.json:
        print_json(findings)
    else:
        for name, value in findings.items():
            print(f"{name}: {_shown(value)}")
    return 0


def _shown(value: object) -> str:
    if isinstance(value, list):
        return "none" if not value else "\n  " + "\n  ".join(map(_shown, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    return str(value)
