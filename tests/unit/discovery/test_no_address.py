"""A peer that publishes no address says so: in the log, in the status, and to the doctor."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from peerd.discovery.own_addresses import NOWHERE, NoAddress
from tests.patience import HANG

ALONE = ["unshare", "--map-root-user", "--net"]


def test_it_is_told_once_and_so_is_its_end() -> None:
    told: list[Sequence[str]] = []
    watch = NoAddress()
    watch.warn = told.append
    with capture_logs() as logs:
        for addresses in (("/ip4/10.0.0.1/tcp/1",), (), (), ("/ip4/10.0.0.2/tcp/1",)):
            watch.saw(addresses)
    assert told == [[NOWHERE], []]
    assert [each["log_level"] for each in logs] == ["warning", "info"]


def doctor(where: Path) -> dict[str, str]:
    """The line about addresses on a machine without any network."""
    done = subprocess.run(
        [*ALONE, sys.executable, "-m", "peerd", "doctor", "--json", "--config", "peer/peerd.toml"],
        cwd=where,
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    checks = json.loads(done.stdout)["checks"]
    return {each["check"]: each for each in checks}["reach"]


@pytest.mark.skipif(
    subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode != 0,
    reason="this user can't make a network namespace",
)
def test_the_doctor_says_what_to_set(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "peerd", "init", str(tmp_path / "peer")], check=True, timeout=HANG
    )
    assert doctor(tmp_path) == {"check": "reach", "level": "warning", "message": NOWHERE}
    file = tmp_path / "peer" / "peerd.toml"
    announced = '\nannounce = ["/ip4/192.0.2.7/tcp/4001"]\n\n[task]'
    file.write_text(file.read_text().replace("\n[task]", announced, 1))
    assert doctor(tmp_path)["message"].endswith(" /ip4/192.0.2.7/tcp/4001")
