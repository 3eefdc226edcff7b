"""What callers ask of the training worker, kept until it is answered: workers come and go.

Training goes before evaluations, which are for display: one that is under way is waited for a
while, and then ended with its worker.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from peerd.errors import PeerdError, StorageError, TaskError
from peerd.learning import frames
from peerd.learning.process import Ended, Overdue, WorkerProcess

SHOWN_BY = "PEERD_DEBUG=1 shows all its output"


class OverdueError(TaskError):
    """An evaluation that was ended, since it took too long."""


@dataclass(frozen=True, slots=True)
class Terms:
    """``tries``: how many workers a request may cost; None: any number. ``late`` is called once,
    when the answer is not there after ``allowed`` seconds. ``limit``: seconds after which an
    evaluation is ended (OverdueError); None for what is none.
    """

    tries: int | None = None
    allowed: float = math.inf
    late: Callable[[], None] = lambda: None
    limit: float | None = None


class Requests:
    """A queue, served by one worker after the other, a request at a time."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._queue: deque[_Request] = deque()
        self._changed = trio.Event()
        self._failure: PeerdError | None = TaskError("the training worker has not been started")
        self._evaluating: trio.CancelScope | None = None
        self._training = 0
        self.patience = math.inf
        """Seconds for which training waits for an evaluation that is under way."""

    def open(self) -> None:
        """From now on callers wait for an answer."""
        self._failure = None

    def number(self) -> int:
        """The id of one more frame."""
        return next(self._numbers)

    def wake(self) -> None:
        """Has ``serve`` look whether its worker is still there."""
        self._changed.set()

    def fail(self, error: PeerdError) -> None:
        """Every call that waits, and every later one, raises ``error``; the first one stays."""
        self._failure = self._failure or error
        for request in self._queue:
            request.done.set()

    @contextmanager
    def training(self) -> Iterator[None]:
        """No evaluation begins within it, between one request and the next either."""
        self._training += 1
        self._hurry()
        try:
            yield
        finally:
            self._training -= 1
            self.wake()

    async def ask(self, message: frames.Message, terms: Terms) -> frames.Message:
        """The answer, by the worker that lives to give it. TaskError, StorageError."""
        # A daemon that is being stopped stops here, and does not report the worker's end.
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._failure is not None:
            raise self._failure
        number = self.number()
        frame = frames.encode({"id": number, **message})
        request = _Request(number, frame, str(message["do"]), terms)
        self._queue.append(request)
        self.wake()
        if terms.limit is None:
            self._hurry()
        try:
            with trio.move_on_after(terms.allowed):
                await request.done.wait()
            if not request.done.is_set():
                terms.late()
            await request.done.wait()
        finally:
            self._drop(request)  # a caller that was cancelled leaves
        await trio.lowlevel.checkpoint_if_cancelled()
        if request.reply is None:
            raise self._failure or TaskError("the training worker was stopped")
        return checked(request.reply)

    async def serve(
        self, worker: WorkerProcess, answered: Callable[[], None], ended: Callable[[], None]
    ) -> None:
        """In their order, until the worker ends (Ended). ``answered`` is told of each answer,
        ``ended`` of an evaluation that took too long: whoever asked for it may have left.
        """
        while True:
            while (request := self._next()) is None:
                if worker.gone:
                    raise await worker.ended()
                self._changed = trio.Event()
                await self._changed.wait()
            try:
                reply = await self._exchange(worker, request)
            except Overdue as overdue:
                worker.process.kill()
                ended()
                self._answer(request, {"error": str(overdue), "kind": "overdue"})
                raise
            except Ended as how:
                self._ask_again(request, how)
                raise
            self._answer(request, reply)
            answered()

    def _next(self) -> _Request | None:
        """What trains, in order; then an evaluation, if nobody is about to train."""
        training = next((each for each in self._queue if each.terms.limit is None), None)
        if training is None and self._queue and not self._training:
            return self._queue[0]
        return training

    async def _exchange(self, worker: WorkerProcess, request: _Request) -> frames.Message:
        """The answer. Raises Ended, and Overdue for an evaluation that takes too long."""
        limit = request.terms.limit
        if limit is None:
            return await worker.exchange(request.number, request.frame)
        began, reply = trio.current_time(), frames.Message()
        self._evaluating = scope = trio.CancelScope(deadline=began + limit)
        try:
            with scope:
                reply = await worker.exchange(request.number, request.frame)
        finally:
            self._evaluating = None
        if not scope.cancelled_caught:
            return reply
        seconds = trio.current_time() - began
        # A deadline that is earlier than its own is that of a training that waits.
        waits = ", and training waits for it" if scope.deadline < began + limit else ""
        raise Overdue(f"the evaluation did not finish in {seconds:.0f} s{waits}")

    def _hurry(self) -> None:
        """Training waits: an evaluation that is under way may take ``patience`` more."""
        if self._evaluating is not None:
            until = trio.current_time() + self.patience
            self._evaluating.deadline = min(self._evaluating.deadline, until)

    def _ask_again(self, request: _Request, ended: Ended) -> None:
        request.deaths += 1
        tries = request.terms.tries
        if tries is None or request not in self._queue:
            return
        if request.deaths < tries:
            self._queue.rotate(-1)  # behind what a round waits for
        else:
            # What is for display alone ends in the status and in records.
            how = str(ended) if request.terms.limit is not None else f"{ended.said}; {SHOWN_BY}"
            line = f"the training worker is gone, asked to {request.doing}: {how}"
            self._answer(request, {"error": line})

    def _answer(self, request: _Request, reply: frames.Message) -> None:
        request.reply = reply
        request.done.set()
        self._drop(request)

    def _drop(self, request: _Request) -> None:
        if request in self._queue:  # a remove() that fails prints the request, megabytes of it
            self._queue.remove(request)


@dataclass(eq=False, slots=True)
class _Request:
    """What a caller waits for; ``reply`` is None when there will be none."""

    number: int
    frame: bytes = field(repr=False)
    doing: str
    terms: Terms
    deaths: int = 0
    reply: frames.Message | None = None
    done: trio.Event = field(default_factory=trio.Event)


_KINDS: dict[str, type[PeerdError]] = {"storage": StorageError, "overdue": OverdueError}


def checked(reply: frames.Message) -> frames.Message:
    """``reply``, unless it reports an error. TaskError, StorageError."""
    if "error" in reply:
        raise _KINDS.get(str(reply.get("kind")), TaskError)(str(reply["error"]))
    return reply
