"""What can't be trained row by row, refused (worker only). docs/privacy.md says why.

A row goes through the model alone, so that its gradient is its own whatever the model does within
one pass. What is looked for is state that one row leaves to the next, and models that are another
one without their batch: batch normalisation by its class, running statistics by their names, all
else by a comparison of rows alone and together.
"""

from __future__ import annotations

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from peerd.errors import TaskError
from peerd.learning.private.gradients import singly
from peerd.learning.shared import SharedModel
from peerd.learning.streams import Held, Indexed, Rows
from peerd.learning.task import Samples, Task

COMPARED = 4  # rows
TOLERANCE = 1e-3  # relative: kernels for one row round otherwise than those for four
INSTEAD = "use GroupNorm or LayerNorm in its place"


def check_model(shared: SharedModel) -> None:
    """TaskError for running statistics, and for batch normalisation without them."""
    if shared.running:
        raise TaskError(
            f"the group's rule clips each row's gradient, and the model has running statistics,"
            f" which show rows as they are: {', '.join(shared.running[:3])}",
            INSTEAD,
        )
    for name, each in shared.module.named_modules():
        if isinstance(each, _BatchNorm):
            raise TaskError(
                f"the group's rule clips each row's gradient, and what {name or 'the model'}"
                f" ({type(each).__name__}) makes of a row depends on the others of its batch",
                INSTEAD,
            )


def numbered(rows: Rows) -> Held | Indexed:
    """``rows``, if each can be asked for. TaskError."""
    if isinstance(rows, Held | Indexed):
        return rows
    raise TaskError(
        "data() streams, and the group's rule draws each row by itself: a stream has no rows by"
        " number",
        "give Samples, or a map-style Dataset with a length",
    )


def compare(task: Task, module: torch.nn.Module, batch: Samples) -> list[str]:
    """Warnings. TaskError where a row's outputs are others beside the first rows of ``batch``.

    Where the model draws coins (dropout) it is compared as it evaluates.
    """
    some = Samples(batch.inputs[:COMPARED], batch.targets[:COMPARED])
    module.train()
    if _draws(module, some):
        module.eval()
    with torch.no_grad():
        together = module(some.inputs)
        alone = [module(row.inputs) for row in singly(some)]
        if not _alike(together, alone):
            raise TaskError(
                "the group's rule clips each row's gradient, and what the model makes of a row"
                " depends on the others of its batch",
                "let no layer compute with other rows: " + INSTEAD,
            )
        pairs = zip(alone, singly(some), strict=True)
        losses = [task.loss(outputs, row.targets) for outputs, row in pairs]
        whole, parts = task.loss(together, some.targets), torch.stack(losses)
    module.train()
    if _near(whole.double(), parts.double().mean()):
        return []
    return [
        "the loss of a batch is not the mean of its rows' own: the group's rule takes each row's"
        " own, in which a weight that is divided by the batch's weights (class weights) has no part"
    ]


def _draws(module: torch.nn.Module, batch: Samples) -> bool:
    """Whether two passes differ."""
    outputs = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        with torch.no_grad():
            outputs.append(module(batch.inputs))
    one, two = outputs
    return not isinstance(one, torch.Tensor) or not torch.equal(one, two)


def _alike(together: object, alone: list[object]) -> bool:
    """Of outputs (m, …) alone; what is no such tensor is judged by the loss."""
    if not isinstance(together, torch.Tensor) or together.shape[:1] != (len(alone),):
        return True
    parts = [each for each in alone if isinstance(each, torch.Tensor)]
    if any(each.shape != together[:1].shape for each in parts) or len(parts) < len(alone):
        return False
    return _near(together.double(), torch.cat(parts).double())


def _near(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Within the tolerance of the largest number; what is not finite is judged elsewhere."""
    known = one.isfinite() & two.isfinite()
    gap, size = (one - two)[known].abs(), one[known].abs()
    return not gap.numel() or float(gap.max()) <= TOLERANCE * max(1e-6, float(size.max()))
