"""MPyC: the member's work by parties that are processes on loopback (party/member.py)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from baselines.missing import HERE, output

PROGRAM = HERE / "party" / "member.py"


def seconds(python: Path, peers: int, parameters: int, parties: int) -> float:
    """CPU seconds of one party for one round of RSA. Raises Missing."""
    command = [str(python), str(PROGRAM), str(peers), str(parameters)]
    command += ["-M", str(parties), "-B", str(free_ports(parties)), "--no-log"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return float(output(command, environment))


def free_ports(count: int) -> int:
    """The first of so many in a row that nobody listens on now."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            if port + count <= 65_535 and all(map(_free, range(port + 1, port + count))):
                return port


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
