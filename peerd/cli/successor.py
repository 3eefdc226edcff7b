"""``peerd group successor``: draft a group that goes on from another (docs/operate/change.md)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.current_group import running
from peerd.cli.daemon import add_config_argument
from peerd.cli.members import Member, addresses_of, checked_name, listed
from peerd.cli.pairs import deadlines, pairs
from peerd.cli.promise import add_promise_arguments, add_rounds_argument, successor_promise
from peerd.cli.rhythm_arguments import add_rhythm_arguments, stated_rhythm
from peerd.cli.who import public, who
from peerd.errors import ConfigError

if TYPE_CHECKING:
    from peerd.group import Genesis
    from peerd.group.drafting import Changes
    from peerd.group.rhythm import Rhythm

EXPLAINED = {"protocol": "its version, which all members' peerd must speak"}
DEFAULT_OUT = Path("draft.json")
AHEAD = 2
"""Rounds from now on until a draft may be decided: its members sign it first."""
WINDOW = 1000
NUMBERS = {
    "delta": "delta_ms",
    "bandwidth": "bandwidth_bytes_per_second",
    "training": "training_seconds",
    "absent": "absent",
    "clients": "clients",
    "protocol": "version",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is to change; everything else stays as it is."""
    add_config_argument(parser)
    parser.add_argument(
        "--genesis", type=Path, metavar="FILE", help="the group's (default: the daemon's)"
    )
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    members = parser.add_argument_group("members", "WHO is a member's name or peer id")
    for name, metavar, text in (
        (
            "join",
            "PEER[=WEIGHT] NAME [ADDRESS]|FILE",
            "a new member: its card, as 'peerd init' prints it",
        ),
        ("leave", "WHO", "a member that has no part in it"),
        ("rotate", "WHO=PEER", "a member's new key, as 'peerd group rotate' prints it"),
        ("lost", "WHO", "a member that rotates, and whose old key can't sign any more"),
        ("rename", "WHO=NAME", "what a member is called from then on"),
        ("weight", "WHO=WEIGHT", "what a member weighs from then on, for a weighted aggregator"),
        ("held-out-rows", "WHO=ROWS", "how many held-out rows a member has"),
    ):
        members.add_argument(f"--{name}", action="append", default=[], metavar=metavar, help=text)
    terms = parser.add_argument_group("terms", "as 'peerd group new' has them")
    terms.add_argument("--name", help="of the group")
    terms.add_argument("--adversary", metavar="BETA")
    terms.add_argument("--dropout", metavar="Q")
    for name in NUMBERS:
        terms.add_argument(f"--{name}", type=int, metavar="N", help=EXPLAINED.get(name))
    terms.add_argument(
        "--aggregator", metavar="RULE", help="with the constants that it defaults to"
    )
    terms.add_argument(
        "--constant", action="append", default=[], metavar="NAME=VALUE", help="of the aggregator"
    )
    terms.add_argument("--deadline", action="append", default=[], metavar="PHASE=MS")
    terms.add_argument("--task-option", action="append", default=[], metavar="NAME=VALUE")
    add_promise_arguments(terms)
    add_rounds_argument(terms)
    terms.add_argument(
        "--no-privacy", action="store_true", help="end the promise to people that the group makes"
    )
    add_rhythm_arguments(terms)
    terms.add_argument(
        "--no-rhythm",
        action="store_true",
        help="a round begins when the one before is over, without end, but for what is said beside",
    )
    terms.add_argument(
        "--rounds",
        metavar="FIRST:LAST",
        help=f"in which it may be decided (default: {WINDOW} rounds, from {AHEAD} ahead on)",
    )


def main(args: argparse.Namespace) -> Genesis:
    """The draft, written."""
    from peerd.cli.rule_arguments import typed
    from peerd.group import load, save
    from peerd.group.drafting import draft
    from peerd.runner.resume import setting_of

    if args.out.exists():
        raise ConfigError(f"{args.out} exists already", "name a new file with --out")
    old, head = (load(args.genesis), None) if args.genesis else _running(args.config)
    changes = _changes(args, old, head)
    with typed():
        found = draft(old, changes)
        setting_of(found)
    save(found, args.out)
    return found


def _running(config: Path) -> tuple[Genesis, int]:
    """As ``running``, with the members' addresses of today: a newcomer finds them there."""
    import trio

    from peerd.config import Config
    from peerd.group.addresses import is_address
    from peerd.identity import public_of
    from peerd.status.client import get
    from peerd.status.remote import remote

    genesis, head = running(config)
    socket = remote() or Config.load(config, os.environ).status
    peers: Any = trio.run(get, socket, "/v1/peers")["peers"]
    found = {
        public_of(peer["peer"]): next(filter(is_address, peer.get("published", ())), None)
        for peer in peers
    }
    known = {public: address for public, address in found.items() if address is not None}
    return replace(genesis, addresses=known), head


def _changes(args: argparse.Namespace, old: Genesis, head: int | None) -> Changes:
    from peerd.group.drafting import Changes

    joining = listed(args.join, "--join")
    rotated = _pairs(args, "rotate")
    keys = {who(old, one, "--rotate"): public("--rotate", new) for one, new in rotated}
    first, last = _window(args.rounds, head)
    weights = {each.public: each.number for each in joining if each.number is not None}
    names = {who(old, one, "--rename"): name for one, name in _pairs(args, "rename")}
    return Changes(
        first=first,
        last=last,
        joining={each.public: each.name for each in joining},
        leaving=frozenset(who(old, one, "--leave") for one in args.leave),
        keys=keys,
        lost=frozenset(who(old, one, "--lost") for one in args.lost),
        renamed={key: checked_name(name, "--rename: ") for key, name in names.items()},
        weights=weights | _numbers(args, "weight", old, keys, joining),
        held_out=_numbers(args, "held_out_rows", old, keys, joining),
        addresses=addresses_of(joining),
        values=_values(args, old),
    )


def _numbers(
    args: argparse.Namespace,
    name: str,
    old: Genesis,
    keys: dict[bytes, bytes],
    joining: Sequence[Member],
) -> dict[bytes, int]:
    """By the key that each has in the successor."""
    option, found = "--" + name.replace("_", "-"), {}
    for one, number in _pairs(args, name):
        try:
            member = who(old, one, option)
        except ConfigError as error:
            known = _newcomer(one, joining)
            if known is None:
                raise error from None
            member = known
        found[keys.get(member, member)] = _number(option, number)
    return found


def _newcomer(text: str, joining: Sequence[Member]) -> bytes | None:
    """Who joins by this name or peer id; None where nobody does."""
    from peerd.group.names import folded

    named = [each.public for each in joining if each.name and folded(each.name) == folded(text)]
    if named:
        return named[0]
    try:
        key = public("", text)
    except ConfigError:
        return None
    return key if key in {each.public for each in joining} else None


def _values(args: argparse.Namespace, old: Genesis) -> dict[str, Any]:
    from peerd import decimals
    from protocols.plan import PlanError, rational

    values: dict[str, Any] = {
        field: getattr(args, name)
        for name, field in NUMBERS.items()
        if getattr(args, name) is not None
    }
    try:
        for name in ("adversary", "dropout"):
            if getattr(args, name) is not None:
                values[name] = rational(getattr(args, name))
    except PlanError as error:
        raise ConfigError(f"--adversary, --dropout: {error}") from None
    if args.name is not None:
        values["name"] = args.name
    if args.aggregator is not None or args.constant:
        values |= _rule(args, old)
    values |= successor_promise(args, old, values)
    rhythm = _rhythm(args, old)
    if rhythm != old.rhythm:
        values["rhythm"] = rhythm
    if args.deadline:
        values["deadlines"] = {**old.deadlines, **deadlines(args.deadline)}
    if args.task_option:
        given = pairs("--task-option", args.task_option, decimals.kept)
        values["task_options"] = {**old.task_options, **given}
    return values


def _rhythm(args: argparse.Namespace, old: Genesis) -> Rhythm | None:
    from peerd.group.rhythm import check_rhythm, rhythm_content

    kept = old.rhythm is not None and not args.no_rhythm
    return check_rhythm(
        stated_rhythm(args, rhythm_content(old.rhythm) if kept and old.rhythm else None)
    )


def _rule(args: argparse.Namespace, old: Genesis) -> dict[str, Any]:
    """The rule with its constants: of the old one those that are not said stay."""
    from peerd.cli.rule_arguments import rule_request, typed_rule

    args.aggregator = args.aggregator or old.aggregator
    name, said = rule_request(args)
    kept = old.constants if name == old.aggregator else {}
    return {"aggregator": name, "constants": typed_rule(name, {**kept, **said}).constants()}


def _window(text: str | None, head: int | None) -> tuple[int, int]:
    if text is None:
        if head is None:
            raise ConfigError("--rounds FIRST:LAST is missing", "no daemon says where the group is")
        return head + AHEAD, head + AHEAD + WINDOW - 1
    first, colon, last = text.partition(":")
    if not colon:
        raise ConfigError(f"--rounds {text}: not FIRST:LAST", "such as 2000:4000")
    window = _number("--rounds", first), _number("--rounds", last)
    if window[0] > window[1]:
        raise ConfigError(f"--rounds {text}: the first is behind the last", "such as 2000:4000")
    if head is not None and window[1] <= head:
        raise ConfigError(f"--rounds {text}: these are over", f"the group has made round {head}")
    return window


def _pairs(args: argparse.Namespace, name: str) -> list[tuple[str, str]]:
    """A new name may hold "=", and so may who has a number or a key: that is behind the last."""
    found, option = [], "--" + name.replace("_", "-")
    for word in getattr(args, name):
        one, equals, what = word.partition("=") if name == "rename" else word.rpartition("=")
        if not equals or not one.strip() or not what.strip():
            raise ConfigError(f"{option} {word}: must have something before = and behind it")
        found.append((one.strip(), what.strip()))
    return found


def _number(option: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ConfigError(f"{option}: {text!r} is no whole number")
    return int(text)
