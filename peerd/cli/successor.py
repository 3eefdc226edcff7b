"""``peerd group successor``: draft a group that goes on from a running one (docs/operations.md)."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.daemon import add_config_argument
from peerd.cli.pairs import pairs
from peerd.errors import ConfigError, IdentityError

if TYPE_CHECKING:
    from peerd.group import Genesis
    from peerd.group.drafting import Changes

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
        ("join", "PEER[=WEIGHT] NAME", "a new member, as 'peerd init' prints it"),
        ("leave", "WHO", "a member that has no part in it"),
        ("rotate", "WHO=PEER", "a member's new key, as 'peerd group rotate' prints it"),
        ("lost", "WHO", "a member that rotates, and whose old key can't sign any more"),
        ("rename", "WHO=NAME", "what a member is called from then on"),
        ("held-out-rows", "WHO=ROWS", "how many held-out rows a member has"),
    ):
        members.add_argument(f"--{name}", action="append", default=[], metavar=metavar, help=text)
    terms = parser.add_argument_group("terms")
    terms.add_argument("--name", help="of the group")
    terms.add_argument("--adversary", metavar="BETA")
    terms.add_argument("--dropout", metavar="Q")
    for name in NUMBERS:
        terms.add_argument(f"--{name}", type=int, metavar="N")
    terms.add_argument(
        "--aggregator", metavar="RULE", help="with the constants that it defaults to"
    )
    terms.add_argument("--task-option", action="append", default=[], metavar="NAME=VALUE")
    terms.add_argument(
        "--rounds",
        metavar="FIRST:LAST",
        help=f"in which it may be decided (default: {WINDOW} rounds, from {AHEAD} ahead on)",
    )


def main(args: argparse.Namespace) -> Genesis:
    """The draft, written."""
    from peerd.group import load, save
    from peerd.group.drafting import draft
    from peerd.runner.resume import setting_of

    if args.out.exists():
        raise ConfigError(f"{args.out} exists already", "name a new file with --out")
    old, head = (load(args.genesis), None) if args.genesis else running(args.config)
    found = draft(old, _changes(args, old, head))
    setting_of(found)
    save(found, args.out)
    return found


def running(config: Path) -> tuple[Genesis, int]:
    """The genesis of the group that a daemon is in now, and its last round. NotRunningError."""
    import trio

    from peerd.config import Config
    from peerd.group.document import parse
    from peerd.status.client import get, get_bytes

    socket = Config.load(config).status
    document = trio.run(get_bytes, socket, "/v1/genesis")
    head = trio.run(get, socket, "/v1/status").get("head")
    return parse(document), head if isinstance(head, int) else -1


def _changes(args: argparse.Namespace, old: Genesis, head: int | None) -> Changes:
    from peerd.group.drafting import Changes

    joining, weights = _joining(args.join)
    rotated = {_who(old, who): _public("--rotate", new) for who, new in _pairs("--rotate", args)}
    first, last = _window(args.rounds, head)
    return Changes(
        first=first,
        last=last,
        joining=joining,
        leaving=frozenset(_who(old, who) for who in args.leave),
        keys=rotated,
        lost=frozenset(_who(old, who) for who in args.lost),
        renamed={_who(old, who): name for who, name in _pairs("--rename", args)},
        weights=weights,
        held_out=_rows(args, old, rotated),
        values=_values(args, old),
    )


def _joining(words: Sequence[str]) -> tuple[dict[bytes, str | None], dict[bytes, int]]:
    names: dict[bytes, str | None] = {}
    weights: dict[bytes, int] = {}
    for word in words:
        peer, _, name = word.strip().partition(" ")
        peer, equals, weight = peer.partition("=")
        public = _public("--join", peer)
        if public in names:
            raise ConfigError(f"--join {peer}: somebody is named twice")
        names[public] = name.strip() or None
        if equals:
            weights[public] = _number("--join", weight)
    return names, weights


def _rows(args: argparse.Namespace, old: Genesis, rotated: dict[bytes, bytes]) -> dict[bytes, int]:
    found = {}
    for who, rows in _pairs("--held-out-rows", args):
        try:
            member = _who(old, who)
            public = rotated.get(member, member)
        except ConfigError:
            public = _public("--held-out-rows", who)  # of somebody who joins
        found[public] = _number("--held-out-rows", rows)
    return found


def _values(args: argparse.Namespace, old: Genesis) -> dict[str, Any]:
    from peerd import decimals
    from protocols.plan import PlanError, rational

    values: dict[str, Any] = {
        field: getattr(args, name) for name, field in NUMBERS.items() if getattr(args, name)
    }
    try:
        for name in ("adversary", "dropout"):
            if getattr(args, name) is not None:
                values[name] = rational(getattr(args, name))
    except PlanError as error:
        raise ConfigError(f"--adversary, --dropout: {error}") from None
    if args.name:
        values["name"] = args.name
    if args.aggregator:
        from peerd.cli.rule_arguments import typed_rule

        values["aggregator"] = args.aggregator
        values["constants"] = typed_rule(args.aggregator, {}).constants()
    if args.task_option:
        given = pairs("--task-option", args.task_option, decimals.kept)
        values["task_options"] = {**old.task_options, **given}
    return values


def _window(text: str | None, head: int | None) -> tuple[int, int]:
    if text is None:
        if head is None:
            raise ConfigError("--rounds FIRST:LAST is missing", "no daemon says where the group is")
        return head + AHEAD, head + AHEAD + WINDOW - 1
    first, _, last = text.partition(":")
    return _number("--rounds", first), _number("--rounds", last)


def _pairs(option: str, args: argparse.Namespace) -> list[tuple[str, str]]:
    found = []
    for word in getattr(args, option.strip("-").replace("-", "_")):
        who, equals, what = word.rpartition("=") if option != "--rename" else word.partition("=")
        if not equals or not who or not what:
            raise ConfigError(f"{option} {word}: what is behind = is missing")
        found.append((who.strip(), what.strip()))
    return found


def _who(old: Genesis, text: str) -> bytes:
    """A member by its name, its peer id, or the end of that. ConfigError."""
    from peerd.identity import peer_id_of

    named = [old.roster[i] for i, name in enumerate(old.names) if name == text]
    ends = [key for key in old.roster if len(text) >= 6 and peer_id_of(key).endswith(text)]
    found = named or ends
    if len(found) == 1:
        return found[0]
    try:
        public = _public("", text)
    except ConfigError:
        public = b""
    if public in old.roster:
        return public
    known = ", ".join(old.names) or "see 'peerd group show'"
    raise ConfigError(f"{text!r} is no member of {old.name!r}", f"its members: {known}")


def _public(option: str, text: str) -> bytes:
    from peerd.identity import public_of

    try:
        return public_of(text.strip())
    except IdentityError as error:
        raise ConfigError(f"{option} {error.message}", error.hint) from None


def _number(option: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ConfigError(f"{option}: {text!r} is no whole number")
    return int(text)
