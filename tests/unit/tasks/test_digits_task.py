"""The digits: the same held-out images for everybody, each other image at exactly one peer."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from peerd.errors import TaskError
from peerd.learning.settings import Partition
from peerd.learning.shared import SharedModel
from peerd.tasks.digits import HELD_OUT, Digits
from peerd.tasks.partition import SHARDS_EACH


def rows(inputs: object) -> set[bytes]:
    return {np.asarray(row).tobytes() for row in inputs}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["iid", "label"])
@pytest.mark.parametrize("peers", [1, 3, 8])
def test_partitions_are_disjoint_cover_all_and_spare_the_held_out(kind: str, peers: int) -> None:
    task = Digits({"partition": kind}, {})
    parts = [task.data(Partition(index, peers)) for index in range(peers)]
    sizes = [len(part) for part in parts]
    assert sum(sizes) == 1797 - HELD_OUT
    assert max(sizes) - min(sizes) <= SHARDS_EACH
    held = rows(task.held_out().inputs)
    seen: set[bytes] = set()
    for part in parts:
        own = rows(part.inputs)
        assert not own & held
        assert not own & seen
        seen |= own


def test_they_are_scikit_learns_images_with_their_labels() -> None:
    task = Digits({}, {})
    ours = [task.held_out(), task.data(Partition())]
    shared = load_digits()
    original = {
        row.astype(np.float32).tobytes(): int(y)
        for row, y in zip(*[shared.data, shared.target], strict=True)
    }
    pixels = np.concatenate([part.inputs.numpy() for part in ours])
    labels = np.concatenate([part.targets.numpy() for part in ours])
    # Back to 0…16 grey levels: undo the centring by the images' own minimum, which is 0.
    grey = np.rint((pixels - pixels.min(axis=0)) * 8).astype(np.float32)
    assert len(grey) == len(shared.data)
    assert all(original[row.tobytes()] == label for row, label in zip(grey, labels, strict=True))


def test_by_label_each_peer_sees_few_classes_and_iid_all_of_them() -> None:
    by_label = Digits({"partition": "label"}, {})
    for index in range(8):
        assert len(set(by_label.data(Partition(index, 8)).targets.tolist())) <= 4
    assert len(set(Digits({}, {}).data(Partition(2, 8)).targets.tolist())) == 10


@pytest.mark.parametrize(
    ("options", "parameters"),
    [({}, 4810), ({"hidden": 32}, 2410), ({"model": "cnn"}, 1446)],
)
def test_models_have_the_stated_sizes_and_score_ten_classes(
    options: dict[str, int | str], parameters: int
) -> None:
    task = Digits(options, {})
    module = task.model()
    assert SharedModel(module).parameters == parameters
    assert module(task.held_out().inputs[:5]).shape == (5, 10)


@pytest.mark.parametrize(
    "options", [{"model": "transformer"}, {"hidden": 0}, {"hidden": "64"}, {"partition": "other"}]
)
def test_wrong_options_are_refused(options: dict[str, int | str]) -> None:
    with pytest.raises(TaskError, match="digits:"):
        Digits(options, {})


def test_more_peers_than_images_are_refused() -> None:
    with pytest.raises(TaskError, match="can't be dealt to 5000 peers"):
        Digits({}, {}).data(Partition(0, 5000))
