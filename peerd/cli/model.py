"""``peerd model export|show|verify``: a certified model as a file, which says what it is."""

from __future__ import annotations

import argparse
import json
import sys
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.daemon import add_daemon_arguments, load_config
from peerd.cli.output import print_json, progress
from peerd.cli.places import check_file
from peerd.errors import (
    ConfigError,
    GroupError,
    NotRunningError,
    StorageError,
    TaskError,
    VerificationError,
    printable,
)

if TYPE_CHECKING:
    from typing import TypeAlias

    import numpy as np
    from numpy.typing import NDArray

    from peerd.group import Genesis
    from peerd.learning import FittedTask, Task
    from peerd.learning.rebuilt import Parts
    from peerd.learning.state import Own

    Read: TypeAlias = tuple[dict[str, object], NDArray[np.float32], bytes | None]


FORMATS = {".npz": "npz", ".safetensors": "safetensors", ".pt": "state-dict"}
MAX_SHOWN = 400  # characters of an option


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``export --round N --out FILE``, ``show FILE`` and ``verify FILE --genesis FILE``."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    export = verbs.add_parser("export", help="write a model to a file, with what it is")
    export.add_argument("--round", type=int, metavar="N", help="the model after round N (the last)")
    export.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="FILE.npz, .safetensors or .pt, new"
    )
    export.add_argument(
        "--format",
        choices=list(FORMATS.values()),
        help="default: as FILE ends; all but npz have the layers by name, and build the task",
    )
    add_daemon_arguments(export)
    show = verbs.add_parser("show", help="what an exported model says of itself, unproven")
    show.add_argument("file", type=Path, metavar="FILE")
    verify = verbs.add_parser(
        "verify", help="whether an exported model is what the group certified"
    )
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument(
        "--genesis", type=Path, required=True, metavar="FILE", help="the group's genesis document"
    )


def main(args: argparse.Namespace) -> int:
    """Run the verb."""
    if args.verb == "export":
        return _export(args)
    from peerd.runner.export import own_in_words, verify_export
    from peerd.tensor_file import OWN, read_export

    if args.verb == "verify":
        with progress("verifying"):
            found = verify_export(args.file, args.genesis)
        but = ", but for the running statistics" if OWN in found else ""
        print(f"verified: its numbers are the certified ones, and all of this is so{but}")
    else:
        found, _ = read_export(args.file)
        print("not verified; 'peerd model verify' does that with the group's genesis")
    if OWN in found:
        print(f"running statistics: {_shown(own_in_words(found.pop(OWN)))}")
    for name, value in found.items():
        if name != "certificate":
            print(f"{printable(name)}: {_shown(value)}")
    return 0


def _shown(value: object) -> str:
    from peerd.decimals import numbers

    try:
        text = value if isinstance(value, str) else json.dumps(numbers(value), ensure_ascii=False)
    except RecursionError:
        text = "nested too deep"
    return printable(text[:MAX_SHOWN]) + ("…" if len(text) > MAX_SHOWN else "")


def _export(args: argparse.Namespace) -> int:
    from peerd.learning.state import NOTHING, LocalModels
    from peerd.tensor_file import OWN, write_npz, write_safetensors, write_state_dict
    from protocols.aggregation import model_hash

    out: Path = args.out
    form = args.format or FORMATS.get(out.suffix)
    if form is None:
        raise ConfigError(f"--out {out}: must end in {' or '.join(FORMATS)}", "or say --format")
    check_file("--out", out)
    with progress("reading the model"):
        record, model, certificate = _read(args)
    number, certified = record["round"], record.get("model_hash")
    if model_hash(model).hex() != certified:
        raise VerificationError(
            f"the model of round {number} is not the certified one", "export it at another peer"
        )
    description, genesis = _description(args, form, model, certificate)
    training = None if genesis is None else load_config(args).data / "training"
    own = NOTHING if training is None else LocalModels(training, model.size).own()
    saved, parts = (b"", None) if form == "npz" else _named(args, form, genesis, model, own)
    more: dict[str, object] = {}
    if parts is None and own.values.size:
        more = {"statistics": own.values}
        description |= {OWN: {"round": own.round, "names": []}}
    elif parts is not None and parts.own:
        names = [each.name for each in parts.own]
        description |= {OWN: {"round": parts.round, "names": names}}
    text = json.dumps(description)
    try:
        with out.open("xb") as file:
            if parts is None:
                told = text if genesis is not None else None
                write_npz(file, model, told, round=number, model_hash=certified, **more)
            elif saved:
                write_state_dict(file, saved, text)
            else:
                write_safetensors(file, parts.layers, model, text, parts.own)
    except FileExistsError:
        raise ConfigError(f"{out} exists already", "name a new file") from None
    found = {"round": number, "model_hash": certified, "parameters": model.size, "file": str(out)}
    if args.json:
        print_json(found)
    else:
        print(f"model of round {number}, {model.size} parameters, hash {certified}: {out}")
    return 0


def _description(
    args: argparse.Namespace, form: str, model: NDArray[np.float32], certificate: bytes | None
) -> tuple[dict[str, object], Genesis | None]:
    """The description, and the genesis. An npz does without both, where it has to."""
    from peerd.group import load
    from peerd.runner.export import describe

    try:
        genesis = load(load_config(args).genesis)
        if certificate is None:
            raise StorageError("no certificate of this round is kept", "export at another peer")
        return describe(genesis, certificate, model), genesis
    except (ConfigError, GroupError, StorageError) as error:
        if form != "npz":
            raise
        print(f"peerd: exported without a description: {error}", file=sys.stderr)
        return {}, None


def _named(
    args: argparse.Namespace,
    form: str,
    genesis: Genesis | None,
    model: NDArray[np.float32],
    own: Own,
) -> tuple[bytes, Parts]:
    """The parts of the task's module, and its state_dict as a file if asked for. TaskError."""
    from peerd.cli.user_task import with_task

    assert genesis is not None  # without one only an npz is described

    def look(task: Task | FittedTask) -> tuple[bytes, Parts]:
        from peerd.learning.rebuilt import parts_of, state_dict_file

        if form != "safetensors":
            return state_dict_file(task, genesis.model_seed, genesis.statistics, model, own)
        parts = parts_of(task, genesis.model_seed, genesis.statistics, own)
        if sum(prod(shape) for _, shape in parts.layers) != model.size:
            raise TaskError(
                f"{genesis.task} builds another model than the group's, of {model.size} parameters",
                "install the version of the task that the group trains, or export to FILE.npz",
            )
        return b"", parts

    return with_task(genesis, load_config(args).task.local, look)


def _read(args: argparse.Namespace) -> Read:
    """The round's record, its model and its certificate. From the daemon if one answers."""
    try:
        return _from_daemon(args)
    except NotRunningError:
        if args.socket is not None:
            raise
    return _from_directory(args)


def _from_daemon(args: argparse.Namespace) -> Read:
    import numpy as np
    import trio

    from peerd.cli.daemon import ask, socket_path
    from peerd.status.client import StatusAnswerError, get_bytes
    from protocols.errors import WireError
    from protocols.record.transcript import Transcript

    if args.round is None:
        found = ask(args, "/v1/rounds")["rounds"]
        record = _last(found if isinstance(found, list) else [])
    else:
        record = ask(args, f"/v1/rounds/{args.round}")
    place = f"/v1/rounds/{record['round']}"
    data = trio.run(get_bytes, socket_path(args), f"{place}/model")
    try:
        transcript = trio.run(get_bytes, socket_path(args), f"{place}/transcript")
        certificate = Transcript.decode(transcript).certificate
    except (StatusAnswerError, WireError):  # it is no longer kept
        certificate = None
    return record, np.frombuffer(data, dtype="<f4"), certificate


def _from_directory(args: argparse.Namespace) -> Read:
    from peerd.storage import Store

    config = load_config(args)
    if not config.data.is_dir():
        raise StorageError(f"there is no data directory {config.data}", "has the daemon ever run?")
    with Store.open(config.data) as store:
        record = _last(store.rounds()) if args.round is None else store.round(args.round)
        number = -1 if record is None else int(str(record["round"]))
        model, certificate = store.model(number), store.certificate(number)
    if record is None or model is None:
        raise StorageError(
            f"{config.data}: no model of round {args.round} is kept", "see: peerd rounds"
        )
    return record, model, certificate


def _last(records: list[dict[str, object]]) -> dict[str, object]:
    for record in reversed(records):
        if record.get("model_hash"):
            return record
    raise StorageError("no round has been completed yet", "see: peerd rounds")
