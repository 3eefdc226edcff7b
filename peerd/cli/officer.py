"""``peerd officer``: second factors, and orders that wait for a second officer
(docs/operate/trail.md).
"""

from __future__ import annotations

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.answers import OrderRefused, add_code_argument, check_may, order
from peerd.cli.confirm import asked
from peerd.cli.daemon import add_config_argument, load_config, place
from peerd.cli.output import print_json, quiet_logs, say, table
from peerd.cli.places import check_file
from peerd.errors import ConfigError, VerificationError

if TYPE_CHECKING:
    from peerd.group import Genesis

LEAST_DIGITS = 8
"""Of an order's id that name it."""


class EnrolRefused(OrderRefused):
    """The daemon makes no secret, and says why."""

    what = "enroll you"


class ConfirmRefused(OrderRefused):
    """The daemon does not carry the order out, and says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    enroll = verbs.add_parser("enroll", help="have the daemon make your secret, shown this once")
    reset = verbs.add_parser("reset", help="forget an officer's secret, while no daemon runs")
    reset.add_argument("user", metavar="USER", help="the officer who is to enroll anew")
    pending = verbs.add_parser("pending", help="list the orders that wait for a second officer")
    pending.add_argument("--json", action="store_true", help="print one JSON document")
    confirm = verbs.add_parser("confirm", help="show an order that waits, and give it too")
    confirm.add_argument(
        "--yes", action="store_true", help="confirm what is shown without being asked"
    )
    confirm.add_argument(
        "--out", type=Path, metavar="FILE", help="where a draft goes that is signed by it"
    )
    withdraw = verbs.add_parser("withdraw", help="take back an order that waits")
    for each in (confirm, withdraw):
        each.add_argument("id", metavar="ID", help=f"its first digits, {LEAST_DIGITS} at least")
        add_code_argument(each)
    for each in (enroll, reset, pending, confirm, withdraw):
        add_config_argument(each)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    verbs = {
        "enroll": _enroll,
        "reset": _reset,
        "pending": _pending,
        "confirm": _confirm,
        "withdraw": _withdraw,
    }
    return verbs[args.verb](args)


def _enroll(args: argparse.Namespace) -> int:
    answer = order(place(args), "enroll", EnrolRefused)
    print(answer["uri"])
    print("Put this into your authenticator now: it is not shown again, and who has it is you.")
    return 0


def _reset(args: argparse.Namespace) -> int:
    """By whoever may write to the directory, who could do anything; it is in the trail."""
    import pwd

    from peerd.status.callers import FINGERPRINT
    from peerd.status.codes import forget
    from peerd.storage import Store
    from peerd.trail import note_by_directory

    who = args.user
    if not who.startswith(FINGERPRINT):
        try:
            who = str(pwd.getpwnam(args.user).pw_uid)
        except KeyError:
            raise ConfigError(f"this machine has no user {args.user}") from None
    config = load_config(args)
    quiet_logs()
    with Store.open(config.data, source=config.storage.source) as store:
        note_by_directory(store, "reset code", of=args.user)
        if not forget(store, who):
            raise ConfigError(f"{args.user} has not enrolled")
    print(f"{args.user} enrolls anew with 'peerd officer enroll'")
    return 0


# -- orders that wait ------------------------------------------------------------------------------


def _pending(args: argparse.Namespace) -> int:
    found = _waiting(args)
    if args.json:
        print_json({"pending": found})
        return 0
    rows = [
        (each["id"], each["act"], each["by"], moment(each["until"]), _given(each["arguments"]))
        for each in found
    ]
    for line in table(("id", "what", "by", "until", "with"), rows).splitlines():
        say(line)
    return 0


def _confirm(args: argparse.Namespace) -> int:
    """What is confirmed is what was shown: its digest is computed here, from that."""
    from peerd.status.pending import digest_of

    daemon = place(args)
    check_may(daemon, "confirm")
    digest = str(_named(args)["digest"])
    shown = _get(args, f"/v1/pending/{digest}")
    act, document = str(shown["act"]), shown["document"]
    if digest_of(act, document) != digest:
        raise VerificationError("the daemon shows another order than the one that is named so")
    if act == "sign" and args.out is None:
        raise ConfigError("the draft that is signed goes into a file", "say --out FILE")
    check_file("--out", args.out)  # ahead of the order, which nobody gives again
    draft = _show(args, shown, document)
    if not args.yes:
        given = asked(f"Type the first {LEAST_DIGITS} digits of {digest} to confirm: ", "--yes")
        if len(given) < LEAST_DIGITS or not digest.startswith(given):
            raise ConfigError("these are not its first digits", "nothing was confirmed")
    answer = order(daemon, "confirm", ConfirmRefused, args.code, order=digest)
    print(f"confirmed, and done: {act}")
    _tell(args, act, draft, answer)
    return 0


def _tell(
    args: argparse.Namespace, act: str, draft: Genesis | None, answer: dict[str, Any]
) -> None:
    """What came of it, as the command of the act itself tells it. Nobody hears it again."""
    from peerd.cli import abandon
    from peerd.cli.group_acts import DONE
    from peerd.cli.group_sign import tell_rotation

    if act == "sign" and draft is not None:
        _save(args.out, draft, answer)
    elif act == "rotate":
        tell_rotation(answer)
    elif (meaning := {**DONE, "abandon": abandon.DONE}.get(act)) is not None:
        print(meaning)
    else:
        for name in answer.keys() - {"done"}:
            say(f"  {name}: {answer[name]}")


def _withdraw(args: argparse.Namespace) -> int:
    found = _named(args)
    daemon, digest = place(args), found["digest"]
    order(daemon, "withdraw", ConfirmRefused, args.code, order=digest)
    print(f"withdrawn: {found['act']}")
    return 0


def _show(args: argparse.Namespace, shown: dict[str, Any], document: Any) -> Genesis | None:
    """The draft in it, if it has one; all of it is printed."""
    from peerd.cli.current_group import running
    from peerd.group.differences import differences
    from peerd.group.document import parse

    say(f"{shown['act']}, by {shown['by']} at {moment(shown['since'])}")
    rest = {name: value for name, value in document.items() if name != "draft"}
    for name, value in {**shown["arguments"], **rest}.items():
        say(f"  {name}: {value}")
    if "draft" not in document:
        return None
    draft = parse(str(document["draft"]).encode())
    say(f"  of the group {draft.group_id.hex()}, which changes:")
    for line in differences(running(args.config)[0], draft):
        say(f"  {line}")
    return draft


def _save(out: Path, draft: Genesis, answer: dict[str, Any]) -> None:
    from dataclasses import replace

    from peerd.cli.group_sign import signatures_of
    from peerd.group import save

    made = signatures_of(draft, answer)
    save(replace(draft, signatures={**draft.signatures, **made}), out)
    print(f"wrote {out}: 'peerd group merge' brings it together with the others'")


def _named(args: argparse.Namespace) -> dict[str, Any]:
    name = args.id.strip().lower()
    if len(name) < LEAST_DIGITS:
        raise ConfigError(f"ID {args.id}: at least {LEAST_DIGITS} digits")
    found = [each for each in _waiting(args) if str(each["digest"]).startswith(name)]
    if len(found) != 1:
        raise ConfigError(
            f"{len(found) or 'no'} orders that wait begin with {name}", "peerd officer pending"
        )
    return found[0]


def _waiting(args: argparse.Namespace) -> list[dict[str, Any]]:
    return list(_get(args, "/v1/pending")["pending"])


def _get(args: argparse.Namespace, target: str) -> dict[str, Any]:
    import trio

    from peerd.status.client import get

    return trio.run(get, place(args), target)


def _given(arguments: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in arguments.items())


def moment(seconds: float) -> str:
    """In local time, to the second."""
    return datetime.fromtimestamp(seconds).isoformat(" ", "seconds")
