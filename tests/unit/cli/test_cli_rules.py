"""One rule for all commands: a wrong option is 2, a rule whose own code fails is 7."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from peerd.cli.main import main
from peerd.errors import ConfigError, TaskError

PEER = "12D3KooWKP8smp2LyYzaGwDYVN2pauNQFyEa5o48piTQsWZm3CCm"
EXPERIMENT = """
task.name = "digits"
peers = 8
rounds = 2
attacks = ["none"]
[[rules]]
name = "{name}"
constants = {{ {constants} }}
"""


def group(name: str, *constants: str) -> list[str]:
    words = ["group", "new", "--name", "g", "--members", PEER, "--task", "digits"]
    return [*words, "--adversary", "0.25", "--aggregator", name, *given(constants)]


def swarm(name: str, *constants: str) -> list[str]:
    return ["swarm", "--aggregator", name, *given(constants)]


def demo(name: str, *constants: str) -> list[str]:
    return ["demo", "--aggregator", name, *given(constants)]


def bench(name: str, *constants: str) -> list[str]:
    sizes = ["--peers", "10", "--params", "10"]
    return ["bench", "dealer", *sizes, "--aggregator", name, *given(constants)]


def lab(name: str, *constants: str) -> list[str]:
    path = Path("e.toml")
    path.write_text(EXPERIMENT.format(name=name, constants=", ".join(constants)))
    return ["lab", "run", str(path), "--list"]


def given(constants: tuple[str, ...]) -> list[str]:
    return [word for constant in constants for word in ("--constant", constant)]


COMMANDS = [group, swarm, demo, bench, lab]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # the bench measures in this process then


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("rule", "what"),
    [
        (("mean",), "there is no aggregator 'mean'"),
        (("rsa", "tau=1"), "rsa has no constant 'tau'"),
        (("rsa", "eta=-1"), "constant eta = "),
        (("nowhere:Rule",), "there is no module 'nowhere'"),
    ],
)
def test_a_wrong_rule_is_wrong_usage(
    command: Callable[..., list[str]],
    rule: tuple[str, ...],
    what: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(command(*rule)) == ConfigError.exit_code
    said = capsys.readouterr().err
    assert what in said and said.count("\n") == 1
    assert ("rules: " if command is lab else "--aggregator: ") in said


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("code", ["def Rule(given):\n    return given['none']\n", "x = 1 / 0\n"])
def test_a_rule_whose_code_fails_is_no_fault_of_peerd(
    command: Callable[..., list[str]],
    code: str,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    module = f"failing_{abs(hash(request.node.name))}"  # each is imported once
    Path(f"{module}.py").write_text(code)
    assert main(command(f"{module}:Rule")) == TaskError.exit_code
    said = capsys.readouterr().err
    assert f"aggregator {module}:Rule: " in said and "--debug" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "sizes",
    [
        ["swarm", "--peers", "8", "--liars", "3"],
        ["plan", "--peers", "8", "--adversary", "0.3", "--dropout", "0.6"],
        ["bench", "dealer", "--peers", "3", "--params", "10"],
    ],
)
def test_sizes_without_a_plan_are_wrong_usage(
    sizes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(sizes) == ConfigError.exit_code
    assert capsys.readouterr().err.count("\n") == 1
