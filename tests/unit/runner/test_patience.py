"""A group pauses once it does not become better for as long as its genesis says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from peerd.runner.operators.patience import Patience
from peerd.storage import Store
from protocols.record.certificate import Close
from protocols.session.events import Approval
from protocols.wire.payloads import Act

PAUSE = Approval(Act.PAUSE)


def looked(
    store: Store, accuracies: Sequence[float | None], patience: int | None = 3, first: int = 0
) -> list[int]:
    """The rounds in which a pause is approved; each time by a daemon that has just started."""
    found = []
    for round_, accuracy in enumerate(accuracies, first):
        group = None if accuracy is None else {"accuracy": accuracy}
        approval = Patience(store, patience).look(round_, Close.OPENED, group)
        assert approval in (None, PAUSE)
        found += [round_] if approval else []
    return found


def test_so_many_rounds_without_a_higher_accuracy_are_enough(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert looked(store, [0.1, 0.5, 0.5, 0.4, 0.5]) == [4]


def test_a_better_model_begins_the_patience_anew(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert looked(store, [0.5, 0.4, 0.4, 0.51, 0.5, 0.5, 0.5]) == [6]


def test_rounds_that_count_nothing_are_no_better(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert looked(store, [0.5, None, None, None]) == [3]


def test_it_is_approved_once_until_the_group_has_rested(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert looked(store, [0.5] * 8) == [3]
        assert Patience(store, 3).look(8, Close.PAUSED, None) is None
        assert looked(store, [0.5] * 4, first=9) == [11]


def test_a_group_without_patience_goes_on(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        assert looked(store, [0.5] * 20, None) == []
