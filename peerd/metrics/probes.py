"""What has to be looked at from time to time: the event loop's delay, and the disk."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import trio

LAG_PAUSE = 0.5
LAG_LOOKS = 120
"""The longest delay of as many looks is shown: of a minute."""
DISK_PAUSE = 60.0


class Probes:
    """``directory``: the data directory. Bytes are None until it has been looked at."""

    def __init__(self, directory: Path) -> None:
        self.data_bytes: int | None = None
        self.free_bytes: int | None = None
        self._directory = directory
        self._late: deque[float] = deque([0.0], maxlen=LAG_LOOKS)

    @property
    def lag(self) -> float:
        """Seconds by which the event loop came too late, at most, in the last minute."""
        return max(self._late)

    async def run(self) -> None:
        """Until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_loop)
            nursery.start_soon(self._watch_disk)

    async def _watch_loop(self) -> None:
        while True:
            due = trio.current_time() + LAG_PAUSE
            await trio.sleep_until(due)
            self._late.append(max(0.0, trio.current_time() - due))

    async def _watch_disk(self) -> None:
        while True:
            await trio.to_thread.run_sync(self.look)
            await trio.sleep(DISK_PAUSE)

    def look(self) -> None:
        """In a thread: a large directory on a slow disk takes its time."""
        try:
            self.free_bytes = shutil.disk_usage(self._directory).free
            self.data_bytes = sum(_sizes(self._directory))
        except OSError:
            self.data_bytes = self.free_bytes = None


def _sizes(directory: Path) -> Iterator[int]:
    """What each file takes on the disk; one that is deleted meanwhile takes nothing."""
    for place, _, names in os.walk(directory):
        for name in names:
            try:
                yield os.lstat(os.path.join(place, name)).st_blocks * 512
            except FileNotFoundError:
                continue
