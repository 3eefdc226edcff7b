"""``peerd audit``: what a third party can check of a group's history, offline."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.output import print_json, progress
from peerd.cli.places import check_file
from peerd.cli.seal import add_seal_argument, sealed, source_of
from peerd.errors import ConfigError, VerificationError

if TYPE_CHECKING:
    from peerd.audit.history import History
    from peerd.sealing import KeySource

FORMS = (".html", ".txt", ".json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The places, ``--genesis``, ``--report`` and ``--json``."""
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="a peer's directory, a folder of files, a daemon's status socket; or transcripts, "
        "genesis documents, evidence, certificates, exported models",
    )
    parser.add_argument(
        "--genesis",
        metavar="FILE|HASH",
        help="the genesis that the history starts from, or its group id (64 digits): the one thing "
        "that must come from somebody whom the auditor trusts. (Without: the one that is found)",
    )
    parser.add_argument(
        "--report",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="write the report to FILE.html, FILE.txt or FILE.json; may be said again",
    )
    add_seal_argument(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Print and write what was found. VerificationError for the first lie, ConfigError or
    GroupError where there is nothing to verify, or no genesis to verify it by.
    """
    from peerd.audit.document import document

    for path in args.report:
        if path.suffix.lower() not in FORMS:
            raise ConfigError(
                f"--report {path}: the name says no form", f"end it in {', '.join(FORMS)}"
            )
        check_file("--report", path)
    seal = source_of(args)
    with progress("verifying"):
        history, group = _verified(args)
        found = document(history)
    for path in args.report:
        _write(path, found, seal)
    if args.json:
        print_json(found)
    else:
        from peerd.audit.text import report

        print(report(found, whole=False))
    if history.first_lie is not None:
        raise VerificationError(
            str(history.first_lie), f"this does not prove what it claims to the group of {group}"
        )
    return 0


def _verified(args: argparse.Namespace) -> tuple[History, str]:
    """What was found, and what the group is known by."""
    from peerd.audit.genesis import found_genesis, given_genesis
    from peerd.audit.history import History, verify
    from peerd.audit.places import read_places

    for path in args.paths:
        if not path.exists():
            raise ConfigError(
                f"there is no file {path}", "'peerd rounds N --transcript FILE' writes a transcript"
            )
    first = given_genesis(args.genesis)
    material = read_places(args.paths, genesis_given=first is not None)
    if first is None:
        first = found_genesis(args.genesis, material)
    if first is None:
        return History([], whole=True, lies=material.lies), args.genesis or "that genesis"
    history = verify(material, first)
    history.genesis_given = args.genesis is not None
    return history, args.genesis or f"{first.group_id.hex()[:16]}…"


def _write(path: Path, found: dict[str, Any], seal: KeySource | None) -> None:
    from peerd.audit.page import page
    from peerd.audit.text import report

    form = path.suffix.lower()
    if form == ".html":
        text = page(found)
    elif form == ".txt":
        text = report(found, whole=True) + "\n"
    else:
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        path.write_bytes(sealed(text.encode(), seal))
    except OSError as error:
        raise ConfigError(
            f"--report {path}: can't write: {error.strerror}", "name another place"
        ) from None
