"""``peerd abandon``: give up a decided cohort whose sum is lost for good (docs/operate/keep.md)."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from peerd.cli.answers import OrderRefused, add_code_argument, check_may, order, waits
from peerd.cli.confirm import asked
from peerd.cli.daemon import add_config_argument, place
from peerd.errors import ConfigError

if TYPE_CHECKING:
    from protocols.session.events import Order

DONE = "signed; the round ends once a quorum of the operators has signed"
LEAST_PREFIX = 8
"""Digits of the cohort's hash that an operator types: nobody gives up what they did not read."""


class AbandonRefused(OrderRefused):
    """The daemon does not sign it, and says why."""

    what = "sign"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The cohort, for a daemon that does not know it, and the confirmation."""
    add_config_argument(parser)
    parser.add_argument(
        "--cohort",
        metavar="ROUND.ATTEMPT.HASH",
        help="what another operator's daemon shows, for one whose data directory is lost",
    )
    add_code_argument(parser)
    parser.add_argument(
        "--yes-abandon", metavar="PREFIX", help="the first digits of HASH, instead of typing them"
    )


def main(args: argparse.Namespace) -> int:
    """Show what stands, ask, leave the order, and say what the daemon made of it."""
    import trio

    from peerd.status.client import get
    from protocols.record.abandonment import WORDS

    daemon = place(args)
    check_may(daemon, "abandon")
    status = trio.run(get, daemon, "/v1/status")
    given_up = _order(args.cohort or status.get("abandon"))
    name = given_up.cohort.hex()
    print(f"round {given_up.round}, attempt {given_up.attempt}: the cohort {name} is decided.")
    print("No other is opened in its place unless its operators sign these words:")
    print(f"\n  {WORDS}\n")
    print("Wait instead while a member that is away may come back with its data directory.")
    print("What this peer holds of the cohort is erased at once, and it can't be taken back.\n")
    given = args.yes_abandon
    if given is None:
        question = f"Type the first {LEAST_PREFIX} digits of the cohort to sign: "
        given = asked(question, "--yes-abandon DIGITS")
    if len(given) < LEAST_PREFIX or not name.startswith(given):
        raise ConfigError("these are not the first digits of the cohort", "nothing was signed")
    about = {"round": given_up.round, "attempt": given_up.attempt, "cohort": name}
    answer = order(daemon, "abandon", AbandonRefused, args.code, **about)
    print(waits(answer) or DONE)
    return 0


def _order(text: object) -> Order:
    from peerd.runner.operators.orders import order_of

    parts = str(text or "").split(".")
    if len(parts) != 3 or not (parts[0] + parts[1]).isdecimal():
        raise ConfigError(
            "this daemon has not stopped at a decided cohort",
            "where its data directory was lost: --cohort ROUND.ATTEMPT.HASH, as another's"
            " 'peerd status' shows under 'abandon'",
        )
    return order_of(int(parts[0]), int(parts[1]), parts[2])
