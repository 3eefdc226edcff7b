"""Network namespaces on this machine: one for each daemon, joined by bridges in one of ours.

Nothing here touches the machine's own interfaces, routes or filters. The addresses 10.77.0.0/16
exist inside the namespaces only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

PREFIX_LENGTH = 16
MAX_HOSTS = 200
ETC = Path("/etc/netns")
"""What ``ip netns exec`` lays over /etc, by namespace."""
NOBODY = "02:00:00:00:00:01"
_OURS = re.compile(r"peerd-net-(\d+)-\w+")


class NetworkFailure(Exception):
    """``ip`` refused; the message is its own."""


def unavailable() -> str:
    """Why namespaces can't be used here; "" when they can."""
    if shutil.which("ip") is None:
        return "network namespaces need the command ip (package iproute2)"
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with Network(1):
            return ""
    except NetworkFailure as error:
        return f"network namespaces are not allowed here: {error}"


class Network:
    """``count`` hosts on one bridge. A context manager: everything is gone at its end."""

    def __init__(self, count: int) -> None:
        if not 1 <= count <= MAX_HOSTS:
            raise ValueError(f"{count} hosts; at most {MAX_HOSTS}")
        prefix = f"peerd-net-{os.getpid()}"
        self.hub = f"{prefix}-hub"
        self.names = tuple(f"{prefix}-{index}" for index in range(count))
        self.hosts = [f"10.77.0.{index + 1}" for index in range(count)]

    def __enter__(self) -> Network:
        sweep()
        try:
            self._build()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def command(self, index: int, command: Sequence[str]) -> list[str]:
        """``command`` as it runs inside the namespace of a host; the process keeps its pid."""
        return ["ip", "netns", "exec", self.names[index], *command]

    # -- what can happen -----------------------------------------------------------------------

    def partition(self, *sides: Iterable[int]) -> None:
        """Hosts on different sides hear nothing of each other. Who is not named is cut off."""
        named = [list(side) for side in sides]
        alone = set(range(len(self.names))) - {host for side in named for host in side}
        ip("-n", self.hub, "-batch", "-", lines=self._sides([*named, *([x] for x in alone)]))

    def heal(self) -> None:
        """Everybody on one bridge again."""
        self.partition(range(len(self.names)))

    def move(self, index: int, host: str) -> None:
        """The host's address dies, without a goodbye; it goes on with another one."""
        ip("-n", self.names[index], "addr", "flush", "dev", "eth0")
        self.hosts[index] = host
        ip("-n", self.names[index], "-batch", "-", lines=self._address(host))

    def blackhole(self, source: int, target: int) -> None:
        """What ``source`` sends to ``target`` is lost; the other direction is untouched.

        A hardware address that nobody has: unlike a blackhole route, the sender gets no error.
        """
        ip(
            *("-n", self.names[source], "neigh", "replace", self.hosts[target]),
            *("lladdr", NOBODY, "dev", "eth0", "nud", "permanent"),
        )

    def restore(self, source: int, target: int) -> None:
        """Ends ``blackhole``."""
        ip("-n", self.names[source], "neigh", "del", self.hosts[target], "dev", "eth0")

    # -- building ------------------------------------------------------------------------------

    def _build(self) -> None:
        ip("netns", "add", self.hub)
        for index, name in enumerate(self.names):
            ip("netns", "add", name)
            ip(
                *("-n", self.hub, "link", "add", f"port{index}", "type", "veth"),
                *("peer", "name", "eth0", "netns", name),
            )
            lines = ["link set lo up", "link set eth0 up", *self._address(self.hosts[index])]
            ip("-n", name, "-batch", "-", lines=lines)
        bridges = [f"link add side{index} type bridge" for index in range(len(self.names))]
        ups = [f"link set side{index} up" for index in range(len(self.names))]
        ports = [f"link set port{index} up" for index in range(len(self.names))]
        ip("-n", self.hub, "-batch", "-", lines=[*bridges, *ups, *ports])
        self.heal()

    def _sides(self, sides: Sequence[Iterable[int]]) -> list[str]:
        return [
            f"link set port{host} master side{number}"
            for number, side in enumerate(sides)
            for host in side
        ]

    def _address(self, host: str) -> list[str]:
        """The default route leads nowhere; a daemon learns its own address from it."""
        return [f"addr add {host}/{PREFIX_LENGTH} dev eth0", "route add default dev eth0"]

    def _remove(self) -> None:
        for name in (self.hub, *self.names):
            with suppress(NetworkFailure):  # it was never made
                ip("netns", "del", name)


def ip(*arguments: str, lines: Iterable[str] = ()) -> None:
    """Run ``ip``; ``lines`` are its standard input. Raises NetworkFailure."""
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(["ip", *arguments], input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise NetworkFailure(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def sweep() -> None:
    """Remove namespaces whose maker was killed before it could."""
    for name in _listed():
        found = _OURS.fullmatch(name)
        if found and not Path(f"/proc/{found[1]}").exists():
            with suppress(NetworkFailure):  # another run sweeps too
                ip("netns", "del", name)
            shutil.rmtree(ETC / name, ignore_errors=True)


def _listed() -> list[str]:
    folder = Path("/run/netns")
    return [each.name for each in folder.iterdir()] if folder.is_dir() else []
