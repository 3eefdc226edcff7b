"""``peerd doctor``: everything that would keep a daemon from running, found before it runs."""

from __future__ import annotations

import argparse
import ctypes.util
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from peerd.cli import levels
from peerd.cli.daemon import add_config_argument
from peerd.cli.main import PYTHON
from peerd.cli.output import colour, print_json, size
from peerd.errors import PeerdError
from peerd.extras import EXTRAS
from peerd.labels import label
from peerd.requirements import PACKAGES, installed, misfit

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.group import Genesis
    from peerd.storage import Store

Level = Literal["ok", "warning", "error"]

LITTLE_DISK_BYTES = 1 << 30
EARLIEST = 1_767_225_600.0  # 2026-01-01: no machine that runs this lives before it
NEEDS = {"task": {"genesis"}, "latency": {"genesis"}, "what is kept": {"data directory"}}
"""What a check is no use without."""
COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was looked at, how bad it is, and what was seen."""

    check: str
    level: Level
    message: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--config``, ``--level`` and ``--json``."""
    add_config_argument(parser)
    parser.add_argument(
        "--level",
        choices=levels.NAMES,
        help="say instead what this level asks for, and whether this peer has it",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Print every check; 1 if one is an error, or if the level lacks something."""
    if args.level is not None:
        return levels.main(args)
    checks = [*machine_checks(), *peer_checks(args.config)]
    healthy = all(check.level != "error" for check in checks)
    if args.json:
        print_json({"healthy": healthy, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            level = colour(check.level.ljust(7), COLOURS[check.level])
            print(f"{level}  {check.check}: {check.message}")
    return 0 if healthy else 1


def machine_checks() -> Iterator[Check]:
    """What does not depend on a peer's configuration."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", "ok" if sys.version_info >= PYTHON else "error", version)
    gmp = ctypes.util.find_library("gmp")
    missing = "libgmp is missing; on Debian: apt install libgmp10"
    yield Check("gmp", "ok" if gmp else "error", gmp or missing)
    for name in PACKAGES:
        wrong = misfit(name)
        yield Check(name, "error" if wrong else "ok", wrong or installed(name) or "")
    for name, extra in EXTRAS.values():
        if wrong := misfit(name, core=False):
            yield Check(f"extra {extra}", "warning", wrong)
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    wrong = f"{shown}: the clock is wrong, and address records will look expired"
    yield Check("clock", *(("ok", shown) if now > EARLIEST else ("error", wrong)))


def peer_checks(path: Path) -> Iterator[Check]:
    """The peer that ``path`` configures; a warning alone when there is none yet."""
    from peerd.config import Config

    if not path.exists():
        yield Check("configuration", "warning", f"there is no {path}; 'peerd init' makes one")
        return
    try:
        config = Config.load(path, os.environ)
    except PeerdError as error:
        yield Check("configuration", "error", str(error))
        return
    yield Check("configuration", "ok", str(path))
    yield from _environment()
    checks: list[tuple[str, Callable[[Config], str | list[Check]]]] = [
        ("key", _key),
        ("genesis", _genesis),
        ("data directory", _store),
        ("what is kept", _kept),
        ("task", _rehearsed),
        ("latency", _latency),
        ("status socket", _status),
        ("port", _port),
        ("reach", _reach),
    ]
    failed: set[str] = set()
    for name, look in checks:
        if NEEDS.get(name, set()) & failed:
            continue
        try:
            found = look(config)
            yield from [Check(name, "ok", found)] if isinstance(found, str) else found
        except PeerdError as error:
            failed.add(name)
            yield Check(name, "error", str(error))
    yield _disk(config)


def _environment() -> Iterator[Check]:
    """Which keys it says in the file's place; nothing where it says none."""
    from peerd.config import from_environment, strange_variables
    from peerd.environment import variable

    said = [f"{key} ({variable(key)})" for key in from_environment(os.environ)]
    if said:
        yield Check("environment", "ok", f"goes before the file: {', '.join(said)}")
    if strange := strange_variables(os.environ):
        yield Check("environment", "warning", f"no keys of peerd's: {', '.join(strange)}")


def _key(config: Config) -> str:
    from peerd.identity import Identity, with_checksum

    return with_checksum(Identity.load(config.key, config.storage.source).peer_id)


def _genesis(config: Config) -> str:
    from peerd.group import load
    from peerd.group.members import called
    from peerd.runner.resume import setting_of

    load(config.genesis).verify()
    genesis, public = _member(config)
    genesis.verify()
    me = genesis.index(public)
    setting_of(genesis)
    plan = genesis.plan
    who = f"this is {called(genesis, me)}; " if genesis.names else ""
    return (
        f"{genesis.name}, {len(genesis.roster)} members, all have signed; {who}"
        f"committee {plan.committee}, threshold {plan.threshold}, packing {plan.packing}"
    )


def _member(config: Config) -> tuple[Genesis, bytes]:
    """The group that this peer is in now, and its public key in that. GroupError for a stranger."""
    from peerd.cli.current_group import current_genesis
    from peerd.errors import StorageError
    from peerd.group import load
    from peerd.identity import Identity, next_key

    try:
        genesis = current_genesis(config)
    except StorageError:  # the data directory has a line of its own
        genesis = load(config.genesis)
    waiting = next_key(config.key)
    public = Identity.load(config.key, config.storage.source).public
    if public not in genesis.roster and waiting.exists():
        public = Identity.load(
            waiting, config.storage.source
        ).public  # which the next start puts in its place
    genesis.index(public)
    return genesis, public


def _store(config: Config) -> str:
    """Opens and reads what is there, as the daemon does at its start; makes nothing."""
    from peerd.storage import Store

    if _daemon_answers(config):
        return f"{config.data} is the running daemon's"
    if not config.data.exists() or not any(config.data.glob("peerd.sqlite3*")):
        return f"{config.data} has no rounds yet"
    with Store.open(config.data, source=config.storage.source) as store:
        _check_owner(config, store)
        head = store.head()
        for round_ in range(head + 1):
            store.certificate(round_)
    if head < 0:
        return f"{config.data} has no rounds yet"
    return f"{config.data}, last certified round {head}"


def _kept(config: Config) -> list[Check]:
    """What the data directory holds of past rounds, against the operator's budget."""
    import trio

    from peerd.runner.evidence.keeping import document, too_much
    from peerd.status.client import get
    from peerd.storage import Store

    shown: Any
    if _daemon_answers(config):
        shown = trio.run(get, config.status, "/v1/status").get("storage")
    elif any(config.data.glob("peerd.sqlite3*")):
        with Store.open(config.data, config.storage.keeping, config.storage.source) as store:
            shown = document(store.usage())
    else:
        shown = None
    if shown is None:
        return []
    budget = "no budget" if shown["budget"] is None else f"a budget of {size(shown['budget'])}"
    told = f"{shown['transcripts']} transcripts, {size(shown['bytes'])} in all, {budget}"
    line = too_much(shown)
    return [Check("what is kept", "ok" if line is None else "warning", line or told)]


def _check_owner(config: Config, store: Store) -> None:
    """Nothing where key or genesis can't be read: they have lines of their own."""
    from peerd.errors import GroupError, IdentityError
    from peerd.group import load
    from peerd.runner.succession.membership import Left, check_standing

    try:
        check_standing(store, load(config.genesis), config.key)
    except Left:
        raise
    except (GroupError, IdentityError):
        return


def _rehearsed(config: Config) -> list[Check]:
    """What keeps this peer from training, what its owner should know, and whether it is in time.

    One real update on its own data, dealt and checked: whoever is too slow is absent.
    """
    import trio

    from peerd.cli.output import quiet_logs
    from peerd.errors import GroupError
    from peerd.runner.rehearsal import check_time, rehearse

    genesis, public = _member(config)
    quiet_logs()
    found = trio.run(rehearse, genesis, config.task, public)
    checks = [Check("task", "ok", f"{genesis.task} trains on this peer's data")]
    checks += [Check("task", "warning", line) for line in found.warnings]
    try:
        return [*checks, Check("training", "ok", check_time(found, genesis))]
    except GroupError as error:
        return [*checks, Check("training", "error", str(error))]


def _latency(config: Config) -> str:
    """What the running daemon measures, against the group's Δ."""
    import trio

    from peerd.cli.current_group import current_genesis
    from peerd.runner.sight.latency import check_times
    from peerd.status.client import get

    if not _daemon_answers(config):
        return "no daemon runs that could measure it"
    peers: Any = trio.run(get, config.status, "/v1/peers")["peers"]
    times = {
        label(peer["name"], peer["peer"]) if peer.get("name") else peer["peer"]: peer["rtt"]
        for peer in peers
        if peer["rtt"] is not None
    }
    return check_times(times, current_genesis(config).delta_ms)


def _status(config: Config) -> str:
    from peerd.status.endpoint import listen

    if _daemon_answers(config):
        return f"a daemon answers at {config.status}"
    there = config.status.parent.exists()
    if there or config.status.parent.parent.exists():
        listen(config.status).close()
        if not there:
            config.status.parent.rmdir()
    return f"{config.status} can be used"


def _port(config: Config) -> str:
    from peerd.errors import NetworkError

    if _daemon_answers(config):
        return f"{config.listen} is the running daemon's"
    _, family, host, _, port = config.listen.split("/")
    kind = socket.AF_INET6 if family == "ip6" else socket.AF_INET
    with socket.socket(kind, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if kind == socket.AF_INET6:  # as the daemon does
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            raise NetworkError(
                f"can't listen on {config.listen}: {error.strerror}", "change 'listen'"
            ) from None
    return f"{config.listen} is free"


def _reach(config: Config) -> list[Check]:
    """At which addresses the others are told to find this peer."""
    from peerd.discovery.bootstraps import split
    from peerd.discovery.own_addresses import NOWHERE, published
    from peerd.identity import public_of
    from peerd.transport.circuit import circuit_address

    circuits = [circuit_address(public_of(split(relay)[1])) for relay in config.relays]
    found = published([config.listen], config.announce, circuits)
    if found:
        return [Check("reach", "ok", f"others are told to find this peer at {', '.join(found)}")]
    if config.announce is not None:
        alone = "others reach this peer only by its own dialling, as 'announce = []' says"
        return [Check("reach", "ok", alone)]
    return [Check("reach", "warning", NOWHERE)]


def _disk(config: Config) -> Check:
    place = config.data
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if not os.access(place, os.W_OK):
        return Check("disk", "error", f"{place} can't be written")
    message = f"{free / 1e9:.1f} GB free at {place}"
    return Check("disk", "ok" if free >= LITTLE_DISK_BYTES else "warning", message)


def _daemon_answers(config: Config) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(config.status))
        except OSError:
            return False
    return True
