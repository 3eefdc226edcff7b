"""An operator's order in the data directory: taken once, and rubbish is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from peerd.errors import ConfigError
from peerd.runner.operators import approvals, stays
from peerd.runner.operators.orders import FILE, give, order_of, take
from protocols.session.events import Order

ORDER = Order(3, 1, bytes(range(32)))


def test_an_order_is_taken_once(tmp_path: Path) -> None:
    assert take(tmp_path) is None
    give(tmp_path, ORDER)
    assert take(tmp_path) == ORDER
    assert take(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"round": 3}',
        '{"round": -1, "attempt": 0, "cohort": ""}',
        "\x00" * 9000,
        "[" * 4096,
    ],
)
def test_rubbish_is_no_order_and_is_gone(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ConfigError):
        take(tmp_path)
    assert take(tmp_path) is None


@pytest.mark.parametrize(
    ("round_", "attempt", "cohort"),
    [(True, 0, "00" * 32), (0, 9000, "00" * 32), (0, 0, "00" * 31), (0, 0, "zz" * 32)],
)
def test_what_names_no_cohort_is_refused(round_: int, attempt: int, cohort: str) -> None:
    with pytest.raises(ConfigError):
        order_of(round_, attempt, cohort)


@pytest.mark.parametrize("picks", [take, approvals.take, stays.take])
def test_what_is_no_file_holds_nobody_up(tmp_path: Path, picks: Callable[[Path], object]) -> None:
    """Nor does it end the daemon: it is refused, as rubbish is."""
    name = {take: FILE, approvals.take: approvals.FILE, stays.take: stays.FILE}[picks]
    os.mkfifo(tmp_path / name)
    with pytest.raises(ConfigError, match="not an order"):
        picks(tmp_path)
    assert picks(tmp_path) is None
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match="can't be read"):
        picks(tmp_path)
    (tmp_path / name).rmdir()
    (tmp_path / name).symlink_to(tmp_path / name)
    with pytest.raises(ConfigError, match="can't be read"):
        picks(tmp_path)
    assert picks(tmp_path) is None
