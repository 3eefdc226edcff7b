"""``peerd officer``: the second factor of those who have things signed (docs/operate/trail.md)."""

from __future__ import annotations

import argparse

from peerd.cli.answers import OrderRefused, order
from peerd.cli.daemon import add_config_argument, load_config
from peerd.errors import ConfigError


class EnrolRefused(OrderRefused):
    """The daemon makes no secret, and says why."""

    what = "enroll you"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    enroll = verbs.add_parser("enroll", help="have the daemon make your secret, shown this once")
    reset = verbs.add_parser("reset", help="forget an officer's secret, while no daemon runs")
    reset.add_argument("user", metavar="USER", help="the officer who is to enroll anew")
    for each in (enroll, reset):
        add_config_argument(each)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    return _enroll(args) if args.verb == "enroll" else _reset(args)


def _enroll(args: argparse.Namespace) -> int:
    answer = order(load_config(args).status, "enroll", EnrolRefused)
    print(answer["uri"])
    print("Put this into your authenticator now: it is not shown again, and who has it is you.")
    return 0


def _reset(args: argparse.Namespace) -> int:
    """By whoever may write to the directory, who could do anything; it is in the trail."""
    import os
    import pwd
    from contextlib import closing

    from peerd.status.codes import forget
    from peerd.storage import Store
    from peerd.trail import Actor, Factor, Trail
    from peerd.trail.record import user_name

    try:
        uid = pwd.getpwnam(args.user).pw_uid
    except KeyError:
        raise ConfigError(f"this machine has no user {args.user}") from None
    with Store.open(load_config(args).data) as store, closing(Trail(store)) as trail:
        me = Actor(Factor.DIRECTORY, os.getuid(), user_name(os.getuid()))
        trail.note("reset code", me, of=args.user)
        if not forget(store, uid):
            raise ConfigError(f"{args.user} has not enrolled")
    print(f"{args.user} enrolls anew with 'peerd officer enroll'")
    return 0
