"""Promises to people as they are typed: by whoever founds a group, drafts one, or runs a swarm."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from peerd.cli.commands import COMMANDS
from peerd.cli.dispatch import build_parser
from peerd.cli.main import main
from peerd.cli.promise import Promise, promising, settled
from peerd.cli.swarm import parse_options
from peerd.errors import ConfigError
from peerd.group import load, save
from peerd.laboratory.swarm.conduct import within_budget
from peerd.laboratory.swarm.options import MAX_ROUNDS
from protocols.aggregation import aggregator
from protocols.privacy import Budget, rounds_within
from tests.unit.group.successions import group
from tests.unit.group.test_promise import CONSTANTS, PROMISE, private

BUDGET = Budget(Fraction(2), Fraction(1, 10**6))


def options(line: str) -> Any:
    command = next(each for each in COMMANDS if each.name == "swarm")
    return parse_options(build_parser(command).parse_args(["swarm", *line.split()]))


def failing(line: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(line) == 2
    return capsys.readouterr().err


def settle(rounds: int | None, *, stated: bool) -> Any:
    constants = aggregator("dp-sgd", CONSTANTS).constants()
    return settled(Promise(BUDGET, rounds), "dp-sgd", constants, 24, noise_stated=stated)


def within(constants: Any) -> int:
    return rounds_within(BUDGET, aggregator("dp-sgd", constants).mechanism(24))


def test_the_noise_is_the_least_that_the_rounds_need() -> None:
    constants, privacy = settle(40, stated=False)
    assert privacy.rounds == 40 <= within(constants)
    less = Fraction(constants["noise"]) - Fraction(1, 1000)
    assert within({**constants, "noise": str(less)}) < 40


def test_a_stated_noise_allows_what_it_allows() -> None:
    constants, privacy = settle(None, stated=True)
    assert constants["noise"] == "2" and privacy.rounds == within(constants)
    assert settle(7, stated=True)[1].rounds == 7
    with pytest.raises(ConfigError, match="fewer than"):
        settle(privacy.rounds + 1, stated=True)


def test_neither_is_refused() -> None:
    with pytest.raises(ConfigError, match="--privacy-rounds is missing"):
        settle(None, stated=False)


# -- a swarm -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["centered-clipping-l2", "weighted-mean"])
def test_a_promise_to_members_gets_the_noise_that_it_needs(name: str) -> None:
    promise = Promise(BUDGET, 3)
    rule = promising(promise, aggregator(name, {"theta": 10}))
    found, privacy = settled(promise, name, rule.constants(), 5000, noise_stated=False)
    assert privacy.unit == "member"
    assert Fraction(found["noise"]) > 1
    assert promising(None, aggregator(name, {})) == aggregator(name, {})
    with pytest.raises(ConfigError, match="rsa adds no noise"):
        promising(promise, aggregator("rsa", {}))


def test_a_swarm_makes_the_rounds_that_are_said_and_the_usual_ones_else() -> None:
    asked = "--aggregator dp-sgd --epsilon 2 --delta 1e-6"
    for line, rounds in ((asked, 30), (f"{asked} --rounds 12", 12)):
        found = options(line)
        assert found.rounds == rounds and found.promise == Promise(BUDGET, rounds)


def test_a_swarm_with_a_stated_noise_makes_what_that_allows() -> None:
    asked = "--aggregator dp-sgd --constant noise=2 --epsilon 2 --delta 1e-6"
    assert options(asked).promise == Promise(BUDGET, None) and options(asked).rounds == MAX_ROUNDS
    few, genesis = options(f"{asked} --rounds 5"), private()
    assert few.rounds == within_budget(few, genesis).rounds == 5
    assert within_budget(options(asked), genesis).rounds == PROMISE.rounds
    assert within_budget(few, group()) is few


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("--aggregator dp-sgd", "for which promise is not said"),
        ("--epsilon 2 --delta 1e-6", "adds no noise"),
        ("--aggregator dp-sgd --epsilon 2", "one of them is missing"),
        ("--aggregator dp-sgd --epsilon 0 --delta 1e-6", "--epsilon 0"),
        ("--aggregator dp-sgd --epsilon 2 --delta 0.5", "--delta 0.5"),
    ],
)
def test_nonsense_is_refused_before_any_key_is_made(line: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        options(line)


# -- a successor -------------------------------------------------------------------------------


def drafted(tmp_path: Path, *more: str, old: Any = None) -> Any:
    save(private() if old is None else old, tmp_path / "genesis.json")
    out = tmp_path / "draft.json"
    line = ["group", "successor", "--genesis", str(tmp_path / "genesis.json"), "--rounds", "3:9"]
    return main([*line, "--out", str(out), *more]), out


def test_a_successor_keeps_the_promise_unless_it_is_told(tmp_path: Path) -> None:
    code, out = drafted(tmp_path, "--name", "autumn")
    assert code == 0 and load(out).privacy == PROMISE


@pytest.mark.parametrize(
    ("more", "epsilon", "rounds"),
    [
        (["--privacy-rounds", "50"], 2, 50),
        (["--epsilon", "1", "--privacy-delta", "1e-7", "--privacy-rounds", "9"], 1, 9),
        (["--epsilon", "3", "--privacy-delta", "1e-6"], 3, None),
        (["--constant", "noise=3"], 2, None),
    ],
)
def test_a_successor_s_promise_can_be_another(
    tmp_path: Path, more: list[str], epsilon: int, rounds: int | None
) -> None:
    code, out = drafted(tmp_path, *more)
    assert code == 0
    found = load(out)
    assert found.privacy is not None and found.privacy.epsilon == epsilon
    most = rounds_within(
        found.privacy.budget,
        aggregator("dp-sgd", found.constants).mechanism(24),  # type: ignore[attr-defined]
    )
    assert found.privacy.rounds == (most if rounds is None else rounds) <= most


def test_a_promise_does_not_end_by_accident(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out = drafted(tmp_path, "--aggregator", "rsa")
    assert code == 2 and "--no-privacy" in capsys.readouterr().err
    code, out = drafted(tmp_path, "--aggregator", "rsa", "--no-privacy")
    assert code == 0 and load(out).privacy is None
    assert main(["group", "show", str(out), "--diff", str(tmp_path / "genesis.json")]) == 0
    assert "THE PROMISE of epsilon 2" in capsys.readouterr().out


def test_a_group_can_begin_to_promise(tmp_path: Path) -> None:
    more = ["--epsilon", "2", "--privacy-delta", "1e-6", "--privacy-rounds", "20"]
    code, out = drafted(tmp_path, "--aggregator", "dp-sgd", *more, old=group())
    assert code == 0
    found = load(out)
    assert found.privacy is not None and found.privacy.rounds == 20 and found.aggregator == "dp-sgd"


def test_what_a_signer_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(private(), tmp_path / "genesis.json")
    assert main(["group", "show", str(tmp_path / "genesis.json")]) == 0
    told = capsys.readouterr().out
    assert "privacy after 30 rounds the group stops" in told
    assert "without end" not in told
    assert "over; the privacy budget ends it after 30 rounds" in told
    assert told.count("privacy assumes: ") == 5
    save(group(), tmp_path / "plain.json")
    assert main(["group", "show", str(tmp_path / "plain.json")]) == 0
    assert "privacy none: nothing is promised" in capsys.readouterr().out
