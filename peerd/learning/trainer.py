"""The daemon's side of training: owns the worker process and never blocks the event loop."""

from __future__ import annotations

import math
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

import structlog
import trio

from peerd.errors import PeerdError, TaskError
from peerd.learning import frames
from peerd.learning.private.sample import ENTROPY_BYTES
from peerd.learning.process import LAST_WORDS, Ended, Overdue, WorkerProcess
from peerd.learning.requests import SHOWN_BY, OverdueError, Requests, Terms, checked
from peerd.learning.settings import Training
from peerd.learning.trained import Evaluation, Found
from protocols.aggregation import aggregator
from protocols.aggregation.contract import Model, RowRule, Update

if TYPE_CHECKING:
    # py-libp2p brings the old stubs of trio, which know this name only here.
    from trio_typing import TaskStatus

EVALUATION_TRIES = 2
"""Workers that one evaluation may cost: it is for display, and training waits behind it."""
MOST_OVERDUE = 3
"""Evaluations in a row that are ended for taking too long: then there are no more."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a worker is started again: doubled each time, until one answers."""

log = structlog.get_logger("peerd.learning")


class Trainer:
    """One training worker. Start ``run`` in a nursery, then call the others from any task.

    Their TaskError says in one line what the task did wrong (the traceback is in the log); the
    worker survives it. A worker that is killed is started again, after a pause that grows, and is
    asked again. ``tries``: how many deaths of the worker a request may cost before its caller is
    told; None: as many as it takes. ``entropy``: from a number to as many secret random bytes.
    """

    def __init__(
        self,
        training: Training,
        *,
        tries: int | None = None,
        sleep: Callable[[float], Awaitable[object]] = trio.sleep,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.training = training
        self._rule = aggregator(training.aggregator, training.constants)
        self._draws = isinstance(self._rule.local_rule(0), RowRule)
        self._entropy = entropy
        self.parameters = 0
        self.layers: tuple[int, ...] = ()
        """d, known once ``run`` has started."""
        self.fixed = b""
        """The hash of what of the model nobody trains, known as well."""
        self.process_id: int | None = None
        self.warn: Callable[[Sequence[str]], None] = lambda lines: None
        """Told that the worker is gone, and with nothing when one answers again."""
        self.restarts = self.trainings = 0
        self.training_seconds = 0.0
        self._tries, self._sleep = tries, sleep
        self._deaths = 0
        self._is_late = False
        self._overdue = 0
        self._requests = Requests()
        self._requests.patience = training.training_seconds / 2

    async def run(self, *, task_status: TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Lives until cancelled; started when the worker has built the task.

        Raises TaskError when the task can't be built.
        """
        self._requests.open()
        try:
            while True:
                ended = await self._live(task_status)
                if self._tries is not None and not self.parameters:
                    raise TaskError(
                        f"the training worker is gone while it built the task: {ended.said}",
                        SHOWN_BY,
                    )
                self.restarts += 1
                if not isinstance(ended, Overdue):
                    await self._pause(str(ended))
        except PeerdError as error:
            self._requests.fail(error)
            raise
        finally:
            self._requests.fail(TaskError("the training worker was stopped"))

    async def initial_model(self) -> Model:
        """The group's first model, float32 (d,): the same at every peer with the same options."""
        reply = await self._requests.ask({"do": "initial"}, Terms(self._tries))
        return frames.vector(reply.get("vector"), self.parameters)

    async def update(self, round: int, model: Model) -> Update:
        """F^C: this peer's local parameters, float32 (d,), after training in ``round``.

        Trains once a round and model: asked again, also after a restart, it gives the same bytes.
        Under a rule that protects rows: their sum, int64 (d,), of a fresh secret sample each time.
        Raises TaskError when the task fails or diverges, StorageError when the disk does.
        """
        message = {"do": "update", "round": round, "vector": frames.vector_bytes(model)}
        if self._draws:
            message |= {"do": "sum", "entropy": self._entropy(ENTROPY_BYTES)}
        began = trio.current_time()
        reply = await self._train(message, f"round {round}")
        self.trainings += 1
        self.training_seconds += trio.current_time() - began
        if not self._draws:
            return frames.vector(reply.get("vector"), self.parameters)
        _tell_unfit(round, reply.get("unfit"))
        opened = self._rule.relation(self.parameters).opened_length
        return frames.integers(reply.get("sum"), opened)

    async def root_step(self, round: int, model: Model) -> Model:
        """x_0 − w, float32 (d,): F^C on the task's public root data, the same at every peer.

        Raises TaskError for a task that has none.
        """
        message = {"do": "root", "round": round, "vector": frames.vector_bytes(model)}
        reply = await self._train(message, f"round {round}, on the root data")
        return frames.vector(reply.get("vector"), self.parameters)

    async def evaluate(self, model: Model, *, quoting: bool = False) -> Evaluation:
        """What ``model`` (d,) is worth on the held-out samples. Whatever fails is a warning.

        ``quoting``: with what the task's exceptions say, for the owner of the data alone.
        """
        message = {"do": "evaluate", "vector": frames.vector_bytes(model), "quoting": quoting}
        try:
            reply = await self._aside(message)
        except TaskError as error:
            return _unknown(error)
        known = reply.get("metrics")
        metrics = {
            str(name): found
            for name, value in (known if isinstance(known, dict) else {}).items()
            if (found := _finite(value)) is not None
        }
        accuracy, loss = _finite(reply.get("accuracy")), _finite(reply.get("loss"))
        return Evaluation(accuracy, loss, _lines(reply), metrics)

    async def count(self, model: Model, rows: int = 0, classes: int = 0) -> Found | None:
        """What ``model`` (d,) does on ``rows`` held-out rows, by class where ``classes`` are told
        apart; with 0 rows how many there are. None where nobody can say.
        """
        vector = frames.vector_bytes(model)
        message = {"do": "count", "vector": vector, "rows": rows, "classes": classes}
        try:
            return _found(await self._aside(message))
        except (TaskError, KeyError, TypeError, ValueError) as error:
            log.warning("held-out rows can't be counted", reason=str(error))
            return None

    async def rehearse(self, *, at_home: bool = False) -> tuple[str, ...]:
        """Warnings, after a step and an evaluation that are thrown away.

        ``at_home``: its owner waits at a screen, so exceptions are quoted, and the whole task is
        built a second time, to compare its first models. TaskError: why this peer can't train.
        """
        reply = await self._train({"do": "rehearse", "at_home": at_home}, "the rehearsal")
        try:
            held_out = _lines(await self._aside({"do": "held_out"}))
            found = await self.evaluate(await self.initial_model(), quoting=at_home)
        except TaskError as error:
            held_out, found = (), _unknown(error)
        if self._overdue:  # so that no round is late for what is known to hang
            self._overdue = MOST_OVERDUE
        return (*_lines(reply), *held_out, *found.warnings)

    def training_first(self) -> AbstractContextManager[None]:
        """Within it no evaluation begins: what a round waits for goes before what is shown."""
        return self._requests.training()

    # -- two kinds of requests -----------------------------------------------------------------

    async def _train(self, message: frames.Message, where: str) -> frames.Message:
        """The answer to what a dealing, or a person, waits for: as long as it takes."""
        allowed = self.training.training_seconds
        late = partial(self._late, where, allowed)
        return await self._requests.ask(message, Terms(self._tries, allowed, late))

    def _late(self, where: str, allowed: float) -> None:
        if self._deaths:
            return  # that it is gone has been said
        self._is_late = True
        line = f"training in {where} is not done after {allowed:.0f} s: the task may never return"
        log.warning(line)
        self.warn([line])

    async def _aside(self, message: frames.Message) -> frames.Message:
        """The answer to what is for display alone. OverdueError: it took too long, or others did
        before it.
        """
        if self._overdue == MOST_OVERDUE:
            raise OverdueError(
                "evaluation is off until peerd is started again: it did not finish in the"
                f" rehearsal, or {MOST_OVERDUE} times in a row"
            )
        limit = self.training.evaluation_seconds
        try:
            reply = await self._requests.ask(
                message, Terms(self._tries or EVALUATION_TRIES, limit=limit)
            )
        except OverdueError as error:
            raise OverdueError(
                f"{error.message}; the training worker is started again",
                f"mend the task, or allow more than evaluation_seconds = {limit:.0f} in [task]",
            ) from None
        self._overdue = 0
        self._requests.patience = self.training.training_seconds / 2
        return reply

    def _ran_over(self) -> None:
        """An evaluation was ended: training waits for no other one until one finishes."""
        self._overdue = min(MOST_OVERDUE, self._overdue + 1)
        self._requests.patience = 0

    # -- the worker's lives --------------------------------------------------------------------

    async def _live(self, task_status: TaskStatus[None]) -> Ended:
        """One life of the worker: how it ended. Raises PeerdError when the task can't be built."""
        failure: PeerdError | Ended | None = None
        try:
            worker = await WorkerProcess.start(self.training)
        except Ended as ended:
            return ended
        self.process_id = worker.process.pid
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(worker.log_output)
                nursery.start_soon(self._notice_end, worker)
                try:
                    await self._build(worker, task_status)
                    await self._requests.serve(worker, self._alive, self._ran_over)
                except (PeerdError, Ended) as error:
                    failure = error
                with trio.move_on_after(LAST_WORDS):
                    await worker.said_all.wait()
                nursery.cancel_scope.cancel()
        finally:
            await worker.end()
        assert failure is not None
        if isinstance(failure, PeerdError):
            raise failure
        return failure

    async def _notice_end(self, worker: WorkerProcess) -> None:
        """An idle worker that is killed is missed at once, and not by the next round."""
        await worker.process.wait()
        self._requests.wake()

    async def _build(self, worker: WorkerProcess, task_status: TaskStatus[None]) -> None:
        request = {"id": (number := self._requests.number()), "training": self.training.packed()}
        reply = checked(await worker.exchange(number, frames.encode(request)))
        parameters, self.layers, fixed = _size(reply)
        if not self.parameters:
            self.parameters, self.fixed = parameters, fixed
            task_status.started()
        elif (parameters, fixed) != (self.parameters, self.fixed):
            raise TaskError(
                f"the task's model had {self.parameters} parameters, and is another one now"
                f" ({parameters})",
                "a group trains one model: restart the daemon with the task as it was",
            )

    def _alive(self) -> None:
        """A worker has answered: the next death is the first one again."""
        if self._deaths or self._is_late:
            self._deaths, self._is_late = 0, False
            self.warn([])

    async def _pause(self, how: str) -> None:
        seconds = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._deaths, 16))
        self._deaths += 1
        log.warning("the training worker is gone", how=how, again_in_seconds=seconds)
        self.warn(
            [f"the training worker is gone: {how}; it is started again after {seconds:.0f} s"]
        )
        await self._sleep(seconds)


def _tell_unfit(round: int, unfit: object) -> None:
    """To the log of this machine alone: which rows were looked at is secret, and the status is read
    by others. It says the same of rows that were drawn and of those that were not.
    """
    if unfit:
        log.warning("rows without a finite gradient count as 0", round=round, rows=unfit)


def _size(reply: frames.Message) -> tuple[int, tuple[int, ...], bytes]:
    """Parameters, those of each layer, and the hash of what nobody trains. Raises Ended."""
    parameters, found = reply.get("parameters"), reply.get("fixed")
    layers = reply.get("layers")
    if not isinstance(parameters, int) or not isinstance(found, str):
        raise Ended("it did not say how large the model is")
    if not isinstance(layers, list) or not all(isinstance(each, int) for each in layers):
        raise Ended("it did not say what layers the model has")
    return parameters, tuple(layers), bytes.fromhex(found)


def _unknown(error: TaskError) -> Evaluation:
    return Evaluation(None, None, (f"accuracy and loss are unknown: {error}",))


def _finite(value: object) -> float | None:
    return value if isinstance(value, float) and math.isfinite(value) else None


def _found(reply: frames.Message) -> Found:
    """Raises KeyError, TypeError or ValueError for what a worker of ours does not say."""
    return Found(
        int(reply["rows"]),
        bool(reply["hits"]),
        int(reply["classes"]),
        bool(reply["common"]),
        bool(reply["counted"]),
        int(reply["right"]),
        [int(each) for each in reply["class_rows"]],
        [int(each) for each in reply["class_right"]],
        _finite(reply["loss"]),
    )


def _lines(reply: frames.Message) -> tuple[str, ...]:
    found = reply.get("warnings")
    return tuple(map(str, found)) if isinstance(found, list) else ()
