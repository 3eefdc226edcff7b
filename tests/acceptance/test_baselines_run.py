"""The baselines, installed as `make bench BASELINES=1` does it, on the smallest cases."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.scripts import SCRIPTS, load_script

pytestmark = [pytest.mark.acceptance, pytest.mark.swarm]

load_script("performance")
from baselines import flower, multiparty  # noqa: E402


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    venv = tmp_path_factory.mktemp("baselines") / "venv"
    install = SCRIPTS / "baselines" / "install.sh"
    done = subprocess.run([install, venv], capture_output=True, text=True, timeout=1200)
    if not (venv / ".installed").exists():
        pytest.skip(f"the baselines don't install here: {done.stderr}")
    return venv / "bin" / "python"


@pytest.mark.parametrize("secure", [True, False], ids=["SecAgg+", "FedAvg"])
def test_flower(python: Path, secure: bool) -> None:
    """The server refuses a round that aggregated nothing; every client has sent its update."""
    params = 1000
    found = flower.measure(python, flower.Asked(4, params, 3, secure))
    assert found["bytes_sent"] > 4 * params
    assert found["wall_seconds"] > 0 and found["cpu_seconds_client"] > 0


@pytest.mark.parametrize("parties", [3, 5])
def test_mpyc(python: Path, parties: int) -> None:
    assert multiparty.seconds(python, 3, 1000, parties) > 0


def test_mpyc_refuses_what_is_no_bit(python: Path, tmp_path: Path) -> None:
    text = multiparty.PROGRAM.read_text()
    program = tmp_path / "member.py"
    program.write_text(text.replace("drawn.integers(0, 2,", "drawn.integers(0, 3,"))
    assert program.read_text() != text
    command = [python, program, "1", "100", "-M", "1", "--no-log"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "a valid dealing failed its check" in done.stderr
