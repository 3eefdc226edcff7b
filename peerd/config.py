"""The configuration of one daemon, ``peerd.toml``: what is this peer's own business.

What the whole group must agree on stands in the genesis instead. Relative paths are relative to
the file. Every error is one line that names the file and the key (ConfigError). The keys are
explained in what ``render_config`` writes; an unknown one is refused, naming the nearest.
"""

from __future__ import annotations

import ipaddress
import json
import re
import tomllib
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from peerd.errors import ConfigError, IdentityError
from peerd.identity import public_of

MAX_CONFIG_BYTES = 1 << 20
MAX_BOOTSTRAP = 64
MAX_ANNOUNCE = 8
MAX_ROUNDS = 10**9
MAX_PARTITIONS = 5000
MAX_SEED = (1 << 63) - 1
MAX_SOCKET_PATH = 107  # bytes: sockaddr_un holds 108 with the final zero

DEFAULT_LISTEN = "/ip4/0.0.0.0/tcp/4001"
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("console", "json")

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogFormat: TypeAlias = Literal["console", "json"]

_TABLES: dict[str, tuple[str, ...]] = {
    "": ("data", "key", "genesis", "listen", "announce", "bootstrap", "status", "rounds"),
    "task": ("data", "partition", "partitions", "seed", "options"),
    "log": ("level", "format"),
}
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """This peer's training data: its path, and which of ``partitions`` equal parts is ours.

    ``options`` is passed to the task as it stands; ``local`` is what the task gets in all.
    """

    data: Path | None = None
    partition: int = 0
    partitions: int = 1
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def local(self) -> dict[str, Any]:
        return self.options if self.data is None else {**self.options, "data": str(self.data)}


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: LogLevel = "info"
    format: LogFormat = "console"


@dataclass(frozen=True, slots=True)
class Config:
    """All paths are absolute. ``rounds``: take part in so many, then only answer; None to go on."""

    file: Path
    data: Path
    key: Path
    genesis: Path
    listen: str
    status: Path
    announce: tuple[str, ...] = ()
    bootstrap: tuple[str, ...] = ()
    rounds: int | None = None
    task: TaskConfig = TaskConfig()
    log: LogConfig = LogConfig()

    @classmethod
    def load(cls, path: Path) -> Config:
        """The configuration in ``path``. Raises ConfigError."""
        try:
            with path.open("rb") as file:
                data = file.read(MAX_CONFIG_BYTES + 1)
        except OSError as error:
            raise ConfigError(
                f"can't read the configuration {path}: {error.strerror}",
                "make one with 'peerd init', or name it with --config",
            ) from None
        if len(data) > MAX_CONFIG_BYTES:
            raise ConfigError(f"{path}: more than {MAX_CONFIG_BYTES} bytes")
        try:
            document = tomllib.loads(data.decode())
        except UnicodeDecodeError:
            raise ConfigError(f"{path}: not UTF-8 text") from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: not TOML: {error}") from None
        except (RecursionError, ValueError):
            raise ConfigError(f"{path}: nested too deep, or a number too long") from None
        return _Reader(path.absolute(), document).config()


class _Reader:
    """Takes a parsed document apart, key by key."""

    def __init__(self, file: Path, document: dict[str, Any]) -> None:
        self.file = file
        self.document = document

    def config(self) -> Config:
        self._refuse_unknown()
        data = self._path("data") or self._missing("data")
        return Config(
            file=self.file,
            data=data,
            key=self._path("key") or self._missing("key"),
            genesis=self._path("genesis") or self._missing("genesis"),
            listen=self._listen(),
            status=self._status(data),
            announce=self._announce(),
            bootstrap=self._bootstrap(),
            rounds=self._integer("rounds", 1, MAX_ROUNDS),
            task=self._task(),
            log=LogConfig(
                cast(LogLevel, self._choice("log.level", LOG_LEVELS) or "info"),
                cast(LogFormat, self._choice("log.format", LOG_FORMATS) or "console"),
            ),
        )

    def _task(self) -> TaskConfig:
        partitions = self._integer("task.partitions", 1, MAX_PARTITIONS) or 1
        options = self._get("task.options", dict, "a table")
        return TaskConfig(
            data=self._path("task.data"),
            partition=self._integer("task.partition", 0, partitions - 1) or 0,
            partitions=partitions,
            seed=self._integer("task.seed", 0, MAX_SEED) or 0,
            options=options or {},
        )

    def _listen(self) -> str:
        listen = self._text("listen") or DEFAULT_LISTEN
        if not _is_tcp_address(listen, names=False):
            raise self._wrong("listen", f"must look like {DEFAULT_LISTEN}, not {listen!r}")
        return listen

    def _announce(self) -> tuple[str, ...]:
        """Where the others reach this peer, when that is not where it listens (NAT, containers)."""
        addresses = self._get("announce", list, "a list of addresses") or []
        if len(addresses) > MAX_ANNOUNCE:
            raise self._wrong("announce", f"has more than {MAX_ANNOUNCE} addresses")
        for index, address in enumerate(addresses):
            if not isinstance(address, str) or not _is_tcp_address(address, names=True):
                raise self._wrong(
                    f"announce[{index}]",
                    f"must look like /ip4/192.0.2.1/tcp/4001, not {address!r}",
                )
        return tuple(addresses)

    def _bootstrap(self) -> tuple[str, ...]:
        addresses = self._get("bootstrap", list, "a list of addresses") or []
        if len(addresses) > MAX_BOOTSTRAP:
            raise self._wrong("bootstrap", f"has more than {MAX_BOOTSTRAP} addresses")
        for index, address in enumerate(addresses):
            if not isinstance(address, str) or not _is_peer_address(address):
                raise self._wrong(
                    f"bootstrap[{index}]",
                    f"must look like /ip4/192.0.2.1/tcp/4001/p2p/12D3…, not {address!r}",
                )
        return tuple(addresses)

    def _status(self, data: Path) -> Path:
        status = self._path("status") or data / "run" / "status.sock"
        if len(bytes(status)) > MAX_SOCKET_PATH:
            raise self._wrong(
                "status",
                f"{status} has more than {MAX_SOCKET_PATH} bytes, too many for a socket;"
                " set a shorter path",
            )
        return status

    def _path(self, name: str) -> Path | None:
        text = self._text(name)
        if text is None:
            return None
        if not text or "\0" in text:
            raise self._wrong(name, "must be a path")
        return self.file.parent / text

    def _choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        text = self._text(name)
        if text is not None and text not in choices:
            raise self._wrong(name, f"must be one of {', '.join(choices)}, not {text!r}")
        return text

    def _text(self, name: str) -> str | None:
        return cast("str | None", self._get(name, str, "text in quotes"))

    def _integer(self, name: str, least: int, most: int) -> int | None:
        value = self._get(name, int, "a whole number")
        if value is not None and not least <= value <= most:
            raise self._wrong(name, f"must be in {least}…{most}, not {value}")
        return cast("int | None", value)

    def _get(self, name: str, kind: type, shape: str) -> Any:
        table, _, key = name.rpartition(".")
        value = (self.document.get(table, {}) if table else self.document).get(key)
        if value is not None and type(value) is not kind:
            raise self._wrong(name, f"must be {shape}, not {value!r}")
        return value

    def _missing(self, name: str) -> Path:
        raise ConfigError(f"{self.file}: the key {name!r} is missing", f'add: {name} = "…"')

    def _wrong(self, name: str, why: str) -> ConfigError:
        return ConfigError(f"{self.file}: {name} {why}")

    def _refuse_unknown(self) -> None:
        for key, value in self.document.items():
            if key in _TABLES:
                if not isinstance(value, dict):
                    raise self._wrong(key, f"must be a table, [{key}]")
                for inner in value:
                    if inner not in _TABLES[key]:
                        raise self._unknown(f"{key}.{inner}")
            elif key not in _TABLES[""]:
                raise self._unknown(key)

    def _unknown(self, name: str) -> ConfigError:
        return ConfigError(
            f"{self.file}: unknown key {name[:80]!r}", f"did you mean {_nearest(name)!r}?"
        )


def render_config(
    *,
    data: str = "data",
    key: str = "peer.key",
    genesis: str = "genesis.json",
    listen: str = DEFAULT_LISTEN,
    bootstrap: tuple[str, ...] = (),
    rounds: int | None = None,
    task: TaskConfig = TaskConfig(),
    log: LogConfig = LogConfig(),
) -> str:
    """A commented ``peerd.toml`` that ``Config.load`` reads back."""
    addresses = ", ".join(_quoted(address) for address in bootstrap)
    options = "".join(
        f"{_quoted(name)} = {_quoted(value) if isinstance(value, str) else json.dumps(value)}\n"
        for name, value in task.options.items()
    )
    return f"""\
# The configuration of one peer. Relative paths are relative to this file.

data = {_quoted(data)}             # directory of the journal, the models and the ledger (mode 0700)
key = {_quoted(key)}          # this peer's secret key (mode 0600): who reads it can speak for you
genesis = {_quoted(genesis)}  # the group's founding document, signed by every member
listen = {_quoted(listen)}
# announce = ["/ip4/192.0.2.1/tcp/4001"]  # where the others reach it, if not at ``listen``
bootstrap = [{addresses}]        # peers to ask first: "/ip4/192.0.2.1/tcp/4001/p2p/12D3…"
# status = "data/run/status.sock"
{f"rounds = {rounds}" if rounds else "# rounds = 100"}  # take part in so many, then only answer

[task]
{f"data = {_quoted(str(task.data))}" if task.data else '# data = "rows.csv"'}  # training data
partition = {task.partition}       # which of …
partitions = {task.partitions}      # … this many equal parts of the data is this peer's
seed = {task.seed}            # of the order of the training samples
{"" if options else "# "}[task.options]    # passed to the task as it stands
{options}
[log]
level = {_quoted(log.level)}      # {", ".join(LOG_LEVELS)}
format = {_quoted(log.format)}  # {", ".join(LOG_FORMATS)}
"""


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's, except for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _nearest(name: str) -> str:
    known = [f"{table}.{key}" if table else key for table, keys in _TABLES.items() for key in keys]
    last = name[:80].rpartition(".")[2]

    def likeness(other: str) -> float:
        by_last = SequenceMatcher(None, last, other.rpartition(".")[2]).ratio()
        return 2 * by_last + SequenceMatcher(None, name[:80], other).ratio()

    return max(known, key=likeness)


def _is_peer_address(address: str) -> bool:
    base, found, peer_id = address.rpartition("/p2p/")
    if not found or not _is_tcp_address(base, names=True):
        return False
    try:
        public_of(peer_id)
    except IdentityError:
        return False
    return True


def _is_tcp_address(address: str, *, names: bool) -> bool:
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
    # Port 0 asks the kernel for a free one: nobody can be reached there.
    is_number = port.isascii() and port.isdecimal() and len(port) <= 5
    return good and is_number and names <= int(port) <= 65535
