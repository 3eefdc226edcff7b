"""The daemon that lies: who plays which attack, and names that none has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trio

from peerd.laboratory.adversaries.daemon import crew_of, main
from peerd.laboratory.adversaries.lies import NOISE_LIES
from peerd.laboratory.adversaries.names import NAMES, PROVEN, SILENT
from peerd.laboratory.adversaries.silent import SilentPeer
from peerd.learning import Trainer
from peerd.learning.settings import Training
from protocols.aggregation.contract import RowRule
from protocols.session.session import Session


def test_a_misspelt_attack_is_an_error_that_lists_the_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--config", "peerd.toml", "--attack", "sing-flip"]) == 2
    told = capsys.readouterr().err
    assert "--attack sing-flip: no such attack" in told
    assert all(name in told for name in NAMES)


def test_the_configuration_is_checked_as_an_honest_daemon_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "peerd.toml")
    assert main(["--config", missing, "--attack", "bad-share"]) == 2
    assert "can't read the configuration" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_replaces_the_trainer_or_the_session(name: str) -> None:
    crew = crew_of(name)
    in_protocol = name in (*PROVEN, *NOISE_LIES, SILENT)
    assert (crew.session is not Session) == in_protocol
    assert (crew.trainer is Trainer) == in_protocol
    assert (crew.session is SilentPeer) == (name == SILENT)


def test_a_learning_attack_is_told_after_honest_training(monkeypatch: pytest.MonkeyPatch) -> None:
    async def learnt(self: Trainer, round: int, model: np.ndarray) -> np.ndarray:
        return np.array([1.5, 0.0], np.float32)

    monkeypatch.setattr(Trainer, "update", learnt)
    training = Training("digits", "rsa", Path("unused"))
    liar = crew_of("bit-flip").trainer(training)
    said = trio.run(liar.update, 0, np.array([1.0, 0.0], np.float32))
    assert said.tolist() == [0.5, 0.0]


@pytest.mark.parametrize("quantile", ["0", "1/2"])
def test_a_sum_of_gradients_is_forged_as_whole_numbers(
    monkeypatch: pytest.MonkeyPatch, quantile: str
) -> None:
    """No longer than a site's may be, and the count of clipped rows stays."""
    learnt = np.array([900, 0, -1200, *([7] if quantile != "0" else [])])

    async def sum_of_rows(self: Trainer, round: int, model: np.ndarray) -> np.ndarray:
        return learnt

    monkeypatch.setattr(Trainer, "update", sum_of_rows)
    constants = {"rows": 4, "steps": 1024, "quantile": quantile}
    training = Training("digits", "dp-sgd", Path("unused"), constants=constants)
    liar = crew_of("sign-flip").trainer(training)
    said = trio.run(liar.update, 0, np.zeros(3, np.float32))
    assert said.dtype == np.int64 and said[3:].tolist() == learnt[3:].tolist()
    forged = said[:3]
    assert forged[1] == 0 and forged[0] < 0 < forged[2]
    limit = 4 * (1024 if quantile == "0" else training_steps(liar))
    assert limit - 3 < np.linalg.norm(forged) <= limit


def training_steps(liar: Trainer) -> int:
    rule = liar._rule.local_rule(0)
    assert isinstance(rule, RowRule)
    return rule.steps
