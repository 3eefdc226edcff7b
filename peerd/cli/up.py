"""``peerd up``: from the founder's file to a daemon that takes part, in one command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.confirm import ask_digits
from peerd.cli.daemon import add_config_argument, load_config
from peerd.cli.group_sign import runs
from peerd.cli.signing import measure
from peerd.cli.terms import print_group, summary
from peerd.errors import ConfigError, GroupError
from peerd.runner.operators.told import Told

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.group import Genesis
    from peerd.identity import Identity


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The genesis, and how to sign it."""
    parser.add_argument(
        "genesis",
        type=Path,
        nargs="?",
        metavar="GENESIS",
        help="as the group's founder sent it (default: the one that the configuration names)",
    )
    add_config_argument(parser)
    parser.add_argument("--yes", action="store_true", help="sign it without being asked")
    parser.add_argument(
        "--unmeasured", action="store_true", help="sign without timing an update on this machine"
    )


def main(args: argparse.Namespace) -> int:
    """Show, sign, put in place, collect the others' signatures, run; the daemon's exit code."""
    from peerd.group import save
    from peerd.identity import Identity

    config = load_config(args)
    if runs(config):
        raise ConfigError(
            f"a daemon runs already, and answers at {config.status}",
            "what it is to sign it signs itself: 'peerd group sign GENESIS --config FILE'",
        )
    identity = Identity.load(config.key, config.storage.source)
    placed = _placed(config)
    genesis = _agreed(placed, args.genesis, config)
    genesis.verify_signatures()
    if identity.public in genesis.unsigned():
        genesis = _signed(args, genesis, identity)
    if genesis != placed:
        save(genesis, config.genesis)
    told = Told()
    told.note()
    try:
        from peerd.runner.daemon import run

        return run(config, file=args.config, founds=True, told=told)
    finally:
        told.end()


def _placed(config: Config) -> Genesis | None:
    from peerd.group import load

    return load(config.genesis) if config.genesis.exists() else None


def _agreed(placed: Genesis | None, given: Path | None, config: Config) -> Genesis:
    """The one genesis of the two files, with the signatures of both. GroupError."""
    from peerd.group import load, merge

    if given is None:
        if placed is None:
            raise GroupError(f"there is no genesis {config.genesis}", "name the founder's file")
        return placed
    genesis = load(given)
    if placed is not None and placed.group_id != genesis.group_id:
        raise GroupError(
            f"{given} is of another group than {config.genesis}, which this peer has",
            "a running group changes by 'peerd group successor'; for another group, make another"
            " peer with 'peerd init'",
        )
    return genesis if placed is None else merge(placed, [genesis])


def _signed(args: argparse.Namespace, genesis: Genesis, identity: Identity) -> Genesis:
    """With this peer's signature, if its operator gives it. ConfigError, GroupError."""
    from peerd.group import sign
    from peerd.group.members import called
    from peerd.runner.resume import setting_of

    me = genesis.index(identity.public)
    setting_of(genesis)
    print_group(genesis, summary(genesis), terms=True)
    if not args.unmeasured:
        measure(genesis, args.config, identity.public, None)
    if not args.yes:
        print(f"You sign as {called(genesis, me)}. Compare the digits with the founder's.")
        sys.stdout.flush()
        ask_digits(genesis.group_id.hex(), "sign")
    return sign(genesis, identity)
