"""A task in this process, for commands that look at it or use its model."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from peerd.errors import PeerdError, TaskError, with_kind

if TYPE_CHECKING:
    from peerd.learning import FittedTask, Task
    from peerd.learning.settings import Options

T = TypeVar("T")
MAX_SAID = 2_000  # characters of an exception


def with_task(
    reference: str, options: Options, local: Options, look: Callable[[Task | FittedTask], T]
) -> T:
    """What ``look`` finds. TaskError: the task can't be built, or its code failed."""
    from peerd.learning.loading import load_task

    sys.path.append(os.getcwd())  # as the training worker has it
    try:
        return look(load_task(reference, options, local))
    except PeerdError:
        raise
    except (Exception, SystemExit) as error:  # the user's code
        said = with_kind(error)[:MAX_SAID]
        raise TaskError(f"{reference} failed: {said}") from error
    finally:
        sys.path.remove(os.getcwd())
