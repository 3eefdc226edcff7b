"""What a task gives back, checked where it comes in: it is not our code (worker only)."""

from __future__ import annotations

import math
import re
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

_FROM_LOADER = re.compile(r"Caught (\w+) in DataLoader worker process \d+\.\nOriginal Traceback")
_FRAME = re.compile(r'^  File "([^"\n]+)", line (\d+)', re.M)
MAX_LINE = 2_000
"""Characters of what a task's exception says that are shown."""


def described(error: BaseException, *, quoting: bool = True) -> str:
    """What the task's code raised, on one line: the kind, what it says, and where.

    Without ``quoting`` it is left out what it says, which may be a cell of somebody's table: for
    what is stored or shown by the status.
    """
    if isinstance(error, PeerdError | AggregationError):
        return printable(str(error))[:MAX_LINE]
    text = ""
    with suppress(Exception):  # an exception's own __str__ may raise
        text = str(error)
    kind, place = type(error).__name__, _place(error)
    if found := _FROM_LOADER.match(text):
        kind, text, place = _of_loader(found[1], text, place)
    said = f": {text}"[:MAX_LINE] if quoting and text else ""
    return printable(f"{kind}{said} ({place})")


def _of_loader(kind: str, text: str, place: str) -> tuple[str, str, str]:
    """What an exception in a loader's own process was: only torch's text has its traceback."""
    lines = _FRAME.findall(text)
    own = [frame for frame in lines if "site-packages" not in frame[0]] or lines
    if own:
        place = f"{Path(own[-1][0]).name}:{own[-1][1]}"
    _, _, said = text.rpartition(f"\n{kind}: ")
    return kind, said.strip() if f"\n{kind}: " in text else "", place


def _place(error: BaseException) -> str:
    """The innermost line outside of installed packages and of this one: the task's own, if it is
    on the way.
    """
    frames = traceback.extract_tb(error.__traceback__)
    here = Path(__file__).parent
    own = [
        frame
        for frame in frames
        if "site-packages" not in frame.filename and Path(frame.filename).parent != here
    ]
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
            raise TaskError(f"{kind_of(value)} of shape {tuple(value.shape)}, and not one number")
        value = value.detach().cpu() if isinstance(value, torch.Tensor) else value
        value = value.item()
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TaskError(f"{kind_of(value)}, and not a number")
    found = float(value)
    if not math.isfinite(found):
        raise TaskError(f"{found}, which is no finite number")
    return found


def checked_samples(value: object, where: str) -> Samples:
    """``value`` if it is samples of tensors. ``where`` names the task's method in the TaskError."""
    if not isinstance(value, Samples):
        raise TaskError(f"{where} gave {kind_of(value)}", "give a peerd.learning.Samples")
    for name in ("inputs", "targets"):
        part = getattr(value, name)
        if not isinstance(part, torch.Tensor):
            raise TaskError(
                f"{where} gave {name} that are {kind_of(part)}, and no tensor",
                "make it one with torch.as_tensor",
            )
    return value


def checked_loss(value: object) -> torch.Tensor:
    """``value`` if it is one number with a gradient, as a step of descent needs it. TaskError."""
    if not isinstance(value, torch.Tensor):
        raise TaskError(
            f"loss() gave {kind_of(value)}, which has no gradient",
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


def kind_of(value: object) -> str:
    """Its type, as a sentence names it."""
    name = "None" if value is None else type(value).__name__
    article = "" if value is None else "an " if name[0] in "aeiou" else "a "
    return printable(f"{article}{name}")
