"""``peerd top``: a live view of the daemon's group."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.daemon import add_config_argument, place
from peerd.cli.output import use_colour
from peerd.errors import ConfigError, NotRunningError

if TYPE_CHECKING:
    from peerd.screen.picture import Picture
    from peerd.status.remote import Place

ROUNDS = 60
"""The last ones, of which accuracy, blame and absence are told."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--once``, ``--every`` and whose."""
    add_config_argument(parser)
    parser.add_argument(
        "--socket", type=Path, metavar="PATH", help="the daemon's status socket (else from FILE)"
    )
    parser.add_argument("--once", action="store_true", help="print one frame, and end")
    parser.add_argument(
        "--every", type=float, default=1.0, metavar="SECONDS", help="between frames (default: 1)"
    )


def main(args: argparse.Namespace) -> int:
    """Until the daemon stops or Ctrl-C; one frame where there is no terminal."""
    if not 0.1 <= args.every <= 3600:
        raise ConfigError(f"--every {args.every:g}", "between 0.1 and 3600 seconds")
    import trio

    path = place(args)
    if args.once or not sys.stdout.isatty():
        print(_drawn(trio.run(_Source(path).picture)))
        return 0
    try:
        trio.run(_live, path, args.every)
    except KeyboardInterrupt:  # how one leaves it
        return 0
    return 0


def _drawn(picture: Picture) -> str:
    """As high as the terminal; where there is none, with every member."""
    from peerd.screen.frame import text

    width, height = shutil.get_terminal_size()
    if not sys.stdout.isatty() and "LINES" not in os.environ:
        height = len(picture.rows) + 2 * len(picture.lines) + 3  # a sentence takes two at most
    return text(picture, sys.stdout, width, height, colour=use_colour(sys.stdout))


async def _live(path: Place, every: float) -> None:
    """On the terminal's other screen, so that what stood there is there again at the end."""
    import trio
    from rich.console import Console
    from rich.live import Live

    from peerd.screen.frame import frame

    source = _Source(path)
    first = await source.picture()
    console = Console(highlight=False, markup=False, emoji=False)
    stopped = False
    begun = frame(first, console, console.height)
    with Live(begun, console=console, screen=True, auto_refresh=False) as live:
        while not stopped:
            await trio.sleep(every)
            try:
                found = await source.picture()
                live.update(frame(found, console, console.height), refresh=True)
            except NotRunningError:
                stopped = True
    print("peerd: the daemon has stopped", file=sys.stderr)


class _Source:
    """Asks for the rounds only when there is another one."""

    def __init__(self, path: Place) -> None:
        self._path = path
        self._head: object = None
        self._rounds: list[dict[str, object]] = []

    async def picture(self) -> Picture:
        from peerd.screen.of_daemon import picture
        from peerd.status.client import get

        status = await get(self._path, "/v1/status")
        peers = (await get(self._path, "/v1/peers")).get("peers")
        if self._head != (head := (status.get("boot"), status.get("head"), status.get("seq"))):
            found = (await get(self._path, f"/v1/rounds?limit={ROUNDS}")).get("rounds")
            self._rounds = found if isinstance(found, list) else []
            self._head = head
        return picture(status, peers if isinstance(peers, list) else [], self._rounds)
