"""Which daemon a command is about: its configuration, and its status socket."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.environment import CONFIG

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.status.remote import Place

DEFAULT_CONFIG = "peerd.toml"


def add_config_argument(parser: argparse._ActionsContainer) -> None:
    """``--config FILE``, from the environment's PEERD_CONFIG by default."""
    parser.add_argument(
        "--config",
        type=Path,
        default=Path(os.environ.get(CONFIG, DEFAULT_CONFIG)),
        metavar="FILE",
        help=f"the peer's configuration (default: ${CONFIG} or ./{DEFAULT_CONFIG})",
    )


def add_daemon_arguments(parser: argparse.ArgumentParser) -> None:
    """``--config``, ``--socket`` and ``--json``: for a command that asks a running daemon."""
    add_config_argument(parser)
    parser.add_argument(
        "--socket", type=Path, metavar="PATH", help="the daemon's status socket (else from FILE)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def load_config(args: argparse.Namespace) -> Config:
    """The configuration that ``--config`` names, and the environment. ConfigError."""
    from peerd.config import Config

    path: Path = args.config
    return Config.load(path, os.environ)


def place(args: argparse.Namespace) -> Place:
    """Where the daemon is asked: at the socket that ``--socket`` names, else over TLS where the
    environment says so, else at the configuration's socket. ConfigError.
    """
    from peerd.status.remote import remote

    given: Path | None = getattr(args, "socket", None)
    return given or remote() or load_config(args).status


def ask(args: argparse.Namespace, target: str) -> dict[str, object]:
    """The daemon's answer to ``GET target``. NotRunningError, StatusAnswerError."""
    import trio

    from peerd.status.client import get

    return trio.run(get, place(args), target)
