"""``peerd init``: a peer's directory with its key and its configuration."""

from __future__ import annotations

import argparse
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.members import checked_name, line_of
from peerd.cli.output import print_json
from peerd.cli.places import directory_for
from peerd.cli.task_arguments import add_local_arguments, task_config
from peerd.errors import ConfigError

if TYPE_CHECKING:
    from peerd.config import Config

CONFIG = "peerd.toml"
KEY = "peer.key"
CARD = "card.txt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The directory, and what the configuration says first."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="made if it does not exist")
    parser.add_argument("--name", help="what people call this member: on its card for the founder")
    parser.add_argument("--listen", metavar="ADDRESS", help="such as /ip4/0.0.0.0/tcp/4001")
    parser.add_argument(
        "--announce",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="where the others reach it, if not there (NAT, a DNS name)",
    )
    parser.add_argument(
        "--bootstrap", action="append", default=[], metavar="ADDRESS", help="a peer to ask first"
    )
    add_local_arguments(parser)
    parser.add_argument(
        "--partition", default="0/1", metavar="I/N", help="train on the I-th of N parts of the data"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of this peer's training")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Make key and configuration; neither is ever overwritten."""
    from peerd.config import Config, StorageConfig, render_config
    from peerd.identity import Identity, with_checksum
    from peerd.sealing.source import named

    name = None if args.name is None else checked_name(args.name, "--name: ")
    directory: Path = args.directory
    config = directory / CONFIG
    if config.exists():
        raise ConfigError(f"{config} exists already", "edit it, or choose another directory")
    index, count = partition(args.partition)
    source = named()
    text = render_config(
        key=KEY,
        listen=args.listen,
        announce=tuple(args.announce) or None,
        bootstrap=tuple(args.bootstrap),
        task=task_config(args, partition=index, partitions=count, seed=args.seed),
        # the daemon, which may have another environment, is to begin with it as well
        storage=StorageConfig(key=None if source is None else source.text),
    )
    with directory_for("DIR", directory, 0o700):
        _write_checked(config, text)
        try:
            if source is not None:
                source.ask_twice()
            identity = Identity.create(directory / KEY, source)
        except BaseException:
            config.unlink()
            raise
    address = _reached(Config.load(config))
    card = line_of(with_checksum(identity.peer_id), name, address)
    (directory / CARD).write_text(card + "\n", encoding="utf-8")
    found = {
        "peer": identity.peer_id,
        "name": name,
        "address": address,
        "key": str(directory / KEY),
        "config": str(config),
        "card": str(directory / CARD),
    }
    if args.json:
        print_json(found)
    else:
        print(card)
        copy = "keep a copy where nobody else can read it"
        if source is not None:
            copy = f"encrypted: keep a copy of it, and elsewhere what opens it: {source.text}"
        print(f"key {directory / KEY} ({copy})")
        print(f"configuration {config}")
        print(f"card {directory / CARD}")
        print(
            "next: give the first line to the group's founder ('peerd group new'): it is the card"
        )
        if address is None:
            print(
                "note: the card has no address, as --listen is none that others could connect to:"
                " say --announce, unless this peer is to be found through others"
            )
    return 0


def _reached(config: Config) -> str | None:
    """Where others are to connect to, as far as the configuration says."""
    if config.announce is not None:
        return config.announce[0] if config.announce else None
    host, port = config.listen.split("/")[2::2]
    anywhere = ipaddress.ip_address(host).is_unspecified or port == "0"
    return None if anywhere else config.listen


def partition(text: str) -> tuple[int, int]:
    """``0/8`` as (0, 8). ConfigError."""
    index, slash, count = text.partition("/")
    if not (slash and index.isascii() and index.isdigit() and count.isascii() and count.isdigit()):
        raise ConfigError(f"--partition {text}: not I/N", "for example 0/8")
    if not int(index) < int(count):
        raise ConfigError(f"--partition {text}: parts are counted from 0 to {int(count) - 1}")
    return int(index), int(count)


def _write_checked(path: Path, text: str) -> None:
    """A configuration that the daemon would refuse, or half of one, is not left behind."""
    from peerd.config import Config

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        Config.load(path)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ConfigError(
            f"DIR {path.parent}: can't write {path.name}: {error.strerror}", "name another place"
        ) from None
    except BaseException:
        path.unlink()
        raise
