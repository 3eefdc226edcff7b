"""``peerd pause``, ``resume``, ``drain``, ``reload``: what one daemon is to do
(docs/operate/change.md).
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from peerd.cli.answers import OrderRefused, check_may, order
from peerd.cli.daemon import add_config_argument, place
from peerd.errors import ConfigError

if TYPE_CHECKING:
    from peerd.status.remote import Place

DONE = {
    "pause": "paused: this peer finishes the round that it is in, then follows the others",
    "resume": "resumed: this peer takes part from the next round that it can",
    "drain": "draining: the daemon finishes the round that it is in, and stops",
    "reload": "the daemon has read its configuration again; 'peerd status' warns of what is wrong",
}


LEAVES = ("pause", "drain")
"""Behind which the others are one fewer."""


class StayRefused(OrderRefused):
    """The daemon does not do it, and says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The daemon's configuration, and a confirmation of what may stop the group."""
    add_config_argument(parser)
    if parser.prog.split()[-1] in LEAVES:
        parser.add_argument(
            "--yes", action="store_true", help="also where the group can't go on without this peer"
        )


def main(args: argparse.Namespace) -> int:
    """Order it, and say what the daemon made of it."""
    import trio

    from peerd.status.client import get

    daemon = place(args)
    if args.command in LEAVES:
        check_may(daemon, args.command)  # who may not need not know how the others do
        _warn(daemon, trio.run(get, daemon, "/v1/peers")["peers"], confirmed=args.yes)
    order(daemon, args.command, StayRefused)
    print(DONE[args.command])
    return 0


def _warn(daemon: Place, peers: object, *, confirmed: bool) -> None:
    """ConfigError where so few would be left that nothing is agreed on, unless ``confirmed``."""
    from peerd.cli.current_group import of_daemon
    from peerd.runner.resume import setting_of

    setting = setting_of(of_daemon(daemon, None))
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
