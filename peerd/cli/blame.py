"""``peerd blame list|export``: who broke the protocol, and the file that proves it."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from peerd.cli.daemon import add_daemon_arguments, load_config
from peerd.cli.output import print_json, progress, table
from peerd.cli.places import check_new_file
from peerd.cli.seal import add_seal_argument, sealed, source_of
from peerd.errors import (
    ConfigError,
    NotRunningError,
    PeerdError,
    StorageError,
    VerificationError,
)
from peerd.labels import label

if TYPE_CHECKING:
    from peerd.config import Config
    from peerd.group import Genesis

HEADER = ("number", "round", "peer", "reason", "evidence", "transcript")


class Source(Protocol):
    """Where blame is read from. ``listed``: as ``peerd.runner.evidence.blame`` makes it."""

    listed: list[dict[str, Any]]

    def evidence(self, name: str) -> bytes: ...

    def transcript(self, round_: int) -> bytes | None: ...

    def genesis(self, round_: int | None) -> Genesis:
        """Of the group that made a round; None: of the current one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="who is blamed for what, and whether the proof is here")
    export = verbs.add_parser("export", help="write one proof to a file, for 'peerd audit'")
    export.add_argument("number", type=int, metavar="N", help="its number in 'peerd blame list'")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="new")
    add_seal_argument(export)
    for each in (listing, export):
        add_daemon_arguments(each)


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    return {"list": _list, "export": _export}[args.verb](args)


def _list(args: argparse.Namespace) -> int:
    with progress("verifying"):
        source = _source(args)
        shown = [{**each, "verified": _holds(source, each)} for each in source.listed]
    if args.json:
        print_json({"group": source.genesis(None).group_id.hex(), "blamed": shown})
    elif shown:
        print(table(HEADER, map(_row, shown)))
    else:
        print("nobody is blamed")
    return 0


def _export(args: argparse.Namespace) -> int:
    from peerd.group import members
    from peerd.runner.evidence.evidence_file import evidence_file, verify_evidence_file
    from peerd.runner.resume import setting_of

    out: Path = args.out
    check_new_file("--out", out)
    seal, source = source_of(args), _source(args)
    chosen = _chosen(source.listed, args.number)
    with progress("verifying"):
        data = evidence_file(
            source.evidence(chosen["evidence"]), source.transcript(chosen["round"])
        )
        genesis = source.genesis(chosen["round"])
        proven = verify_evidence_file(setting_of(genesis), data, partial(members.told, genesis))
    _write(out, sealed(data, seal))
    found = {
        "file": str(out),
        "bytes": len(data),
        **{name: chosen[name] for name in ("round", "peer", "name", "reason", "evidence")},
        "transcript": proven.transcript,
    }
    if args.json:
        print_json(found)
    else:
        told = "with" if proven.transcript else "without"
        print(f"round {proven.round}, {_called(chosen)}: {proven.reason}")
        print(f"{told} the round's transcript, {len(data)} bytes: {out}")
        print(f"to verify it: peerd audit {out} --genesis {_file_of(genesis, load_config(args))}")
    return 0


def _file_of(genesis: Genesis, config: Config) -> str:
    """Where this member has the genesis, as far as its configuration says."""
    from peerd.group import load

    if load(config.genesis).group_id == genesis.group_id:
        return str(config.genesis)
    return f"FILE, where FILE is the genesis of the group {genesis.group_id.hex()}"


def _chosen(listed: list[dict[str, Any]], number: int) -> dict[str, Any]:
    found = next((each for each in listed if each["number"] == number), None)
    if found is None:
        there = f"the numbers are 1…{len(listed)}" if listed else "nobody is blamed"
        raise ConfigError(f"there is no blame {number}: {there}", "see: peerd blame list")
    if found["evidence"] is None:
        raise StorageError(
            f"the evidence against {_called(found)} is not here: {found['reason']}",
            "export it at another member",
        )
    return found


def _holds(source: Source, listed: dict[str, Any]) -> bool:
    """Whether the evidence is here, and convicts whom it is listed against."""
    from peerd.identity import peer_id_of
    from peerd.runner.evidence.evidence_file import evidence_file, verify_evidence_file
    from peerd.runner.resume import setting_of

    if listed["evidence"] is None:
        return False
    genesis = source.genesis(listed["round"])
    data = evidence_file(source.evidence(listed["evidence"]), None)
    try:
        proven = verify_evidence_file(setting_of(genesis), data)
    except VerificationError:
        return False
    culprit = peer_id_of(genesis.roster[proven.peer])
    return (proven.round, culprit) == (listed["round"], listed["peer"])


def _row(listed: dict[str, Any]) -> tuple[object, ...]:
    holds = "verified" if listed["verified"] else "DOES NOT HOLD"
    return (
        listed["number"],
        listed["round"],
        _called(listed),
        listed["reason"],
        "not here" if listed["evidence"] is None else holds,
        "kept" if listed["transcript"] else "pruned" if listed["evidence"] else None,
    )


def _called(listed: dict[str, Any]) -> str:
    return label(listed["name"], listed["peer"])


def _write(out: Path, data: bytes) -> None:
    try:
        with out.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise ConfigError(f"{out} exists already", "name a new file") from None
    except OSError as error:
        out.unlink(missing_ok=True)
        raise ConfigError(f"--out {out}: can't write: {error.strerror}") from None


def _source(args: argparse.Namespace) -> Source:
    """The daemon, if one answers; else its directory."""
    try:
        return _Daemon(args)
    except NotRunningError:
        if args.socket is not None:
            raise
    return _Directory(load_config(args))


class _Daemon:
    def __init__(self, args: argparse.Namespace) -> None:
        from peerd.cli.daemon import ask, place

        self._socket = place(args)
        listed: Any = ask(args, "/v1/blame")["blamed"]
        self.listed: list[dict[str, Any]] = listed

    def evidence(self, name: str) -> bytes:
        return self._bytes(f"/v1/blame/{name}/evidence")

    def transcript(self, round_: int) -> bytes | None:
        from peerd.status.client import StatusAnswerError

        try:
            return self._bytes(f"/v1/rounds/{round_}/transcript")
        except StatusAnswerError:
            return None

    def genesis(self, round_: int | None) -> Genesis:
        from peerd.cli.current_group import of_daemon

        return of_daemon(self._socket, round_)

    def _bytes(self, target: str) -> bytes:
        import trio

        from peerd.status.client import get_bytes

        return trio.run(get_bytes, self._socket, target)


class _Directory:
    def __init__(self, config: Config) -> None:
        from peerd.group import load
        from peerd.runner.evidence.blame import blamed, evidence
        from peerd.runner.resume import convicted
        from peerd.runner.succession.lineage import epoch_of
        from peerd.runner.succession.membership import standing
        from peerd.storage import Store

        if not any(config.data.glob("peerd.sqlite3*")):
            raise StorageError(f"{config.data} has no rounds yet", "name another with --config")
        with Store.open(config.data, source=config.storage.source) as store:
            self._epochs = epochs = standing(store, load(config.genesis))
            guilty = {
                epoch_of(epochs, round_).genesis.roster[peer] for round_, peer in convicted(store)
            }
            self.listed = blamed(store, epochs, guilty)
            named = [each["evidence"] for each in self.listed if each["evidence"] is not None]
            self._evidence = {name: evidence(store, name) for name in named}
            kept = {each["round"] for each in self.listed if each["transcript"]}
            self._transcripts = {round_: store.transcript(round_) for round_ in kept}

    def evidence(self, name: str) -> bytes:
        found = self._evidence[name]
        if found is None:
            raise PeerdError(f"the evidence {name} is gone")
        return found

    def transcript(self, round_: int) -> bytes | None:
        return self._transcripts.get(round_)

    def genesis(self, round_: int | None) -> Genesis:
        from peerd.runner.succession.lineage import epoch_of

        epochs = self._epochs
        return (epochs[-1] if round_ is None else epoch_of(epochs, round_)).genesis
