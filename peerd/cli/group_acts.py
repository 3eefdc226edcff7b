"""``peerd group rotate|approve|pause|resume``: what an operator does for the whole group."""

from __future__ import annotations

import argparse
from pathlib import Path

from peerd.cli import group_sign
from peerd.cli.answers import OrderRefused, add_code_argument, check_may, order, waits
from peerd.cli.confirm import ask_digits
from peerd.cli.daemon import add_config_argument, place
from peerd.cli.output import say
from peerd.errors import ConfigError

VERBS = {
    "rotate": "make the key that is to take this one's place",
    "approve": "approve a successor's draft, as a member of the group that it follows",
    "pause": "approve that the whole group rests",
    "resume": "approve that the group, which rests, goes on",
}

DONE = {
    "approve handover": "approved; the group hands over once a quorum of its members has",
    "approve pause": "approved; the group rests once a quorum has",
    "approve resume": "approved; the group goes on once a quorum has",
}
"""By the act's name: what it means that it was done."""


class ApprovalRefused(OrderRefused):
    """The daemon does not sign it, and says why."""

    what = "sign"


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The verbs of VERBS."""
    parsers = {name: verbs.add_parser(name, help=text) for name, text in VERBS.items()}
    group_sign.add_rotate_arguments(parsers["rotate"])
    parsers["approve"].add_argument("draft", type=Path, metavar="DRAFT")
    parsers["approve"].add_argument(
        "--yes", action="store_true", help="approve without being asked once more"
    )
    parsers["pause"].add_argument(
        "--within", type=int, metavar="ROUNDS", help="for how many rounds this approval holds"
    )
    for name in ("approve", "pause", "resume"):
        add_code_argument(parsers[name])
        add_config_argument(parsers[name])


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    if args.verb == "rotate":
        group_sign.rotate(args)
    elif args.verb == "approve":
        _approve(args)
    else:
        _act(args)
    return 0


def _approve(args: argparse.Namespace) -> None:
    from peerd.cli.current_group import running
    from peerd.group import load
    from peerd.group.differences import differences
    from peerd.group.document import render

    draft = load(args.draft)
    draft.verify()
    check_may(place(args), "approve-handover")
    old, _ = running(args.config)
    for line in differences(old, draft):
        say(line)
    print("Ask the others by another channel: whoever has stolen a key signs its own rotation.")
    if not args.yes:
        ask_digits(draft.group_id.hex(), "approve")
    text = {"draft": render(draft)}
    answer = order(place(args), "approve-handover", ApprovalRefused, args.code, **text)
    print(waits(answer) or DONE["approve handover"])


def _act(args: argparse.Namespace) -> None:
    import trio

    from peerd.status.client import get

    daemon = place(args)
    pauses, last = args.verb == "pause", None
    if pauses and args.within is not None:
        if args.within < 1:
            raise ConfigError("--within: at least one round")
        head = trio.run(get, daemon, "/v1/status").get("head")
        last = (head if isinstance(head, int) else -1) + args.within
    answer = order(daemon, f"approve-{args.verb}", ApprovalRefused, args.code, last=last)
    print(waits(answer) or DONE[f"approve {args.verb}"])
