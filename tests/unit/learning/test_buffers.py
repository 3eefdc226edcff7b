"""A model with running statistics is refused by their names, unless the group says what becomes of
them; a constant is none.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from peerd.errors import TaskError
from peerd.learning.shared import MAX_LISTED, SharedModel


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


STATEFUL: dict[str, tuple[nn.Module, str, list[str]]] = {
    "batch norm": (nn.BatchNorm1d(3), "BatchNorm1d", ["running_mean", "running_var"]),
    "batch norm 3d": (nn.BatchNorm3d(3), "BatchNorm3d", ["num_batches_tracked"]),
    "instance norm": (
        nn.InstanceNorm1d(3, track_running_stats=True),
        "InstanceNorm1d",
        ["running_mean"],
    ),
}


@pytest.mark.parametrize("kind", STATEFUL)
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_statistics_are_named_in_full_with_their_module_s_class(kind: str, depth: int) -> None:
    inner, owner, names = STATEFUL[kind]
    module, prefix = inner, ""
    for _ in range(depth):
        module, prefix = Net(module), "blocks.0.1." + prefix
    with pytest.raises(TaskError) as caught:
        SharedModel(module)
    assert all(prefix + name in caught.value.message for name in names)
    assert f"(of {owner})" in caught.value.message
    assert "--statistics averaged or local" in str(caught.value.hint)


def test_of_many_the_first_are_listed_and_the_others_counted() -> None:
    many = nn.Sequential(*(nn.BatchNorm1d(2) for _ in range(MAX_LISTED + 4)))
    with pytest.raises(TaskError) as caught:
        SharedModel(many)
    assert "0.running_mean" in caught.value.message
    assert f"{MAX_LISTED}.running_mean" not in caught.value.message
    assert caught.value.message.endswith("and of 4 modules more")


@pytest.mark.parametrize("persistent", [True, False])
def test_a_constant_is_bound_and_no_part_of_the_vector(persistent: bool) -> None:
    shared = SharedModel(Net(Position(persistent=persistent)))
    assert shared.parameters == 12
    assert len(shared.fixed) == 32


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
    shared = SharedModel(Net(module))
    assert shared.parameters == 12 + sum(p.numel() for p in module.parameters())
    assert shared.fixed == b""
