"""``peerd audit``: what a third party can check with a transcript and the genesis document."""

from __future__ import annotations

import argparse
from pathlib import Path

from peerd.cli.output import print_json, progress
from peerd.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The transcript, ``--genesis`` and ``--json``."""
    parser.add_argument("transcript", type=Path, help="a round's transcript")
    parser.add_argument(
        "--genesis", type=Path, required=True, metavar="FILE", help="the group's genesis document"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Print what was verified. VerificationError when anything is not as it is claimed,
    ConfigError or GroupError when a file isn't there."""
    from peerd.runner.audit import audit

    if not args.transcript.is_file():  # nobody's claim: a transcript that is wrong is code 9
        raise ConfigError(
            f"there is no file {args.transcript}", "'peerd rounds N --transcript FILE' writes one"
        )
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
