"""``peerd open``: what ``--seal`` has sealed, back as it was."""

from __future__ import annotations

import argparse
from pathlib import Path

from peerd.cli.places import check_new_file
from peerd.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, where to, and by which key."""
    parser.add_argument("file", type=Path, metavar="FILE", help="written with --seal")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="new")
    parser.add_argument(
        "--key",
        metavar="SOURCE",
        help="file:/PATH or credential:NAME, where it was no passphrase",
    )


def main(args: argparse.Namespace) -> int:
    """Write what was sealed. VerificationError where it was changed: then there is no file."""
    from peerd.sealing.export import read_sealed
    from peerd.sealing.source import PASSPHRASE, KeySource

    check_new_file("--out", args.out)
    source = KeySource(args.key or PASSPHRASE, of="the file")
    try:
        with args.file.open("rb") as file:
            _check_key(args, file.readline(1 << 16))
            file.seek(0)
            with args.out.open("xb") as out:
                try:
                    written = read_sealed(file, out, source)
                except BaseException:
                    args.out.unlink()
                    raise
    except OSError as error:
        raise ConfigError(f"{error.filename or args.file}: {error.strerror}") from None
    print(f"opened, {written} bytes: {args.out}")
    return 0


def _check_key(args: argparse.Namespace, line: bytes) -> None:
    """ConfigError for a file that a key opens, and none is named: nobody is to type then."""
    from peerd.sealing.export import is_by_passphrase
    from peerd.sealing.locked import is_locked

    if args.key is None and is_locked(line) and not is_by_passphrase(line):
        raise ConfigError(
            f"{args.file} is sealed by a key, and no passphrase", "name it with --key file:/PATH"
        )
