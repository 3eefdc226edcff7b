"""``peerd rounds [N]``: the rounds that the daemon remembers, or one of them in full."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from peerd.cli import rounds_asked
from peerd.cli.daemon import add_daemon_arguments, ask, place
from peerd.cli.output import colour, measures, print_json, short, size, table
from peerd.cli.places import check_file
from peerd.cli.seal import add_seal_argument, sealed, source_of
from peerd.errors import ConfigError, printable
from peerd.labels import label

HEADER = ("round", "outcome", "group", "here", "model", "blamed", "absent", "seconds", "bytes")
"""``group``: accuracy over the held-out rows of all sites, of the model that the round started
from; ``here``: over this site's own, of the model that the round led to."""
NOBODY: Mapping[str, str] = MappingProxyType({})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A round's number, which ones of all, and the daemon's."""
    parser.add_argument("number", nargs="?", type=int, metavar="N", help="show this round only")
    rounds_asked.add_arguments(parser)
    parser.add_argument(
        "--transcript", type=Path, metavar="FILE", help="write round N's transcript, for an auditor"
    )
    parser.add_argument(
        "--certificates",
        type=Path,
        metavar="FILE",
        help="write the certificates of all rounds, for an auditor",
    )
    add_seal_argument(parser)
    add_daemon_arguments(parser)


def main(args: argparse.Namespace) -> int:
    """Print the table, or the round."""
    if args.transcript is not None:
        return _write_transcript(args)
    if args.certificates is not None:
        return _write_certificates(args)
    if args.number is not None:
        document = ask(args, f"/v1/rounds/{args.number}")
        if args.json:
            print_json(document)
        else:
            print("\n".join(lines(document, roster_names(args))))
        return 0
    found = rounds_asked.asked(args)
    records = found.rounds
    if args.json:
        privacy = ask(args, "/v1/status").get("privacy")
        print_json({"rounds": records, "total": found.total, "privacy": privacy})
        return 0
    names = roster_names(args) if records else {}
    shown = table(HEADER, [row(record, names) for record in records])
    print("\n".join([shown, *warnings(records)]))
    if cut := found.cut("last" if args.since is None else "first"):
        print(cut)
    return 0


def _write_transcript(args: argparse.Namespace) -> int:
    import trio

    from peerd.status.client import get_bytes

    if args.number is None:
        raise ConfigError("--transcript needs the round's number", "such as: peerd rounds 3 …")
    check_file("--transcript", args.transcript)
    seal = source_of(args)
    target = f"/v1/rounds/{args.number}/transcript"
    args.transcript.write_bytes(sealed(trio.run(get_bytes, place(args), target), seal))
    print(f"transcript of round {args.number}: {args.transcript}")
    return 0


def _write_certificates(args: argparse.Namespace) -> int:
    from peerd.audit.chain import encode_chain
    from peerd.audit.socket import fetch_certificates

    check_file("--certificates", args.certificates)
    seal, chain = source_of(args), fetch_certificates(place(args))
    args.certificates.write_bytes(sealed(encode_chain(chain), seal))
    print(f"certificates of {len(chain)} rounds: {args.certificates}")
    return 0


def row(record: dict[str, object], names: Mapping[str, str] = NOBODY) -> tuple[object, ...]:
    """One line of the table from a round's summary. ``names``: the members', by peer id."""
    outcome = str(record.get("outcome"))
    reason = record.get("reason")
    shown = outcome if not reason else f"{outcome} ({reason})"
    sent = record.get("bytes")
    return (
        record.get("round"),
        colour(shown, "green" if outcome == "completed" else "red"),
        over_all(record.get("group")),
        _accuracy(record),
        short(record.get("model_hash")),
        _names(record.get("blamed"), names),
        _names(record.get("absent"), names),
        record.get("seconds"),
        size(sent) if isinstance(sent, int | float) else None,
    )


def warnings(records: list[dict[str, object]]) -> list[str]:
    """Below the table: why an evaluation failed, or an attempt; a line for each thing."""
    told = []
    for record in records:
        found, aborted = record.get("warnings"), record.get("aborted")
        lines = [*found] if isinstance(found, list) else []
        for each in aborted if isinstance(aborted, list) else []:
            said = "; ".join(str(each[key]) for key in ("meaning", "advice") if each.get(key))
            lines.append(f"attempt {each.get('attempt')} aborted ({each.get('reason')}): {said}")
        told += [printable(f"round {record.get('round')}: {line}") for line in lines]
    return told


def over_all(group: object) -> str | None:
    """The group's own evaluation: accuracy, how far liars may have moved it, and of how many rows;
    None where nothing was counted.
    """
    if not isinstance(group, dict):
        return None
    accuracy, loss = group.get("accuracy"), group.get("loss")
    worth = None if loss is None else f"loss {loss:.2f}"
    if accuracy is not None:
        worth = f"{accuracy:.3f} ±{group.get('within', 0):.3f}"
    return f"{worth} of {group.get('rows')}"


def _accuracy(record: dict[str, object]) -> object:
    """What a task without one measures instead, by name."""
    if record.get("accuracy") is not None:
        return record["accuracy"]
    return "unknown" if record.get("warnings") else measures(record.get("metrics")) or None


def _names(value: object, names: Mapping[str, str]) -> str:
    if not isinstance(value, list) or not value:
        return "-"
    return ", ".join(_one_of(each, names) for each in value)


def _one_of(named: object, names: Mapping[str, str]) -> str:
    """A peer id, or an object with one; with the reason of a blame."""
    if not isinstance(named, dict):
        return _called(named, names)
    reason = f" ({named['reason']})" if named.get("reason") else ""
    return f"{_called(named.get('peer'), names)}{reason}"


def _called(peer: object, names: Mapping[str, str]) -> str:
    return label(names.get(str(peer)), peer)


def roster_names(args: argparse.Namespace) -> dict[str, str]:
    """The members' names by peer id, from the daemon."""
    peers: Any = ask(args, "/v1/peers")["peers"]
    return {each["peer"]: each["name"] for each in peers if each.get("name")}


def lines(record: dict[str, object], names: Mapping[str, str] = NOBODY) -> list[str]:
    """One round in full: its fields, then its phases as a table."""
    phases = record.get("phases")
    shown = [
        f"{name}: {_shown(value, names)}" for name, value in record.items() if name != "phases"
    ]
    if isinstance(phases, dict) and phases:
        rows = [
            (
                name,
                cost.get("wall_seconds"),
                cost.get("cpu_seconds"),
                size(cost.get("bytes_in", 0)),
                size(cost.get("bytes_out", 0)),
            )
            for name, cost in phases.items()
        ]
        shown.append(table(("phase", "wall s", "cpu s", "in", "out"), rows))
    return shown


def _shown(value: object, names: Mapping[str, str]) -> str:
    """A peer id whole, as people copy it here, with the name in front of it."""
    if value is None or value == []:
        return "-"
    if isinstance(value, list):
        return "".join(f"\n  {_shown(each, names)}" for each in value)
    if isinstance(value, dict):
        fields = [(name, each) for name, each in value.items() if name != "name"]  # it is shown
        return ", ".join(f"{name} {_shown(each, names)}" for name, each in fields)
    if not isinstance(value, str):
        return json.dumps(value)
    return printable(f"{names[value]} ({value})" if value in names else value)
