"""What a task gives back, checked where it comes in: it is not our code (worker only)."""

from __future__ import annotations

import math
import sys
import traceback
from contextlib import suppress
from numbers import Real
from pathlib import Path

import numpy as np
import torch

from peerd.errors import PeerdError, TaskError, printable
from peerd.learning.task import Samples
from protocols.aggregation import AggregationError

MAX_LINE = 2_000
"""Characters of what a task's exception says that are shown."""


def described(error: BaseException, *, quoting: bool = True) -> str:
    """What the task's code raised, on one line: the kind, what it says, and where.

    Without ``quoting`` it is left out what it says, which may be a cell of somebody's table: for
    what is stored or shown by the status.
    """
    if isinstance(error, PeerdError | AggregationError):
        return printable(str(error))[:MAX_LINE]
    said = ""
    if quoting:
        with suppress(Exception):  # an exception's own __str__ may raise
            said = f": {error}"[:MAX_LINE]
    return printable(f"{type(error).__name__}{said} ({_place(error)})")


def _place(error: BaseException) -> str:
    """The innermost line outside of installed packages: the task's own, if it is on the way."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename]
    where = (own or frames)[-1]
    return f"{Path(where.filename).name}:{where.lineno}"


def tell(error: BaseException) -> None:
    """The traceback of a surprise, to standard error, which the daemon logs."""
    if not isinstance(error, PeerdError | AggregationError):
        with suppress(Exception):  # the task's code may have closed it
            traceback.print_exception(error, file=sys.stderr)
            sys.stderr.flush()


def number(value: object) -> float:
    """``value`` as a finite float. TaskError says what it is instead, and never quotes it."""
    if isinstance(value, torch.Tensor | np.ndarray):
        size = math.prod(value.shape)
        if size != 1:
            raise TaskError(f"{_kind(value)} of shape {tuple(value.shape)}, and not one number")
        value = value.detach().cpu() if isinstance(value, torch.Tensor) else value
        value = value.item()
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TaskError(f"{_kind(value)}, and not a number")
    found = float(value)
    if not math.isfinite(found):
        raise TaskError(f"{found}, which is no finite number")
    return found


def checked_samples(value: object, where: str) -> Samples:
    """``value`` if it is samples of tensors. ``where`` names the task's method in the TaskError."""
    if not isinstance(value, Samples):
        raise TaskError(f"{where} gave {_kind(value)}", "give a peerd.learning.Samples")
    for name in ("inputs", "targets"):
        part = getattr(value, name)
        if not isinstance(part, torch.Tensor):
            raise TaskError(
                f"{where} gave {name} that are {_kind(part)}, and no tensor",
                "make it one with torch.as_tensor",
            )
    return value


def checked_loss(value: object) -> torch.Tensor:
    """``value`` if it is one number with a gradient, as a step of descent needs it. TaskError."""
    if not isinstance(value, torch.Tensor):
        raise TaskError(
            f"loss() gave {_kind(value)}, which has no gradient",
            "return the tensor, without float() or .item()",
        )
    if value.numel() != 1:
        raise TaskError(
            f"loss() gave a tensor of shape {tuple(value.shape)}, and not one number (a scalar)",
            "return the batch's mean: .mean()",
        )
    if not value.is_floating_point():
        raise TaskError(f"loss() gave a number of type {value.dtype}", "return a float32 tensor")
    if not value.requires_grad:
        raise TaskError(
            "the loss has no gradient: it does not depend on the model's parameters",
            "compute it from the outputs, without detach(), no_grad(), argmax() or .item()",
        )
    return value


def _kind(value: object) -> str:
    name = "None" if value is None else type(value).__name__
    article = "" if value is None else "an " if name[0] in "aeiou" else "a "
    return printable(f"{article}{name}")
