"""The group's task in this process, for commands that only look at it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from peerd.errors import PeerdError, TaskError

if TYPE_CHECKING:
    from peerd.group import Genesis
    from peerd.learning import FittedTask, Task

T = TypeVar("T")


def with_task(genesis: Genesis, local: dict[str, Any], look: Callable[[Task | FittedTask], T]) -> T:
    """What ``look`` finds. TaskError: the task can't be built, or its code failed."""
    from peerd.learning.loading import load_task

    sys.path.append(os.getcwd())  # as the training worker has it
    try:
        return look(load_task(genesis.task, genesis.task_options, local))
    except PeerdError:
        raise
    except Exception as error:  # the user's code
        raise TaskError(f"{genesis.task} failed: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(os.getcwd())
