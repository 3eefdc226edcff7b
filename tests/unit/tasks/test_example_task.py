"""The example of a user's own task runs as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from peerd.errors import TaskError
from peerd.laboratory.experiments.baseline import baseline

EXAMPLES = Path(__file__).parents[3] / "configs" / "tasks"


def test_the_example_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    accuracy = baseline(
        "rsa", "wine:Wine", {}, peers=4, liars=1, attack="sign-flip", rounds=10, seed=1
    )
    assert accuracy[-1] > 0.9
    with pytest.raises(TaskError, match="hidden = 0"):
        baseline("rsa", "wine:Wine", {"hidden": 0}, peers=4, liars=0, attack=None, rounds=1, seed=1)
