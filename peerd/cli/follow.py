"""``peerd status --follow``: the daemon's events as they happen, a line each."""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import sys
import time
from collections.abc import Mapping
from contextlib import aclosing

import trio

from peerd.cli.event_line import line
from peerd.cli.since import Since
from peerd.errors import NotRunningError
from peerd.interruptible import interruptible
from peerd.status.board import JsonObject
from peerd.status.client import Silent, events, get
from peerd.status.remote import Place

LOOK_SECONDS = 1.0
"""Between looks whether somebody still reads."""
RETRY_SECONDS = 0.5
"""Until a stream that has ended is asked for again: this reader may have been too slow for it."""


def follow(path: Place, since: Since | None, *, as_json: bool) -> None:
    """Until the daemon stops, which it says on standard error, or nobody reads any more.
    NotRunningError where no daemon answers at all, KeyboardInterrupt for Ctrl-C.
    """
    trio.run(interruptible, _Follower(path, since, as_json).run, (signal.SIGINT,))


class _Follower:
    def __init__(self, path: Place, since: Since | None, as_json: bool) -> None:
        self._path = path
        self._since = since
        self._as_json = as_json
        self._names: Mapping[str, str] = {}
        self._last: tuple[object, int] | None = None
        """The boot of the daemon, and the number of the last event that came."""

    async def run(self) -> None:
        status = await get(self._path, "/v1/status")
        self._names = await names(self._path)
        start = _number(status["seq"]) if self._since is None else 0
        self._last = status["boot"], start
        self._say_where_it_begins(status)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_reader, nursery.cancel_scope)
            await self._follow()
            nursery.cancel_scope.cancel()

    def _say_where_it_begins(self, status: JsonObject) -> None:
        asked = None if self._since is None else self._since.time
        started = time.time() - float(_number(status["uptime_seconds"]))
        if asked is not None and asked < started:
            _note(f"the daemon started at {_clock(started)}, and remembers nothing before")

    async def _follow(self) -> None:
        try:
            while self._last is not None:
                await self._stream(self._last[1])
                await trio.sleep(RETRY_SECONDS)
                status = await get(self._path, "/v1/status")
                if status["boot"] != self._last[0]:
                    _note("the daemon was started again")
                    self._last = status["boot"], 0
        except Silent:
            raise
        except NotRunningError:
            _note("the daemon has stopped")
        except BrokenPipeError:
            _nobody_reads()

    async def _stream(self, seen: int) -> None:
        try:
            async with aclosing(events(self._path, since=seen)) as stream:
                async for event in stream:
                    self._take(event)
        except Silent:
            raise
        except NotRunningError:
            pass  # whether it has stopped, the next question shows

    def _take(self, event: JsonObject) -> None:
        self._last = event["boot"], _number(event["seq"])
        if self._since is not None:
            if event["kind"] == "gap" and not self._as_json:
                _note(f"of what was before {_clock(event['time'])} the daemon forgot the beginning")
                return
            if event["kind"] != "gap" and not self._since.reached(event):
                return
        text = json.dumps(event) if self._as_json else line(event, self._names)
        print(text, flush=True)

    async def _watch_reader(self, scope: trio.CancelScope) -> None:
        """A pipe that nobody reads is noticed when something is written, which may be never."""
        if not _is_pipe(sys.stdout.fileno()):
            return
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        while not poll.poll(0):
            await trio.sleep(LOOK_SECONDS)
        _nobody_reads()
        scope.cancel()


async def names(path: Place) -> dict[str, str]:
    """The members' names by peer id; of those that have one."""
    peers = (await get(path, "/v1/peers")).get("peers")
    known = [each for each in peers if each.get("name")] if isinstance(peers, list) else []
    return {str(each["peer"]): str(each["name"]) for each in known}


def _is_pipe(descriptor: int) -> bool:
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _nobody_reads() -> None:
    """Python would complain at its end, when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _note(text: str) -> None:
    print(f"peerd: {text}", file=sys.stderr, flush=True)


def _clock(moment: object) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(str(moment))))


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
