"""``peerd trail``: who did what to this daemon, and whether anybody has changed what it says."""

from __future__ import annotations

import argparse
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from peerd.cli.daemon import add_config_argument, load_config
from peerd.cli.output import print_json, say, table
from peerd.errors import ConfigError, NotRunningError, StorageError, VerificationError

if TYPE_CHECKING:
    from peerd.trail import Head
    from peerd.trail.reading import Walk

HEADER = ("number", "time", "who", "role", "by", "what", "with")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs, and whose trail."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    show = verbs.add_parser("show", help="print the records")
    show.add_argument("--last", type=int, metavar="N", help="the last N alone")
    verify = verbs.add_parser("verify", help="look for what was changed, removed or added")
    verify.add_argument(
        "--head",
        action="append",
        default=[],
        metavar="HASH",
        help="of a record that was seen here, from a log or from 'peerd status'; may be said again",
    )
    verify.add_argument(
        "--against",
        type=Path,
        action="append",
        default=[],
        metavar="PLACE",
        help="another member's status socket or directory, or a file of certificates: their rounds "
        "are to bind records of this trail; or an earlier or a later copy of it: one is to be the "
        "beginning of the other; may be said again",
    )
    verify.add_argument(
        "--peer",
        metavar="NAME|PEER",
        help="whose trail FILE is, for --against (default: who its last 'start' says)",
    )
    verify.add_argument(
        "--genesis",
        metavar="FILE|HASH",
        help="the genesis that the certificates of --against start from (default: the one that is "
        "found there, else the configuration's)",
    )
    for each in (show, verify):
        each.add_argument(
            "file",
            type=Path,
            nargs="?",
            metavar="FILE",
            help="a trail, or a peer's directory (default: the daemon's)",
        )
        add_config_argument(each)
        each.add_argument("--json", action="store_true", help="print one JSON document")


def main(args: argparse.Namespace) -> int:
    """Run the verb. VerificationError names the first record that is wrong."""
    return _show(args) if args.verb == "show" else _verify(args)


def _path(args: argparse.Namespace) -> Path:
    from peerd.trail.trail import FILE

    given: Path | None = args.file
    if given is None:
        return load_config(args).data / FILE
    if given.is_dir():  # a peer's directory, or its data
        data = given / "data"
        return (data if data.is_dir() else given) / FILE
    return given


# -- show ------------------------------------------------------------------------------------------


def _show(args: argparse.Namespace) -> int:
    from peerd.trail.reading import records

    path = _path(args)
    if args.last is not None and args.last < 1:
        raise ConfigError("--last: at least one record")
    try:
        found = deque(records(path), maxlen=args.last)
    except FileNotFoundError:
        raise _missing(path) from None
    if args.json:
        print_json({"records": list(found)})
    else:
        for line in table(HEADER, map(_row, found)).splitlines():
            say(line)
    return 0


def _row(record: dict[str, Any]) -> tuple[object, ...]:
    uid, user, arguments = record["uid"], record["user"], dict(record["arguments"])
    who = "-" if uid is None else f"{user or '?'} (uid {uid})"
    if record["factor"].startswith("certificate"):
        who = f"{user or '?'} (certificate {str(arguments.pop('certificate', '?'))[:16]}…)"
    given = " ".join(f"{name}={value}" for name, value in arguments.items())
    factor = record["factor"]
    return (
        record["number"],
        record["time"],
        who,
        record["role"] or "-",
        factor,
        record["act"],
        given,
    )


# -- verify ----------------------------------------------------------------------------------------


def _verify(args: argparse.Namespace) -> int:
    from peerd.cli.trail_bound import compared, held_by_others, is_trail
    from peerd.trail.reading import walk

    path = _path(args)
    copies = [place for place in args.against if is_trail(place)]
    places = [place for place in args.against if place not in copies]
    others = held_by_others(args, places, path) if places else None  # before the trail grows
    known = _known(args) if args.file is None else None
    try:
        found = walk(path, known)
    except FileNotFoundError:
        raise _missing(path) from None
    lie = _lie(found, known, args.file is None) or _lacks(path, args.head)
    for copy in copies:
        lie = lie or _apart(path, copy)
    bound = None if others is None or lie is not None else compared(others, path)
    lie = lie or (None if bound is None else bound.lie)
    notes = list(found.notes)
    if found.torn and lie is None:
        notes.append(f"record {found.bad} is being written, or was torn by a power cut")
    document = {
        "file": str(path),
        "verified": lie is None,
        "records": found.records,
        "first": found.first,
        "head": found.head.hash,
        "compared_with_daemon": known is not None,
        "bad_record": None if lie is None else lie[0],
        "reason": None if lie is None else lie[1],
        "notes": notes,
        "bound": None if bound is None else bound.document(),
    }
    if args.json:
        print_json(document)
    else:
        say(f"{found.records} records, the last is {found.head.number}: {found.head.hash}")
        for note in notes:
            say(f"note: {note}")
        for line in [] if bound is None else bound.lines():
            say(line)
    if lie is not None:
        raise VerificationError(f"{path}: record {lie[0]}: {lie[1]}")
    if not args.json:
        print("VERIFIED")
    return 0


def _missing(path: Path) -> StorageError:
    return StorageError(f"there is no trail {path}", "a daemon makes it when it starts")


def _known(args: argparse.Namespace) -> Head | None:
    """The head that the daemon has, or else its store; None where neither tells."""
    import trio

    from peerd.status.client import StatusAnswerError, get
    from peerd.storage import Store
    from peerd.trail import Head
    from peerd.trail.trail import remembered

    config = load_config(args)
    try:
        told = trio.run(get, config.status, "/v1/status").get("trail")
    except StatusAnswerError:
        return None
    except NotRunningError:
        if not any(config.data.glob("peerd.sqlite3")):
            return None
        with Store.open(config.data, source=config.storage.source) as store:
            return remembered(store)
    if not isinstance(told, dict):
        return None
    return Head(int(told["records"]) - 1, str(told["head"]))


def _lie(found: Walk, known: Head | None, own: bool) -> tuple[int, str] | None:
    """The first record that is wrong by itself, or by what is known here. At the end of a trail
    that a daemon writes an unfinished line is none; in a copy of it there is none.
    """
    if found.why is not None and not (found.torn and own and found.rest[-1:] != b"\n"):
        return found.bad, found.why
    if known is not None and not found.known:
        where = min(found.bad, known.number)
        return where, f"record {known.number} was written here as {known.hash}, and is gone"
    return None


def _lacks(path: Path, heads: list[str]) -> tuple[int, str] | None:
    from peerd.trail.reading import records

    wanted = [head.strip().lower() for head in heads]
    for head in wanted:
        if len(head) != 64 or not set(head) <= set("0123456789abcdef"):
            raise ConfigError(f"--head {head}: is no hash of 64 digits")
    last, here = -1, set[str]()
    for each in records(path):
        last = each["number"]
        here |= {each["hash"], each["previous"]} & set(wanted)
    missing = [head for head in wanted if head not in here]
    return (last + 1, f"the record with the hash {missing[0]} is gone") if missing else None


def _apart(path: Path, other: Path) -> tuple[int, str] | None:
    """Where two copies of one trail part, beyond the end of the shorter one."""
    from peerd.trail.reading import records, walk

    try:
        found = walk(other)
    except FileNotFoundError:
        raise _missing(other) from None
    if found.why is not None and not found.torn:
        return found.bad, f"of {other}: {found.why}"
    theirs = {each["number"]: each["hash"] for each in records(other)}
    common = [each for each in records(path) if each["number"] in theirs]
    if not common:
        raise ConfigError(f"{path} and {other} have no record in common", "name another copy")
    apart = [each["number"] for each in common if each["hash"] != theirs[each["number"]]]
    return (apart[0], f"{other} has another in its place") if apart else None
