"""``--seal``: what a command writes goes into its file sealed, and never plain to a disk."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from peerd.sealing import KeySource

LIKE = "passphrase, file:/PATH or credential:NAME"


def add_seal_argument(parser: argparse.ArgumentParser) -> None:
    """Of a command that writes a file."""
    parser.add_argument(
        "--seal",
        metavar="SOURCE",
        help=f"seal the file, for 'peerd open', by {LIKE}, as [storage] has its key",
    )


def source_of(args: argparse.Namespace) -> KeySource | None:
    """What ``--seal`` names; None where it is not said. A new passphrase is asked for twice, ahead
    of the work. ConfigError, StorageError.
    """
    from peerd.sealing.source import KeySource

    if args.seal is None:
        return None
    found = KeySource(args.seal, of="the file")
    found.ask_twice()
    return found


@contextmanager
def sealing(file: BinaryIO, source: KeySource | None) -> Iterator[BinaryIO]:
    """What is written to it goes to ``file``: sealed, where there is a ``source``."""
    if source is None:
        yield file
        return
    from peerd.sealing.export import write_sealed

    buffer = io.BytesIO()
    yield buffer
    write_sealed(file, buffer.getbuffer(), source)


def sealed(content: bytes, source: KeySource | None) -> bytes:
    """As it goes into the file."""
    file = io.BytesIO()
    with sealing(file, source) as out:
        out.write(content)
    return file.getvalue()
