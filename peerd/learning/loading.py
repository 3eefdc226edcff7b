"""From ``package.module:Class`` to a task, with one clear line for each way it can fail."""

from __future__ import annotations

import importlib
import importlib.util
import re

from peerd.decimals import numbers
from peerd.errors import TaskError
from peerd.extras import EXTRAS, need
from peerd.learning.settings import Options
from peerd.learning.task import FittedTask, Task
from peerd.tasks.names import SHIPPED

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)


def task_class(reference: str) -> type[Task | FittedTask]:
    """The class that ``reference`` names: a shipped task's short name, or ``package.module:Class``.

    Imports the module (the user's code runs). Raises TaskError; what the user's module raises on
    import passes through, chained.
    """
    name = SHIPPED.get(reference, reference)
    if not _REFERENCE.fullmatch(name):
        shipped = ", ".join(SHIPPED)
        raise TaskError(
            f"task {reference!r} is neither {shipped} nor of the form package.module:Class"
        )
    module_name, _, class_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in EXTRAS:
            need(f"the task {reference}", package, TaskError)
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise TaskError(
                f"task {reference}: module {error.name!r}, which it imports, is not installed"
            ) from error
        raise TaskError(
            f"task {reference}: there is no module {error.name!r}",
            "install it, or start peerd in its directory",
        ) from error
    found = getattr(module, class_name, None)
    if found is None:
        raise TaskError(f"task {reference}: module {module_name} has no class {class_name}")
    if not isinstance(found, type) or not issubclass(found, Task | FittedTask):
        raise TaskError(
            f"task {reference}: {class_name} is not a subclass of peerd.learning.Task or FittedTask"
        )
    return found


def load_task(reference: str, options: Options, local: Options) -> Task | FittedTask:
    """The task, built; the decimals of ``options`` are floats by then. Raises TaskError."""
    made = task_class(reference)
    if missing := sorted(getattr(made, "__abstractmethods__", ())):
        raise TaskError(f"task {reference}: {made.__name__} does not define {', '.join(missing)}")
    return made(numbers(options), local)


def load_torch_task(reference: str, options: Options, local: Options) -> Task:
    """One whose steps peerd takes itself, as the laboratory's peers do. Raises TaskError."""
    task = load_task(reference, options, local)
    if not isinstance(task, Task):
        raise TaskError(
            f"task {reference} trains by itself, and here peerd takes the steps",
            "play it in a swarm of daemons: peerd swarm",
        )
    return task
