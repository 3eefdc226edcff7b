"""The configuration of one daemon, ``peerd.toml``: what is this peer's own business.

What the whole group must agree on stands in the genesis instead. Relative paths are relative to
the file. Every error is one line that names the file and the key (ConfigError). A key is declared
once, as a field: reading, the environment's variables, the commented file of ``render_config``, and
what an unknown key is compared with, all go by that; docs/operate/configuration.md is held against
it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_type_hints

from peerd.config_control import AlarmsConfig, ControlConfig
from peerd.config_values import (
    At,
    Key,
    address,
    addresses,
    bytes_of,
    choice,
    default_status,
    disk_size,
    host_port,
    key_place,
    loopback_or,
    path,
    peer_address,
    socket_path,
    table,
    text,
    whole,
    whole_or,
    yes_or_no,
)
from peerd.environment import from_text, keys_given, strangers, variable
from peerd.errors import ConfigError
from peerd.sealing import KeySource, key_source
from peerd.storage.keeping import RECENT, TRANSCRIPTS_KEPT, Keeping
from peerd.text import NotText, read_text

MAX_CONFIG_BYTES = 1 << 20
MAX_BOOTSTRAP = 64
MAX_ANNOUNCE = 8
MAX_RELAYS = 4
MAX_ROUNDS = 10**9
MAX_PARTITIONS = 5000
MAX_SECONDS = 86_400
MAX_SEED = (1 << 63) - 1

_NOTHING: Mapping[str, str] = {}
DEFAULT_LISTEN = "/ip4/0.0.0.0/tcp/4001"
_PUBLIC = "/ip4/192.0.2.1/tcp/4001"
_PEER = f"{_PUBLIC}/p2p/12D3…"

ALL = "all"
OFF = "off"
ANY_PORT = "127.0.0.1:0"
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogFormat: TypeAlias = Literal["console", "json"]
LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """This peer's training data. ``local`` is what the task gets in all."""

    data: Annotated[Path | None, Key(path, "this peer's training data", like="rows.csv")] = None
    partition: Annotated[
        int, Key(whole(0, MAX_PARTITIONS - 1), "which of the parts is this peer's, from 0 on")
    ] = 0
    partitions: Annotated[
        int, Key(whole(1, MAX_PARTITIONS), "into how many equal parts the data is cut")
    ] = 1
    seed: Annotated[
        int, Key(whole(0, MAX_SEED), "of the order of this peer's training samples")
    ] = 0
    device: Annotated[str, Key(text, "where this peer computes, as torch calls it")] = "cpu"
    python: Annotated[
        Path | None,
        Key(path, "the interpreter of the training worker, if not the daemon's", like="bin/python"),
    ] = None
    start_from: Annotated[
        Path | None,
        Key(path, "the model that the group starts from, if it does", like="first.safetensors"),
    ] = None
    evaluation_seconds: Annotated[
        int,
        Key(whole(1, MAX_SECONDS), "for one evaluation; one that takes longer is ended"),
    ] = 60
    options: Annotated[dict[str, Any], Key(table, "passed to the task as it stands")] = field(
        default_factory=dict
    )

    @property
    def local(self) -> dict[str, Any]:
        return self.options if self.data is None else {**self.options, "data": str(self.data)}


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: Annotated[LogLevel, Key(choice(LOG_LEVELS), ", ".join(LOG_LEVELS))] = "info"
    format: Annotated[LogFormat, Key(choice(LOG_FORMATS), ", ".join(LOG_FORMATS))] = "console"
    file: Annotated[
        Path | None,
        Key(path, "where to, if not to standard error; SIGHUP opens it anew", like="peerd.log"),
    ] = None


@dataclass(frozen=True, slots=True)
class MetricsConfig:
    listen: Annotated[
        str | None,
        Key(
            host_port,
            "also on TCP, for Prometheus: whoever can connect reads them, so keep it to loopback",
            like="127.0.0.1:9464",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class DashboardConfig:
    listen: Annotated[
        str,
        Key(
            loopback_or(OFF),
            f'the page of `peerd dashboard`, on loopback; port 0 is any free one, "{OFF}" is none',
            like=ANY_PORT,
        ),
    ] = ANY_PORT

    @property
    def address(self) -> str | None:
        """None for none."""
        return None if self.listen == OFF else self.listen


@dataclass(frozen=True, slots=True)
class StorageConfig:
    """What is kept of the past. ``keeping`` is both as the store takes them."""

    keep: Annotated[
        int | str,
        Key(
            whole_or(RECENT, MAX_ROUNDS, ALL),
            f'transcripts of so many last rounds, or "{ALL}"; those with blame stay for good',
        ),
    ] = TRANSCRIPTS_KEPT
    disk_budget: Annotated[
        str | None,
        Key(disk_size, "of the data directory: beyond it, old records go", like="10 GB"),
    ] = None
    key: Annotated[
        str | None,
        Key(
            key_place,
            "where the key is that encrypts all this: credential:NAME, file:/PATH or passphrase",
            like="file:/media/key/peerd.key",
        ),
    ] = None

    @property
    def source(self) -> KeySource | None:
        """None where the disk is not encrypted."""
        return None if self.key is None else key_source(self.key)

    @property
    def keeping(self) -> Keeping:
        budget = self.disk_budget
        return Keeping(
            None if isinstance(self.keep, str) else self.keep,
            None if budget is None else bytes_of(budget),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the file says, and the defaults of what it doesn't. All paths are absolute."""

    data: Annotated[
        Path, Key(path, "directory of the journal, the models and the ledger (mode 0700)")
    ]
    key: Annotated[
        Path, Key(path, "this peer's secret key (mode 0600): who reads it can speak for you")
    ]
    genesis: Annotated[Path, Key(path, "the group's founding document, signed by every member")]
    listen: Annotated[
        str,
        Key(
            address(DEFAULT_LISTEN, others=False),
            "where this peer listens; port 0 is any free one",
        ),
    ] = DEFAULT_LISTEN
    announce: Annotated[
        tuple[str, ...] | None,
        Key(
            addresses(address(_PUBLIC, others=True), MAX_ANNOUNCE),
            "where the others reach it, if not at `listen` (NAT, containers); [] if nowhere",
            like=(_PUBLIC,),
        ),
    ] = None
    bootstrap: Annotated[
        tuple[str, ...],
        Key(
            addresses(peer_address(_PEER), MAX_BOOTSTRAP),
            f'peers to ask first: "{_PEER}"',
        ),
    ] = ()
    relays: Annotated[
        tuple[str, ...],
        Key(
            addresses(peer_address(_PEER), MAX_RELAYS),
            "members that relay, through whom the others reach this peer as well",
            like=(_PEER,),
        ),
    ] = ()
    relay: Annotated[
        bool, Key(yes_or_no, "carry connections between members that can't reach each other")
    ] = False
    status: Annotated[
        Path,
        Key(
            socket_path,
            "the control socket; it answers the daemon's own user alone, or whom [control] names",
            like="data/run/status.sock",
        ),
    ]
    rounds: Annotated[
        int | None, Key(whole(1, MAX_ROUNDS), "take part in so many, then only answer", like=100)
    ] = None
    drain_seconds: Annotated[
        int,
        Key(whole(0, MAX_SECONDS), "after SIGTERM, to end the attempt in progress"),
    ] = 60
    task: TaskConfig = TaskConfig()
    storage: StorageConfig = StorageConfig()
    log: LogConfig = LogConfig()
    metrics: MetricsConfig = MetricsConfig()
    dashboard: DashboardConfig = DashboardConfig()
    control: ControlConfig = field(default_factory=ControlConfig)
    alarms: AlarmsConfig = field(default_factory=AlarmsConfig)

    @classmethod
    def load(cls, path: Path, environment: Mapping[str, str] = _NOTHING) -> Config:
        """The configuration in ``path``, and what ``environment`` says in its place. Raises
        ConfigError.
        """
        document, said = _document(path), from_environment(environment)
        document.setdefault("status", str(default_status(said.get("data", document.get("data")))))
        source = _Source(path.absolute(), said)
        config: Config = _read(cls, document, source, source.at(""))
        task = config.task
        if task.data is not None and "data" in task.options:
            raise (
                source.at("task.options")
                .key("data")
                .wrong("says what task.data says as well", "leave one of them out")
            )
        if task.partition >= task.partitions:
            raise source.at("task.partition").wrong(
                f"must be in 0…{task.partitions - 1}, not {task.partition}"
            )
        if (lacking := config.control.tls.missing) is not None:
            raise source.at(f"control.tls.{lacking}").wrong(
                "is missing", f'say in [control.tls]: {lacking} = "FILE"'
            )
        if config.control.too_few:
            raise source.at("control.officers_needed").wrong(
                "is 2, and [control] names fewer officers", "name two, or a group of users"
            )
        if config.control.named and config.status.is_relative_to(config.data):
            raise source.at("status").wrong(
                f"{config.status} is in the data directory, where those whom [control] names can't"
                " reach it",
                'say, for example: status = "/run/peerd/status.sock"',
            )
        return config


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """By key what the environment says of it. ConfigError for a variable that is nearly a key's."""
    return keys_given([name for name, _, _ in declared()], environment)


def strange_variables(environment: Mapping[str, str]) -> list[str]:
    """Those that look like peerd's and are no key's."""
    return strangers([variable(name) for name, _, _ in declared()], environment)


@dataclass(frozen=True, slots=True)
class _Source:
    """Who says what: a file, and by key the environment."""

    file: Path
    said: Mapping[str, str]

    def at(self, name: str) -> At:
        return At(self.file, name, variable(name) if name in self.said else "")


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path, MAX_CONFIG_BYTES))
    except OSError as error:
        raise ConfigError(
            f"can't read the configuration {path}: {error.strerror}",
            "make one with 'peerd init', or name it with --config",
        ) from None
    except NotText as error:
        raise ConfigError(f"{path}: {error.message}", error.hint) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except (RecursionError, ValueError):
        raise ConfigError(f"{path}: nested too deep, or a number too long") from None


def _read(kind: type[Any], found: dict[str, Any], source: _Source, section: At) -> Any:
    """A section, or the whole, from its table."""
    hints = get_type_hints(kind, include_extras=True)
    for name in found:
        if name not in hints:
            raise _unknown(section.key(name))
    values = {}
    for each in fields(kind):
        name, hint, at = each.name, hints[each.name], source.at(section.key(each.name).name)
        if isinstance(hint, type):
            values[name] = _read(hint, table(found.get(name, {}), at), source, at)
        elif at.variable or name in found:
            kind_of, key = get_args(hint)[:2]
            said = source.said.get(at.name, "")
            values[name] = key.read(from_text(kind_of, said, at) if said else found[name], at)
        elif each.default is each.default_factory is MISSING:
            raise ConfigError(f"{at.file}: the key {name!r} is missing", f'add: {name} = "…"')
    return kind(**values)


def declared(kind: type[Any] = Config, section: str = "") -> Iterator[tuple[str, Key, Any]]:
    """Every key's name with its section, its declaration and its default, in the file's order."""
    hints = get_type_hints(kind, include_extras=True)
    for each in fields(kind):
        hint = hints[each.name]
        if isinstance(hint, type):
            yield from declared(hint, f"{section}{each.name}.")
        else:
            default = None if each.default is MISSING else each.default
            yield section + each.name, hint.__metadata__[0], default


def render_config(**given: Any) -> str:
    """A commented ``peerd.toml`` that ``Config.load`` reads back.

    ``given``: values of keys, and sections whole (``task=TaskConfig(…)``).
    """
    assert given.keys() <= {each.name for each in fields(Config)}
    given = {"data": "data", "key": "peer.key", "genesis": "genesis.json"} | given
    lines = [
        "# The configuration of one peer. Relative paths are relative to this file.",
        "# A variable of the environment goes before a key: PEERD_LISTEN, PEERD_TASK_DATA, …",
        "",
    ]
    last = ""
    for name, key, default in declared():
        section, _, inner = name.rpartition(".")
        value = getattr(given.get(section), inner, None) if section else given.get(name)
        written = _lines(name, key, value or (default if key.like is None else None))
        if written and section != last:
            lines += ["", f"[{section}]"]
            last = section
        lines += written
    return "\n".join([*lines, ""])


def _lines(name: str, key: Key, value: Any) -> list[str]:
    """A key with its value, or as a comment with what it could be, where there is either."""
    says = f"  # {key.says}" if key.says else ""
    if key.read is table:
        entries = [f"{_quoted(option)} = {_toml(each)}" for option, each in (value or {}).items()]
        return [f"{'' if entries else '# '}[{name}]{says}", *entries]
    off = "" if value or key.like is None else "# "
    shown = key.like if off else value
    inner = name.rpartition(".")[2]
    return [] if shown is None else [f"{off}{inner} = {_toml(shown)}{says}"]


def _toml(value: Any) -> str:
    if isinstance(value, str | Path):
        return _quoted(str(value))
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's escapes are a subset of TOML's, except for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _unknown(at: At) -> ConfigError:
    name = at.name[:80]
    last = name.rpartition(".")[2]

    def likeness(other: str) -> float:
        by_last = SequenceMatcher(None, last, other.rpartition(".")[2]).ratio()
        return 2 * by_last + SequenceMatcher(None, name, other).ratio()

    nearest = max((known for known, _, _ in declared()), key=likeness)
    return ConfigError(f"{at.file}: unknown key {name!r}", f"did you mean {nearest!r}?")
