"""What a value of ``peerd.toml`` may be: readers, each of which says what is wrong, and where."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from peerd.errors import ConfigError, IdentityError
from peerd.identity import peer_id_of, public_of
from peerd.sealing import key_source
from peerd.unusable import unusable

MAX_ADDRESS = 128  # characters, as an address book takes them: a longer one would end each start
MAX_SOCKET_PATH = 107  # bytes: sockaddr_un holds 108 with the final zero
LEAST_SIZE, MOST_SIZE = 10**6, 10**15  # bytes
_UNITS = {
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "TiB": 1 << 40,
}
_SIZE = re.compile(rf"([0-9]{{1,15}}(?:\.[0-9]{{1,9}})?) ?({'|'.join(_UNITS)})", re.ASCII)
MAX_USERS = 64
_USER = re.compile(r"@?[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\$?", re.ASCII)
_CERTIFICATE = re.compile(r"cert:[!-~]([ -~]{0,126}[!-~])?|sha256:[0-9a-f]{64}", re.ASCII)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class At:
    """Where a value stands: the file, and the key with its table ("" for the file as a whole).
    ``variable``: of the environment, if it says it in the file's place.
    """

    file: Path
    name: str = ""
    variable: str = ""

    def key(self, name: str) -> At:
        return replace(self, name=f"{self.name}.{name}" if self.name else name)

    def item(self, index: int) -> At:
        return replace(self, name=f"{self.name}[{index}]")

    def wrong(self, why: str, hint: str = "") -> ConfigError:
        place = f"the environment's {self.variable}" if self.variable else str(self.file)
        return ConfigError(f"{place}: {self.name} {why}", hint)


Reader: TypeAlias = Callable[[Any, At], Any]


@dataclass(frozen=True, slots=True)
class Key:
    """What is declared of a key, beside its name, its type and its default.

    ``says``: what it is for. ``like``: what one could write, where the default does not show it.
    """

    read: Reader
    says: str = ""
    like: str | int | tuple[str, ...] | None = None


def text(value: Any, at: At) -> str:
    return str(_checked(value, at, str, "text in quotes"))


def path(value: Any, at: At) -> Path:
    """Absolute: from the file's directory on."""
    name = text(value, at)
    if not name or "\0" in name:
        raise at.wrong("must be a path")
    return at.file.parent / name


def socket_path(value: Any, at: At) -> Path:
    place = path(value, at)
    if len(bytes(place)) > MAX_SOCKET_PATH:
        raise at.wrong(
            f"{place} has more than {MAX_SOCKET_PATH} bytes, too many for a socket;"
            " set a shorter path"
        )
    return place


def whole(least: int, most: int) -> Reader:
    def read(value: Any, at: At) -> int:
        _checked(value, at, int, "a whole number")
        if not least <= value <= most:
            raise at.wrong(f"must be in {least}…{most}, not {value}")
        return int(value)

    return read


def whole_or(least: int, most: int, word: str) -> Reader:
    """A whole number, or one word in its place."""
    number = whole(least, most)

    def read(value: Any, at: At) -> int | str:
        if isinstance(value, str):
            if value != word:
                raise at.wrong(f'must be in {least}…{most}, or "{word}", not {value!r}')
            return value
        return int(number(value, at))

    return read


def disk_size(value: Any, at: At) -> str:
    """A number of bytes with its unit, as ``bytes_of`` reads it."""
    if not isinstance(value, str) or not _SIZE.fullmatch(value):
        raise at.wrong(
            f'must be a size with its unit in quotes, such as "10 GB", not {value!r}',
            f"units: {', '.join(_UNITS)}",
        )
    if not LEAST_SIZE <= bytes_of(value) <= MOST_SIZE:
        raise at.wrong(f'must be in "1 MB"…"1000 TB", not {value!r}')
    return value


def bytes_of(size: str) -> int:
    """``10 GB``, ``1.5 GiB``, ``500MB``: in bytes."""
    match = _SIZE.fullmatch(size)
    assert match is not None, "checked as the configuration was read"
    return int(Decimal(match[1]) * _UNITS[match[2]])


def key_place(value: Any, at: At) -> str:
    """Where the key of the disk is, as ``key_source`` takes it."""
    try:
        return key_source(text(value, at)).text
    except ConfigError as error:
        if at.name in error.message:
            raise
        raise at.wrong(f"must say where the key is: {error.message}", error.hint) from None


def yes_or_no(value: Any, at: At) -> bool:
    return bool(_checked(value, at, bool, "true or false"))


def choice(choices: tuple[str, ...]) -> Reader:
    def read(value: Any, at: At) -> str:
        if text(value, at) not in choices:
            raise at.wrong(f"must be one of {', '.join(choices)}, not {value!r}")
        return str(value)

    return read


def table(value: Any, at: At) -> dict[str, Any]:
    return dict(_checked(value, at, dict, f"a table, [{at.name}]"))


def address(like: str, *, others: bool) -> Reader:
    """Where this peer listens, or where ``others`` connect to."""

    def read(value: Any, at: At) -> str:
        _usable(value, at, others=others)
        if not isinstance(value, str) or not is_tcp_address(value, names=others):
            raise at.wrong(f"must look like {like}, not {value!r}")
        return value

    return read


def _usable(value: Any, at: At, *, others: bool) -> None:
    found = unusable(value, others=others) if isinstance(value, str) else None
    if found is not None:
        why, hint = found
        raise at.wrong(f"can't be {value!r}, which {why}", hint)


def host_port(value: Any, at: At) -> str:
    """``127.0.0.1:9464`` or ``[::1]:9464``: an address of this machine, as it was written."""
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    family = "ip6" if host.startswith("[") and host.endswith("]") else "ip4"
    listen = f"/{family}/{host.strip('[]')}/tcp/{port}"
    if found := unusable(listen, others=False):
        raise at.wrong(f"can't be {value!r}, which {found[0]}")
    if not is_tcp_address(listen, names=False):
        raise at.wrong(f"must look like 127.0.0.1:9464 or [::1]:9464, not {value!r}")
    return str(value)


def loopback_or(word: str) -> Reader:
    """``127.0.0.1:8080`` or ``[::1]:0``, which no other machine reaches; or one word."""

    def read(value: Any, at: At) -> str:
        if value == word:
            return word
        listen = host_port(value, at)
        if not ipaddress.ip_address(listen.rpartition(":")[0].strip("[]")).is_loopback:
            raise at.wrong(
                f"must be a loopback address, such as 127.0.0.1:0, not {value!r}",
                "from another machine: ssh -L PORT:127.0.0.1:PORT THIS_MACHINE",
            )
        return listen

    return read


def addresses(each: Reader, most: int) -> Reader:
    def read(value: Any, at: At) -> tuple[str, ...]:
        if len(_checked(value, at, list, "a list of addresses")) > most:
            raise at.wrong(f"has more than {most} addresses")
        return tuple(each(item, at.item(index)) for index, item in enumerate(value))

    return read


def users(value: Any, at: At) -> tuple[str, ...]:
    """Names of users, and of groups behind an ``@``, which this machine has; and of certificates,
    by a name of theirs or by their fingerprint.
    """
    names = _checked(value, at, list, 'a list of users, such as ["anna", "@peerd-ops"]')
    if len(names) > MAX_USERS:
        raise at.wrong(f"has more than {MAX_USERS} names")
    for index, name in enumerate(names):
        good = isinstance(name, str) and (_USER.fullmatch(name) or _CERTIFICATE.fullmatch(name))
        if not good:
            raise at.item(index).wrong(
                f"must be a user's name, or @ and a group's, not {name!r}",
                'a certificate is written as "cert:NAME" or "sha256:64 DIGITS IN SMALL LETTERS"',
            )
    return tuple(names)


def _checked(value: Any, at: At, kind: type, shape: str) -> Any:
    if type(value) is not kind:
        raise at.wrong(f"must be {shape}, not {value!r}")
    return value


def peer_address(like: str) -> Reader:
    """``/…/p2p/<peer id>``; a checksum behind the peer id is verified, and left out."""

    def read(value: Any, at: At) -> str:
        base, found, peer_id = value.rpartition("/p2p/") if isinstance(value, str) else ("", "", "")
        _usable(value, at, others=True)
        if not found or not is_tcp_address(base, names=True):
            raise at.wrong(f"must look like {like}, not {value!r}")
        try:
            return f"{base}/p2p/{peer_id_of(public_of(peer_id))}"
        except IdentityError as error:
            raise at.wrong(f"must look like {like}: {error.message}", error.hint) from None

    return read


def is_tcp_address(address: str, *, names: bool) -> bool:
    """``names``: others look them up. Port 0 asks the kernel for a free one."""
    if len(address) > MAX_ADDRESS:
        return False
    match address.split("/"):
        case ["", "ip4" | "ip6" as family, host, "tcp", port]:
            try:
                good = ipaddress.ip_address(host).version == int(family[-1])
            except ValueError:
                return False
        case ["", "dns" | "dns4" | "dns6", host, "tcp", port] if names:
            good = bool(_HOST.fullmatch(host))
        case _:
            return False
    # At port 0 nobody can be reached.
    is_number = port.isascii() and port.isdecimal() and len(port) <= 5
    return good and is_number and names <= int(port) <= 65535


def default_status(data: object) -> Path:
    """The control socket of a configuration that names none."""
    return Path(f"{data}/run/status.sock")
