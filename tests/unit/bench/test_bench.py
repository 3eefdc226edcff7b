"""The bench measures real work, on small sizes; no test asserts a time."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from peerd.errors import ConfigError
from peerd.laboratory.bench.cli import ROLES
from peerd.laboratory.bench.dealer import DealerWork
from peerd.laboratory.bench.measure import ROLES as MEASURED
from peerd.laboratory.bench.measure import run
from peerd.laboratory.bench.member import MemberWork
from peerd.laboratory.bench.meter import Meter
from peerd.laboratory.bench.opening import OpenWork
from peerd.laboratory.bench.scene import Scene
from protocols.aggregation import AGGREGATORS
from tests.patience import HANG

KEYS = {"role", "aggregator", "peers", "params", "plan", "cpu_seconds", "wall_seconds"} | {
    *("peak_bytes", "bytes_in", "bytes_out", "phases", "first_cpu_seconds")
}
PHASES = {
    "member": {"decode", "signatures", "check", "sum"},
    "dealer": {"encode", "deal", "frames"},
    "open": {"decode", "signatures", "word roots", "open", "result"},
}


def scene() -> Scene:
    return Scene.create("rsa", 10, 500, Fraction(1, 10))


@pytest.mark.parametrize("role", ROLES)
def test_a_measurement(role: str) -> None:
    measured = run(role, "rsa", 10, 500, Fraction(1, 10))
    assert measured.keys() == KEYS
    phases = measured["phases"]
    assert isinstance(phases, dict)
    assert phases.keys() == PHASES[role]
    assert measured["cpu_seconds"] == sum(spent["cpu_seconds"] for spent in phases.values())
    assert isinstance(measured["peak_bytes"], int)
    assert measured["peak_bytes"] > 0


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("rule", sorted(set(AGGREGATORS) - {"rsa"}))
def test_a_measurement_of_every_rule(role: str, rule: str) -> None:
    """Each run ends in RuntimeError unless what was dealt is accepted, and opened right."""
    measured = run(role, rule, 10, 40, Fraction(1, 10))
    assert measured["aggregator"] == rule


def test_the_command_knows_every_role() -> None:
    assert ROLES == MEASURED


def test_a_member_that_gets_a_bad_dealing_does_not_report_a_time() -> None:
    work = MemberWork(scene())
    work.frames[3] = work.frames[3][:-1] + bytes([work.frames[3][-1] ^ 1])
    with pytest.raises(RuntimeError, match="failed its check"):
        work.run(Meter())


def test_an_opening_that_is_wrong_does_not_report_a_time() -> None:
    work = OpenWork(scene())
    work._expected[0] += 1
    with pytest.raises(RuntimeError, match="plain sum"):
        work.run(Meter())


def test_what_a_dealer_sends_is_what_members_get() -> None:
    at = scene()
    sent = DealerWork(at).run(Meter())
    received = MemberWork(at)
    vector_members = at.plan.committee - at.plan.threshold
    assert sent > received.bytes_in / at.peers * vector_members


@pytest.mark.parametrize(
    ("role", "rule", "peers", "params", "message"),
    [
        ("clerk", "rsa", 10, 5, "no role 'clerk'"),
        ("member", "median", 10, 5, "--aggregator: there is no aggregator 'median'"),
        ("member", "rsa", 2, 5, "--peers, --adversary: a group has 4 to 5000 peers"),
        ("member", "rsa", 10, 0, "--params 0"),
        ("member", "rsa", 10, 10**9, "--params"),
    ],
)
def test_what_can_not_be_measured(
    role: str, rule: str, peers: int, params: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(role, rule, peers, params, Fraction(1, 10))


def test_a_rule_that_does_not_fit_the_model_is_not_measured() -> None:
    with pytest.raises(ConfigError, match="--aggregator, --params: theta = 24 is too fine"):
        run("member", "centered-clipping-l2", 10, 9_000, Fraction(1, 10), {"theta": 24})


def test_the_command_prints_one_document(tmp_path: Path) -> None:
    """Without the thread variables it starts itself again with them, wherever one stands.

    A directory that is called peerd, such as a clone, is a package to ``python -m`` beside it.
    """
    (tmp_path / "peerd").mkdir()
    command = [sys.executable, "-P", "-m", "peerd.cli.main", "bench", "dealer", "--peers", "10"]
    done = subprocess.run(
        [*command, "--params", "100", "--json"],
        capture_output=True,
        env={"PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        text=True,
        check=True,
        timeout=HANG,
    )
    assert json.loads(done.stdout).keys() == KEYS
    (tmp_path / "rule.toml").write_text('aggregator = "centered-clipping"\n')
    rule = ["--aggregator", "rule.toml", "--constant", "theta=4", "--params", "40", "--json"]
    done = subprocess.run(
        [*command, *rule], capture_output=True, cwd=tmp_path, text=True, check=True, timeout=HANG
    )
    assert json.loads(done.stdout)["aggregator"] == "centered-clipping"
    failed = subprocess.run(
        [*command, "--adversary", "much"], capture_output=True, text=True, check=False, timeout=HANG
    )
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.count("\n") == 1
    assert "'much' is not a number" in failed.stderr
