"""What callers ask of the training worker, kept until it is answered: workers come and go."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import trio

from peerd.errors import PeerdError, StorageError, TaskError
from peerd.learning import frames
from peerd.learning.process import Ended, WorkerProcess


class Requests:
    """A queue, served by one worker after the other, a request at a time."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._queue: deque[_Request] = deque()
        self._changed = trio.Event()
        self._failure: PeerdError | None = TaskError("the training worker has not been started")

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

    async def ask(self, message: frames.Message, tries: int | None) -> frames.Message:
        """The answer, by the worker that lives to give it. TaskError, StorageError.

        ``tries``: how many workers it may cost; None: any number.
        """
        # A daemon that is being stopped stops here, and does not report the worker's end.
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._failure is not None:
            raise self._failure
        number = self.number()
        frame = frames.encode({"id": number, **message})
        request = _Request(number, frame, str(message["do"]), tries)
        self._queue.append(request)
        self.wake()
        try:
            await request.done.wait()
        finally:
            self._drop(request)  # a caller that was cancelled leaves
        await trio.lowlevel.checkpoint_if_cancelled()
        if request.reply is None:
            raise self._failure or TaskError("the training worker was stopped")
        return checked(request.reply)

    async def serve(self, worker: WorkerProcess, answered: Callable[[], None]) -> None:
        """In their order, until the worker ends (Ended). ``answered`` is told of each answer."""
        while True:
            while not self._queue:
                if worker.gone:
                    raise await worker.ended()
                self._changed = trio.Event()
                await self._changed.wait()
            request = self._queue[0]
            try:
                reply = await worker.exchange(request.number, request.frame)
            except Ended as ended:
                self._ask_again(request, ended)
                raise
            self._answer(request, reply)
            answered()

    def _ask_again(self, request: _Request, ended: Ended) -> None:
        request.deaths += 1
        if request.tries is None or request not in self._queue:
            return
        if request.deaths < request.tries:
            self._queue.rotate(-1)  # behind what a round waits for
        else:
            line = f"the training worker is gone, asked to {request.doing}: {ended}"
            self._answer(request, {"error": line})

    def _answer(self, request: _Request, reply: frames.Message) -> None:
        request.reply = reply
        request.done.set()
        self._drop(request)

    def _drop(self, request: _Request) -> None:
        with suppress(ValueError):
            self._queue.remove(request)


@dataclass(eq=False, slots=True)
class _Request:
    """What a caller waits for; ``reply`` is None when there will be none."""

    number: int
    frame: bytes
    doing: str
    tries: int | None
    deaths: int = 0
    reply: frames.Message | None = None
    done: trio.Event = field(default_factory=trio.Event)


def checked(reply: frames.Message) -> frames.Message:
    """``reply``, unless it reports an error. TaskError, StorageError."""
    if "error" in reply:
        kind = StorageError if reply.get("kind") == "storage" else TaskError
        raise kind(str(reply["error"]))
    return reply
