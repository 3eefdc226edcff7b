"""``peerd pause``, ``resume``, ``drain``: one node rests, and says so (docs/operate/change.md)."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from peerd.cli.answers import OrderRefused, await_answer
from peerd.cli.daemon import add_config_argument, load_config
from peerd.errors import ConfigError

if TYPE_CHECKING:
    from peerd.config import Config

DONE = {
    "pause": "paused: this peer finishes the round that it is in, then follows the others",
    "resume": "resumed: this peer takes part from the next round that it can",
    "drain": "draining: the daemon finishes the round that it is in, and stops",
}


class StayRefused(OrderRefused):
    """The daemon does not do it, and says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The daemon's configuration, and a confirmation of what may stop the group."""
    add_config_argument(parser)
    if not parser.prog.endswith(" resume"):
        parser.add_argument(
            "--yes", action="store_true", help="also where the group can't go on without this peer"
        )


def main(args: argparse.Namespace) -> int:
    """Leave the order, and say what the daemon made of it."""
    import trio

    from peerd.runner.operators.stays import Ask, give
    from peerd.status.client import get

    config, asked = load_config(args), Ask(args.command)
    status = trio.run(get, config.status, "/v1/status")
    if asked is not Ask.RESUME:
        _warn(config, trio.run(get, config.status, "/v1/peers")["peers"], confirmed=args.yes)
    give(config.data, asked)
    trio.run(await_answer, config.status, status["seq"], StayRefused)
    print(DONE[asked])
    return 0


def _warn(config: Config, peers: object, *, confirmed: bool) -> None:
    """ConfigError where so few would be left that nothing is agreed on, unless ``confirmed``."""
    from peerd.cli.current_group import current_genesis
    from peerd.runner.resume import setting_of

    setting = setting_of(current_genesis(config))
    others = [each for each in peers if not each["self"]] if isinstance(peers, list) else []
    away = 1 + sum(each["away"] or not each["connected"] for each in others)
    left = setting.peers - away
    told = f"with this peer {away} of {setting.peers} members are away"
    if left < setting.roster_quorum and not confirmed:
        raise ConfigError(
            f"{told}, and the group can't go on with fewer than {setting.roster_quorum}",
            "wait until others are back, or say --yes",
        )
    covered = setting.plan.absent
    if away > covered:
        print(
            f"warning: {told}; the group's plan covers {covered}, so that a liar more may hold up"
            " its rounds",
            file=sys.stderr,
        )
