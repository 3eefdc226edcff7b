"""``python -m peerd.laboratory.pool.child FD`` does the piece that comes through FD."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from peerd.laboratory.pool.work import answer_of


def main() -> None:
    """As the process of a worker (peerd/laboratory/pool/remote.py)."""
    worker = Connection(int(sys.argv[1]))
    function, item = pickle.loads(worker.recv_bytes())
    threading.Thread(target=_end_with, args=(worker,), daemon=True).start()
    worker.send(answer_of(function, item))


def _end_with(worker: Connection) -> None:
    """The worker says nothing more: what can be read is its end, after which nobody waits."""
    with suppress(EOFError, OSError):
        worker.recv_bytes()
    os._exit(1)


if __name__ == "__main__":
    main()
