"""The training worker: ``python -m peerd.learning.worker``, started by peerd.learning.trainer.

Reads requests from stdin and answers on what was stdout, one at a time; the task's own prints go
to stderr, which the daemon logs. It ends when the daemon closes the pipe, or dies.
"""

from __future__ import annotations

import os
import signal
from dataclasses import asdict
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch

from peerd.errors import PeerdError, StorageError, TaskError
from peerd.learning import frames
from peerd.learning.answers import described, tell
from peerd.learning.client import Client
from peerd.learning.fitted import FittedClient
from peerd.learning.inspection import inspect, inspect_held_out
from peerd.learning.loading import load_task
from peerd.learning.private.sums import RowSum, RowSums
from peerd.learning.settings import Partition, Training
from peerd.learning.start_file import Start
from peerd.learning.state import LocalModels
from peerd.learning.steps import steps_of
from peerd.learning.task import FittedTask, Task
from peerd.sealing import Vault
from protocols.aggregation import AggregationError, aggregator, model_hash
from protocols.aggregation.contract import Model, RowProtecting, RowRule, first_vector
from protocols.hashing import digest

# Training must not starve the round's deadlines: the daemon's own work comes first.
NICENESS = 10


class Worker:
    """One peer's client, its aggregator's F^C and the local models on disk."""

    def __init__(self, training: Training) -> None:
        self.aggregator = aggregator(training.aggregator, training.constants)
        self._training = training
        self._untouched = torch.get_rng_state()
        self.client = _client(self._task(), training)
        self.client.check_rule(self.aggregator)
        self.models = LocalModels(training.directory, self.client.parameters, training.vault)
        self.models.prepare()
        self.client.set_own(self.models.own().values)
        self._first = first_vector(self.aggregator, self.client.first_model)
        self._sums: RowSums | None = None
        self.settings = repr(sorted(self.aggregator.constants().items())).encode()
        self.group = training.group

    def _task(self) -> Task | FittedTask:
        """The task, built: each time with torch's generator as it was before the first."""
        torch.set_rng_state(self._untouched)
        return load_task(self._training.task, self._training.options, self._training.local)

    def update(self, round: int, model: Model) -> Model:
        """x_i of ``round``: from disk when it was trained before, else one run of F^C.

        A rule's momentum or local model goes on from the newest round that was trained.
        """
        seed = self.client.seed.to_bytes(8, "little")
        basis = digest("peerd/learning/basis", model_hash(model), self.settings, seed)
        kept = self.models.rounds()
        if round in kept:
            trained_from, trained = self.models.load(round)
            if trained_from == basis:
                return trained.update
        earlier = [known for known in kept if known < round]
        last = self.models.load(earlier[-1])[1].kept if earlier else None
        trained = self.client.train(steps_of(self.aggregator, round), round, model, last)
        self.models.save_own(round, self.client.own())
        self.models.save(round, basis, trained)
        return trained.update

    def root(self, round: int, model: Model) -> Model:
        """x_0 − w on the task's public root data: the same at every peer."""
        return self.client.root_step(steps_of(self.aggregator, round), round, model, self.group)

    @property
    def parameters(self) -> int:
        """Of the vector that the group certifies: the model's own, and the rule's behind them."""
        return self._first.size

    def sum(self, round: int, vector: Model, entropy: bytes) -> RowSum:
        """Where the rule protects rows: the clipped gradients of a fresh sample at the certified
        ``vector``. Nothing is kept, on disk or in memory: whoever asks again asks for another
        sample.
        """
        rule = self.aggregator.local_rule(round)
        if not isinstance(rule, RowRule) or not isinstance(self.client, Client):
            raise ValueError(f"the rule {self.aggregator.name} takes no sample of rows")
        if self._sums is None or self._sums.rule != rule:
            self._sums = RowSums(self.client, rule)
        clip = cast(RowProtecting, self.aggregator).clip_at(vector)
        return self._sums.sum(vector[: self.client.parameters], entropy, clip)

    def _rehearse(self, *, at_home: bool) -> list[str]:
        task = self._task() if at_home else self.client.task
        if isinstance(self.client, FittedClient) and isinstance(task, FittedTask):
            return self.client.inspect(task)
        if isinstance(self.client, Client) and isinstance(task, Task):
            return inspect(self.client, task, self.aggregator)
        raise TaskError("the task is of another class when it is built again")

    def _inspect_held_out(self) -> list[str]:
        return inspect_held_out(self.client) if isinstance(self.client, Client) else []

    def answer(self, request: frames.Message) -> dict[str, Any]:
        """The reply's fields for one request."""
        match request.get("do"):
            case "initial":
                return {"vector": frames.vector_bytes(self._first)}
            case "update":
                trained = self.update(request["round"], self._model(request))
                return {"vector": frames.vector_bytes(trained)}
            case "sum":
                vector = frames.vector(request["vector"], self.parameters)
                found = self.sum(request["round"], vector, request["entropy"])
                return {"sum": frames.integer_bytes(found.total), "unfit": found.unfit}
            case "root":
                moved = self.root(request["round"], self._model(request))
                return {"vector": frames.vector_bytes(moved)}
            case "evaluate":
                quoting = request.get("quoting", False)
                return asdict(self.client.evaluate(self._model(request), quoting=quoting))
            case "count":
                rows, classes = request["rows"], request["classes"]
                return asdict(self.client.found(self._model(request), rows, classes))
            case "held_out":
                return {"warnings": self._inspect_held_out()}
            case "rehearse":
                return {"warnings": self._rehearse(at_home=request.get("at_home", False))}
        raise ValueError(f"unknown request {request.get('do')!r}")

    def _model(self, request: frames.Message) -> Model:
        """The model's own numbers (d,) of the certified vector in a request."""
        vector = frames.vector(request["vector"], self.parameters)
        return vector[: self.client.parameters]


def _client(task: Task | FittedTask, training: Training) -> Client | FittedClient:
    seeds, start = (training.seed, training.model_seed), start_of(training)
    if isinstance(task, FittedTask):
        return FittedClient(task, training.partition, *seeds, start=start)
    return Client(
        task,
        training.partition,
        *seeds,
        statistics=training.statistics,
        device=training.device,
        start=start,
    )


def start_of(training: Training) -> Start | None:
    """What the first model is taken from, unless it is drawn."""
    if training.start_from is None:
        return None
    return Start(training.start_from, training.task, training.options)


def training_from(fields: frames.Message) -> Training:
    """The settings as the daemon packed them."""
    index, count = fields.pop("partition")
    directory, start = Path(fields.pop("directory")), fields.pop("start_from")
    return Training(
        partition=Partition(index, count),
        directory=directory,
        start_from=None if start is None else Path(start),
        vault=Vault.unpacked(fields.pop("vault")),
        **fields,
    )


def report(error: BaseException, doing: str) -> dict[str, Any]:
    """An error as reply fields: the line for the user; the traceback of a surprise to stderr."""
    tell(error)
    line = described(error)
    if not isinstance(error, PeerdError | AggregationError):
        line = f"the task failed while {doing}: {line}"
    kind = "storage" if isinstance(error, StorageError) else "task"
    return {"error": line[: frames.MAX_TEXT], "kind": kind}


def read_frame(channel: BinaryIO) -> frames.Message | None:
    """The next request; None when the daemon has closed the channel."""
    prefix = channel.read(frames.PREFIX_BYTES)
    if len(prefix) < frames.PREFIX_BYTES:
        return None
    length = frames.body_length(prefix)
    body = channel.read(length)
    return frames.decode(body) if len(body) == length else None


def sized(worker: Worker) -> dict[str, Any]:
    """How large the certified vector is, the model in its layers, and what of it nobody trains."""
    client = worker.client
    layers = [prod(shape) for _, shape in client.layers()]
    return {"parameters": worker.parameters, "layers": layers, "fixed": client.fixed.hex()}


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Builds the worker from the first request, then answers until the channel ends."""
    worker: Worker | None = None
    while (request := read_frame(requests)) is not None:
        doing = "starting" if worker is None else f"doing {request.get('do')!r}"
        reply: dict[str, Any]
        try:
            if worker is None:
                worker = Worker(training_from(request["training"]))
                reply = sized(worker)
            else:
                reply = worker.answer(request)
        except BaseException as error:  # a task may also raise SystemExit: that ends nothing here
            reply = report(error, doing)
        replies.write(frames.encode({"id": request["id"], **reply}))
        replies.flush()
        if worker is None:
            return


def main() -> None:
    """Claims the pipes, so that the task's own reads and prints can't touch them, then serves."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    # What a task forks (a loader's processes) must not hold the pipes when this process has died:
    # the daemon would wait for it.
    for pipe in (requests, replies):
        os.register_at_fork(after_in_child=partial(os.close, pipe.fileno()))
    # An operator's Ctrl-C is for the daemon, which ends this process: here the task would raise it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Nor does a terminal that is closed, which signals all that was started in it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.nice(NICENESS)
    # On one thread the CPU's kernels sum in one order: an update can be computed again.
    torch.set_num_threads(1)
    try:
        serve(requests, replies)
    except BrokenPipeError:
        # The daemon is gone: nobody is left to tell.
        os._exit(0)


if __name__ == "__main__":
    main()
