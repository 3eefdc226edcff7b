"""A configuration that is read again: what of it takes effect in a running daemon.

All of it is tried before any of it is taken over: what is wrong leaves everything as it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from socket import socket
from typing import Any, Protocol

import structlog

from peerd.config import Config, declared
from peerd.dashboard.port import DashboardPort
from peerd.discovery.bootstraps import members_behind
from peerd.discovery.discovery import Discovery
from peerd.errors import PeerdError
from peerd.group import Genesis
from peerd.group.members import names_by_peer
from peerd.learning import Trainer
from peerd.levels import measures_set
from peerd.logging import configure
from peerd.runner.operators.noting import codes_of, pending_of, roles_of
from peerd.status.board import StatusBoard
from peerd.status.control_port import ControlPort
from peerd.status.control_tls import Credentials, credentials
from peerd.status.gate import Gate
from peerd.status.metrics_port import MetricsPort
from peerd.status.tcp_port import TcpPort
from peerd.storage import Store

log = structlog.get_logger(__name__)


class Reloadable(Protocol):
    """A daemon. ``config``: what is in force; ``discovery``: None until the transport runs;
    ``bootstraps``: those that a configuration names, in terms of the current group.
    """

    config: Config
    genesis: Genesis
    store: Store
    trainer: Trainer
    board: StatusBoard
    metrics_port: MetricsPort
    dashboard_port: DashboardPort
    control_port: ControlPort
    discovery: Discovery | None
    gate: Gate

    def bootstraps(self, configured: Iterable[str]) -> list[str]: ...

    def founding_addresses(self) -> list[str]: ...


def reload(daemon: Reloadable, file: Path) -> None:
    """Raises nothing that an operator's file can cause: the log and the status say it."""
    before = daemon.config
    try:
        new = Config.load(file, os.environ)
        _take_over(daemon, new)
    except PeerdError as error:
        log.error("the configuration stays as it was", file=file, reason=str(error))
        daemon.board.warn("configuration", [f"{file} was not taken over: {error}"])
        return
    daemon.board.update(measures=measures_set(daemon.config))
    log.info("configuration read again", changed=differing(before, daemon.config))
    waiting = [f"needs a restart: {', '.join(differing(daemon.config, new))}"]
    waiting = waiting if daemon.config != new else []
    for line in waiting:
        log.warning(line)
    daemon.board.warn("configuration", waiting)


def _take_over(daemon: Reloadable, new: Config) -> None:
    """PeerdError; then nothing has changed."""
    bootstrap = daemon.bootstraps([*new.bootstrap, *daemon.founding_addresses()])
    relays = daemon.bootstraps(new.relays)
    force = in_force(daemon.config, new)
    roles, shown = roles_of(new), credentials(force.control.tls)
    members_behind([*bootstrap, *relays], daemon.genesis.roster)
    ports: list[tuple[TcpPort, str | None]] = [
        (daemon.metrics_port, new.metrics.listen),
        (daemon.dashboard_port, new.dashboard.address),
        (daemon.control_port, force.control.tls.listen),
    ]
    with ExitStack() as failed:
        prepared = [_prepared(port, listen, failed) for port, listen in ports]
        names = names_by_peer(daemon.genesis)
        configure(new.log.level, new.log.format, file=new.log.file, names=names)
        failed.pop_all()
    daemon.config = force
    for (port, listen), opened in zip(ports, prepared, strict=True):
        port.turn_to(listen, opened)
    if daemon.config.control == new.control:
        daemon.gate.roles = roles
        daemon.gate.codes = codes_of(new, daemon.store)
        daemon.gate.pending = pending_of(new, daemon.store)
        _show(daemon, shown)
    if daemon.discovery is not None:
        daemon.discovery.point_to(bootstrap, new.announce, relays)
    daemon.store.keeping = new.storage.keeping
    seconds = new.task.evaluation_seconds
    daemon.trainer.training = replace(daemon.trainer.training, evaluation_seconds=seconds)


def _show(daemon: Reloadable, shown: Credentials | None) -> None:
    """To new connections; who is connected is asked for in the list of the revoked anew."""
    daemon.control_port.credentials = shown
    if shown is not None:
        daemon.gate.revoked = shown.revoked.has


def _prepared(port: TcpPort, listen: str | None, failed: ExitStack) -> socket | None:
    """The socket, which is closed if the rest fails. NetworkError."""
    opened = port.prepare(listen)
    if opened is not None:
        failed.callback(opened.close)
    return opened


def in_force(old: Config, new: Config) -> Config:
    """``old``, with what of ``new`` a running daemon can take over.

    A site's data are not among it: they were looked at before anything was signed.
    """
    goes_on = old.control.named == new.control.named  # else the socket's mode would be another
    return replace(
        old,
        control=new.control if goes_on else old.control,
        announce=new.announce,
        bootstrap=new.bootstrap,
        relays=new.relays,
        drain_seconds=new.drain_seconds,
        task=replace(old.task, evaluation_seconds=new.task.evaluation_seconds),
        storage=replace(new.storage, key=old.storage.key),
        log=new.log,
        metrics=new.metrics,
        dashboard=new.dashboard,
        alarms=new.alarms,
    )


def differing(one: Config, other: Config) -> list[str]:
    """The keys whose values differ, with their sections, in the file's order."""
    return [name for name, _, _ in declared() if _value(one, name) != _value(other, name)]


def _value(config: Config, name: str) -> Any:
    found: Any = config
    for part in name.split("."):
        found = getattr(found, part)
    return found
