"""Which model ``predict`` and ``evaluate`` are about: an exported file's, or the daemon's own.

A file may be anybody's. The task that it names is imported only if it ships with peerd, and else
the person says which; what a shipped task is told by a file can't make it read or allocate more
than the file's own numbers (peerd/learning/restored.py).
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from peerd.cli.daemon import add_config_argument, load_config
from peerd.cli.model_rounds import add_round_arguments, certified_model, own_statistics
from peerd.cli.task_arguments import local_options
from peerd.errors import ConfigError, PeerdError, VerificationError, printable
from peerd.tasks.names import SHIPPED, is_shipped

if TYPE_CHECKING:
    from peerd.learning.origin import Origin
    from peerd.learning.predictor import Predictor
    from peerd.learning.restored import Numbers, OwnOf
    from peerd.learning.settings import Options

T = TypeVar("T")
_WITH_ROWS = ("digits", SHIPPED["digits"])  # its held-out rows are in the library
MAX_SAID = 600  # characters of an error
MAX_NAMED = 200  # characters of a task's name that a file gives


@dataclass(frozen=True, slots=True)
class Subject:
    """``task``: as a person or a signed genesis names it. ``local``: this machine's options of it.
    ``own``: running statistics that no certificate covers.
    """

    task: str
    options: Options
    local: Options
    origin: Origin
    numbers: Numbers
    own: OwnOf

    def used(self, look: Callable[[Predictor], T]) -> T:
        """What ``look`` finds. TaskError, VerificationError."""
        from peerd.cli.user_task import with_task
        from peerd.learning.predictor import Predictor

        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            try:
                found = with_task(
                    self.task,
                    self.options,
                    self.local,
                    lambda task: look(Predictor(task, self.origin, self.numbers, self.own)),
                )
            except PeerdError as error:  # it may quote what a file says
                raise type(error)(error.message[:MAX_SAID], error.hint[:MAX_SAID]) from error
        for line in dict.fromkeys(str(each.message) for each in told):
            print(f"peerd: warning: {printable(line)}", file=sys.stderr)
        return found


def add_subject_arguments(parser: argparse.ArgumentParser) -> None:
    """``--model FILE``, or ``--config``, ``--socket``, ``--round`` or ``--best``; and the task."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--model", type=Path, metavar="FILE", help="an exported model: no daemon needed"
    )
    add_config_argument(which)
    parser.add_argument(
        "--socket", type=Path, metavar="PATH", help="the daemon's status socket (else from FILE)"
    )
    add_round_arguments(parser)
    parser.add_argument(
        "--task",
        metavar="TASK",
        help=f"whose code runs, if it is not {', '.join(SHIPPED)}: package.module:Class",
    )
    parser.add_argument(
        "--local",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a local option of the task, such as backbone=resnet.pt",
    )


def subject_of(args: argparse.Namespace) -> Subject:
    """What these arguments name; ``args.data`` is None where the task's own rows are to be used."""
    if args.model is None:
        return _of_daemon(args)
    for option in ("round", "socket", "best"):
        if getattr(args, option) not in (None, False):
            raise ConfigError(f"--{option} goes with --config", "leave it out beside --model")
    return _of_file(args)


def _of_file(args: argparse.Namespace) -> Subject:
    from peerd.learning.origin import Origin
    from peerd.tensor_file import read_export, read_own

    path: Path = args.model
    description, model = read_export(path)
    task = args.task or _shipped(path, description.get("task"))
    options = description.get("task_options")
    if not isinstance(options, dict):
        raise VerificationError(f"{path}: there are no task options in its description")
    try:
        origin = Origin.read(description)
    except VerificationError as error:
        raise VerificationError(f"{path}: {error.message}", error.hint) from None
    local = _local(args, task, {})
    if model is None:
        return Subject(task, options, local, origin, path, {})
    return Subject(task, options, local, origin, model, read_own(path))


def _of_daemon(args: argparse.Namespace) -> Subject:
    from peerd.cli.current_group import current_genesis
    from peerd.group.vector import own_part
    from peerd.learning.origin import Origin

    config = load_config(args)
    record, vector, _ = certified_model(args)
    genesis = current_genesis(config, int(str(record["round"])))
    model = own_part(genesis, vector)
    task = args.task or genesis.task
    local = _local(args, task, config.task.local)
    options = genesis.task_options
    origin = Origin.of(genesis, config.task.start_from)
    return Subject(task, options, local, origin, model, own_statistics(config).values)


def _shipped(path: Path, named: object) -> str:
    if isinstance(named, str) and is_shipped(named):
        return named
    shown = str(named)[:MAX_NAMED]
    raise ConfigError(
        f"{path} is of the task {shown!r}, which is not one of peerd's own, and is not imported"
        " because a file names it",
        "say whose code is to run: --task package.module:Class",
    )


def _local(args: argparse.Namespace, task: str, known: Options) -> Options:
    """Of a shipped task nothing, where its own rows are not asked for: they are not read then."""
    from peerd.learning.settings import NO_DATA

    if args.data is not None and is_shipped(task):
        return NO_DATA
    local = {**known, **local_options(args.local)}
    if not local and is_shipped(task) and task not in _WITH_ROWS:
        raise ConfigError("there are no rows to evaluate on", "name labelled ones: --data FILE")
    return local
