"""A daemon that counts and keeps what it sends: ``… bench.keeping --frames FILE --counts FILE``.

An entry of the file is 32 bytes, a length (4 bytes) and that many bytes: for a frame the
recipient's key; for a round that is over ``OVER``, and the certificate.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from peerd.laboratory.bench import counted
from peerd.laboratory.bench.hooks import Method, wrap
from peerd.runner.teller import Teller
from peerd.transport.transport import Transport
from protocols.record.effects import Completed

ENTRY = struct.Struct("!32sI")
OVER = bytes(32)


def entries(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """What was kept, in order, one at a time."""
    with path.open("rb") as file:
        while head := file.read(ENTRY.size):
            to, size = ENTRY.unpack(head)
            yield to, file.read(size)


def hook(file: BinaryIO) -> None:
    """From here on all frames of this process are kept."""

    def keep(to: bytes, data: bytes) -> None:
        file.write(ENTRY.pack(to, len(data)) + data)

    def sends(send: Method) -> Method:
        def kept(self: Transport, peer: bytes, frame: bytes) -> None:
            keep(peer, frame)
            send(self, peer, frame)

        return kept

    def rounds(completed: Method) -> Method:
        def kept(self: Teller, effect: Completed, *rest: object) -> None:
            keep(OVER, effect.certificate)
            completed(self, effect, *rest)

        return kept

    wrap(Transport, "send", sends)
    wrap(Teller, "completed", rounds)


def main() -> int:
    """The exit codes of ``peerd run``."""
    parser = argparse.ArgumentParser(description="Run a daemon that keeps what it sends.")
    parser.add_argument("--frames", required=True, type=Path, metavar="FILE")
    args, rest = parser.parse_known_args()
    with args.frames.open("wb") as file:
        hook(file)
        return counted.main(rest)


if __name__ == "__main__":
    sys.exit(main())
