"""Networks that are not one flat Ethernet with a default route: NAT, isolated LANs, IPv6, names."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from tests.network.namespaces import ETC, Network, NetworkFailure, ip, unavailable

ROUTER = """
table ip nat {
  chain out { type nat hook postrouting priority 100; oifname "eth0" masquerade; }
}
table inet filter {
  chain through {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "lan" oifname "eth0" accept
  }
  chain here {
    type filter hook input priority 0; policy drop;
    ct state established,related accept
  }
}
"""
"""What a consumer's router does: connections begin inside, and all have its own address."""


class Lan(Network):
    """Hosts on one bridge, and no way out of it: no default route. ``family``: 4 or 6, alone."""

    def __init__(self, count: int, family: int = 4) -> None:
        super().__init__(count)
        self._family = family
        if family == 6:
            self.hosts = [f"fd77::{index + 1:x}" for index in range(count)]

    def _address(self, host: str) -> list[str]:
        end = "/64 dev eth0 nodad" if self._family == 6 else "/16 dev eth0"
        return [f"addr add {host}{end}"]

    def name(self, index: int, hosts: Mapping[str, str]) -> None:
        """What this host's /etc/hosts says: the address of each name. No name server answers."""
        folder = ETC / self.names[index]
        folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{host} {name}\n" for name, host in hosts.items()]
        (folder / "hosts").write_text("".join(["127.0.0.1 localhost\n", *lines]))
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")

    def _remove(self) -> None:
        super()._remove()
        for name in self.names:
            shutil.rmtree(ETC / name, ignore_errors=True)


class Internet(Lan):
    """Hosts that all can dial, and ``hidden`` ones, each behind a router of its own."""

    def __init__(self, count: int, hidden: Iterable[int]) -> None:
        super().__init__(count)
        self.hidden = frozenset(hidden)
        self._inside = {index: f"{self.hub[: -len('hub')]}lan{index}" for index in self.hidden}

    def command(self, index: int, command: Sequence[str]) -> list[str]:
        place = self._inside.get(index, self.names[index])
        return ["ip", "netns", "exec", place, *command]

    def _build(self) -> None:
        super()._build()
        for index, inside in self._inside.items():
            self._hide(self.names[index], inside, f"192.168.{index}")

    def _hide(self, router: str, inside: str, net: str) -> None:
        ip("netns", "add", inside)
        ip(
            "-n",
            router,
            "link",
            "add",
            "lan",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            inside,
        )
        ip("-n", router, "-batch", "-", lines=[f"addr add {net}.1/24 dev lan", "link set lan up"])
        lines = ["link set lo up", "link set eth0 up", f"addr add {net}.2/24 dev eth0"]
        ip("-n", inside, "-batch", "-", lines=[*lines, f"route add default via {net}.1"])
        run(router, ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        run(router, ["nft", "-f", "-"], ROUTER)

    def _remove(self) -> None:
        super()._remove()
        for name in self._inside.values():
            with suppress(NetworkFailure):  # it was never made
                ip("netns", "del", name)


def run(name: str, command: Sequence[str], text: str = "") -> None:
    """Run a command in a namespace; ``text``: its standard input. Raises NetworkFailure."""
    whole = ["ip", "netns", "exec", name, *command]
    done = subprocess.run(whole, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NetworkFailure(f"{' '.join(command)}: {done.stderr.strip()}")


def no_translation() -> str:
    """Why address translation can't be had here; "" when it can."""
    if reason := unavailable():
        return reason
    if shutil.which("nft") is None:
        return "address translation needs the command nft (package nftables)"
    try:
        with Internet(1, hidden=[0]):
            return ""
    except NetworkFailure as error:
        return f"address translation is not allowed here: {error}"
