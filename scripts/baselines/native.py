"""NTL: the member's work in C++ (ntl/member.cpp), compiled here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from baselines.missing import HERE, Missing, output

SOURCE = HERE / "ntl" / "member.cpp"
FLAGS = ("-O3", "-march=native", "-std=c++17")
LIBRARIES = ("-lntl", "-lgmp", "-lpthread")
PACKAGES = "apt-get install -y --no-install-recommends g++ libntl-dev"
FIELDS = ("ZZ_p", "zz_p")


def build(directory: Path) -> Path:
    """The program. Raises Missing."""
    program = directory / "member"
    compiler = os.environ.get("CXX", "g++")
    command = [compiler, *FLAGS, "-o", str(program), str(SOURCE), *LIBRARIES]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Missing(f"no {compiler}; on Debian or Ubuntu: {PACKAGES}") from None
    if done.returncode and "NTL/ZZ_p.h" in done.stderr:
        raise Missing(f"no NTL; on Debian or Ubuntu: {PACKAGES}")
    if done.returncode:
        raise Missing(f"{compiler} can't compile {SOURCE.name}: {done.stderr.strip()}")
    return program


def seconds(program: Path, rule: str, field: str, peers: int, parameters: int, theta: int) -> float:
    """CPU seconds of a member's work for one round. Raises Missing."""
    return float(output([str(program), rule, field, str(peers), str(parameters), str(theta)]))
