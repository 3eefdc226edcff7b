"""What is made of the baselines' numbers, and what is said where one is missing."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import load_script

load_script("performance")
from baselines import comparison, flower, missing, multiparty, native  # noqa: E402
from baselines.page import beside  # noqa: E402

COSTS = {"wall_seconds": 2.0, "cpu_seconds": 0.5, "bytes_sent": 1000}


def bench(role: str, peers: int, params: int, *words: str) -> dict[str, Any]:
    """In the form of ``peerd bench``."""
    if role == "round":
        costs = {"wall_seconds": 2.0, "cpu_seconds_daemon": 0.5, "cpu_seconds_worker": None}
        return {**costs, "bytes_sent": 1000}
    return {"cpu_seconds": 0.5, "phases": {"signatures": {"cpu_seconds": 0.1}}}


def test_a_ratio_is_a_line_with_a_plain_number() -> None:
    for value, printed in (
        (1234.5678, "1230"),
        (180.4, "180"),
        (0.9, "0.9"),
        (1.0, "1"),
        (0.000_012_345, "0.0000123"),
    ):
        line = comparison.line("round-20-over-secagg", value)
        assert line == f"ratio round-20-over-secagg {printed}"
        assert float(line.split()[2]) == pytest.approx(value, rel=0.005)


def test_a_ratio_divides_the_first_by_the_second() -> None:
    half = {name: value / 2 for name, value in COSTS.items()}
    members = [{"rule": "rsa", "cpu_seconds": {"member": 1, "member-signed": 2, "ntl-ZZ_p": 8}}]
    rounds = [{"peers": 20, "round": half, "secagg": COSTS, "fedavg": half}]
    found = dict(comparison.ratios(members, rounds))
    assert found == {
        **{f"{cost}-20-over-secagg": 0.5 for cost in ("round", "cpu", "sent")},
        **{f"{cost}-20-over-fedavg": 1 for cost in ("round", "cpu", "sent")},
        "ntl-ZZ_p-over-member-rsa": 8,
        "ntl-ZZ_p-over-member-rsa-signed": 4,
    }


def test_what_is_missing_is_named_and_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any
) -> None:
    monkeypatch.setattr(missing, "PYTHON", tmp_path / "none/bin/python")
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = comparison.compare(bench)
    assert (found["rounds"], found["ratios"]) == ([], {})
    assert [work["cpu_seconds"] for work in found["members"]] == [
        {"member": 0.4, "member-signed": 0.5}
    ] * 3
    said = capsys.readouterr()
    assert said.out == ""
    for name, what in (
        ("NTL", "no no-such-compiler; on Debian or Ubuntu: apt-get install"),
        ("MPyC", "no mpyc in none: run scripts/baselines/install.sh .venv-baselines"),
        ("Flower", "no flwr in none: run scripts/baselines/install.sh .venv-baselines"),
    ):
        assert f"baselines: without {name}: {what}" in said.err
        assert f"Without {name}: {what}" in beside(found)


def test_one_that_fails_is_named_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(missing, "PYTHON", tmp_path / "none/bin/python")
    fails = tmp_path / "member"
    fails.write_text("#!/bin/sh\n[ $2 = zz_p ] && echo 0.25 && exit\necho no memory >&2\nexit 1\n")
    fails.chmod(0o755)
    monkeypatch.setattr(native, "build", lambda directory: fails)
    found = comparison.compare(bench)
    assert found["missing"]["ntl-ZZ_p"] == "member failed: no memory"
    seconds = {"member": 0.4, "member-signed": 0.5, "ntl-zz_p": 2.5}
    assert found["members"][0]["cpu_seconds"] == seconds


def test_a_round_that_fails_is_named_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(python: Path, asked: flower.Asked) -> dict[str, Any]:
        if asked.peers == 8:
            raise missing.Missing("flower-server-app failed")
        return {**COSTS, "cpu_seconds_client": 0.25, "cpu_seconds_server": asked.peers * 0.25}

    def found(package: str) -> Path:
        if package == "mpyc":
            raise missing.Missing("no mpyc")
        return Path("python")

    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(comparison, "python_with", found)
    monkeypatch.setattr(flower, "measure", measure)
    compared = comparison.compare(bench)
    assert [each["peers"] for each in compared["rounds"]] == [4, 20]
    assert compared["rounds"][0] == {
        "peers": 4,
        **dict.fromkeys(("round", "secagg", "fedavg"), COSTS),
    }
    assert compared["missing"]["the rounds of 8"] == "flower-server-app failed"


def test_a_round_of_flower_goes_from_one_line_to_the_next() -> None:
    def lines(*times: float) -> list[dict[str, float]]:
        rates = {"time": 1, "cpu_seconds": 0.1, "bytes_sent": 100, "superlink_cpu_seconds": 1}
        return [{name: rate * at for name, rate in rates.items()} for at in times]

    found = flower.summary(lines(0, 50, 51, 53, 54), [lines(5, 50, 51, 52), lines(5, 50, 53, 56)])
    assert found == {
        "peers": 2,
        "wall_seconds": 1,
        "cpu_seconds_client": 0.2,
        "cpu_seconds_server": 1.1,
        "bytes_sent": 200,
    }


def test_ports_are_free() -> None:
    first = multiparty.free_ports(3)
    for port in range(first, first + 3):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))


@pytest.mark.parametrize("field", native.FIELDS)
@pytest.mark.parametrize("rule", ["rsa", "cc", "flt"])
def test_the_member_in_ntl(tmp_path: Path, rule: str, field: str) -> None:
    if shutil.which("g++") is None:
        pytest.skip("no g++: scripts/baselines/install.sh says what to do")
    try:
        program = native.build(tmp_path)
    except missing.Missing as reason:
        pytest.skip(str(reason))
    assert 0 < native.seconds(program, rule, field, 2, 500, 4) < 60


def test_the_page_says_what_each_costs() -> None:
    seconds = {"member": 1.0, "ntl-ZZ_p": 8.0}
    text = beside(
        {
            "members": [{"rule": "rsa", "peers": 1000, "theta": None, "cpu_seconds": seconds}],
            "rounds": [{"peers": 20, "round": COSTS, "secagg": COSTS, "fedavg": COSTS}],
            "missing": {},
            "ratios": {"ntl-ZZ_p-over-member-rsa": 8.0},
        }
    )
    assert "| 20 | Flower, SecAgg+ | 2.00 s | 0.500 s | 1.0 kB |" in text
    assert "| rsa | 1000 | 1 | 1.000 s | 8.000 s |" in text
    assert text.endswith("ratio ntl-ZZ_p-over-member-rsa 8\n```")
