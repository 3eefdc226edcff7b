"""A model with state outside its parameters is refused by the names of that state."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from peerd.errors import TaskError
from peerd.learning.parameters import MAX_LISTED, count_parameters


class Position(nn.Module):
    def __init__(self, *, persistent: bool) -> None:
        super().__init__()
        self.register_buffer("table", torch.ones(3), persistent=persistent)


class Net(nn.Module):
    """A block with what is asked for, two levels down."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        self.blocks = nn.ModuleList([nn.Sequential(nn.ReLU(), inner)])


NORM, OTHER = "GroupNorm or LayerNorm", "if it is a constant"
STATEFUL: dict[str, tuple[nn.Module, str, list[str], list[str]]] = {
    "batch norm": (nn.BatchNorm1d(3), "BatchNorm1d", ["running_mean", "running_var"], [NORM]),
    "batch norm 3d": (nn.BatchNorm3d(3), "BatchNorm3d", ["num_batches_tracked"], [NORM]),
    "instance norm": (
        nn.InstanceNorm1d(3, track_running_stats=True),
        "InstanceNorm1d",
        ["running_mean"],
        ["track_running_stats=False"],
    ),
    "lazy": (nn.LazyBatchNorm1d(), "LazyBatchNorm1d", ["running_mean", "running_var"], [NORM]),
    "constant": (Position(persistent=True), "Position", ["table"], [OTHER]),
    "not saved": (Position(persistent=False), "Position", ["table"], ["torch.nn.Parameter"]),
    "spectral": (
        nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)),
        "_SpectralNorm",
        ["parametrizations.weight.0._u", "parametrizations.weight.0._v"],
        [OTHER],
    ),
}


@pytest.mark.parametrize("kind", STATEFUL)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_buffers_are_named_in_full_with_their_module_s_class(kind: str, depth: int) -> None:
    inner, owner, names, advice = STATEFUL[kind]
    module, prefix = inner, ""
    for _ in range(depth):
        module, prefix = Net(module), "blocks.0.1." + prefix
    with pytest.raises(TaskError) as caught:
        count_parameters(module)
    assert all(prefix + name in caught.value.message for name in names)
    assert f"(of {owner})" in caught.value.message
    assert all(says in caught.value.hint for says in advice)
    assert (NORM in caught.value.hint) == (NORM in advice or "norm" in kind or kind == "lazy")


def test_of_many_the_first_are_listed_and_the_others_counted() -> None:
    many = nn.Sequential(*(nn.BatchNorm1d(2) for _ in range(MAX_LISTED + 4)))
    with pytest.raises(TaskError) as caught:
        count_parameters(many)
    assert "0.running_mean" in caught.value.message
    assert f"{MAX_LISTED}.running_mean" not in caught.value.message
    assert caught.value.message.endswith("and of 4 modules more")


def test_a_mixture_gets_the_advice_for_both() -> None:
    with pytest.raises(TaskError) as caught:
        count_parameters(nn.Sequential(nn.BatchNorm1d(2), Position(persistent=True)))
    assert NORM in caught.value.hint and OTHER in caught.value.hint


@pytest.mark.parametrize(
    "module",
    [
        nn.BatchNorm1d(3, track_running_stats=False),
        nn.GroupNorm(1, 3),
        nn.LayerNorm(3),
        nn.InstanceNorm1d(3, affine=True),
    ],
)
def test_what_keeps_nothing_is_trained(module: nn.Module) -> None:
    assert count_parameters(Net(module)) == 12 + sum(p.numel() for p in module.parameters())
