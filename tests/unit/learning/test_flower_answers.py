"""An answer's layers are taken by their names: two of one shape must not change places."""

from __future__ import annotations

import numpy as np
import pytest

from peerd.adapters.flower import _in_order
from peerd.errors import TaskError


class Layer:
    """What Flower's arrays have of it."""

    def __init__(self, value: float) -> None:
        self.value = value

    def numpy(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.array([self.value])


def test_another_order_is_put_right() -> None:
    found = _in_order({"b": Layer(2), "a": Layer(1)}, ["a", "b"])
    assert [float(each[0]) for each in found] == [1, 2]


@pytest.mark.parametrize("names", [None, ["a", "b"]])
def test_numbers_are_in_their_order(names: list[str] | None) -> None:
    found = _in_order({"0": Layer(1), "1": Layer(2)}, names)
    assert [float(each[0]) for each in found] == [1, 2]


@pytest.mark.parametrize("given", [["a"], ["a", "c"], ["a", "b", "c"]])
def test_other_layers_are_named(given: list[str]) -> None:
    with pytest.raises(TaskError, match=r"other layers than the model's: [bc]"):
        _in_order({name: Layer(1) for name in given}, ["a", "b"])
