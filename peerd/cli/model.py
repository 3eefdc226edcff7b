"""``peerd model export``: a certified model as a file, from the daemon or from its directory."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from peerd.cli.daemon import add_daemon_arguments, load_config
from peerd.cli.output import print_json, progress
from peerd.cli.places import check_file
from peerd.errors import ConfigError, NotRunningError, StorageError, VerificationError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``export --round N --out FILE``."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    export = verbs.add_parser("export", help="write a model to a .npz file")
    export.add_argument("--round", type=int, metavar="N", help="the model after round N (the last)")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help="FILE.npz, new")
    add_daemon_arguments(export)


def main(args: argparse.Namespace) -> int:
    """Write the file: ``parameters`` float32 (d,), ``round``, ``model_hash`` (hex)."""
    import numpy as np

    from protocols.aggregation import model_hash

    out: Path = args.out
    if out.suffix != ".npz":
        raise ConfigError(f"--out {out}: must end in .npz")
    check_file("--out", out)
    with progress("reading the model"):
        record, model = _read(args)
    number, certified = record["round"], record.get("model_hash")
    if model_hash(model).hex() != certified:
        raise VerificationError(
            f"the model of round {number} is not the certified one", "export it at another peer"
        )
    try:
        with out.open("xb") as file:
            np.savez(file, parameters=model, round=number, model_hash=certified)  # type: ignore[arg-type]
    except FileExistsError:
        raise ConfigError(f"{out} exists already", "name a new file") from None
    found = {"round": number, "model_hash": certified, "parameters": model.size, "file": str(out)}
    if args.json:
        print_json(found)
    else:
        print(f"model of round {number}, {model.size} parameters, hash {certified}: {out}")
    return 0


def _read(args: argparse.Namespace) -> tuple[dict[str, object], NDArray[np.float32]]:
    """The round's record and its model. From the daemon if one answers."""
    try:
        return _from_daemon(args)
    except NotRunningError:
        if args.socket is not None:
            raise
    return _from_directory(args)


def _from_daemon(args: argparse.Namespace) -> tuple[dict[str, object], NDArray[np.float32]]:
    import numpy as np
    import trio

    from peerd.cli.daemon import ask, socket_path
    from peerd.status.client import get_bytes

    if args.round is None:
        found = ask(args, "/v1/rounds")["rounds"]
        record = _last(found if isinstance(found, list) else [])
    else:
        record = ask(args, f"/v1/rounds/{args.round}")
    target = f"/v1/rounds/{record['round']}/model"
    return record, np.frombuffer(trio.run(get_bytes, socket_path(args), target), dtype="<f4")


def _from_directory(args: argparse.Namespace) -> tuple[dict[str, object], NDArray[np.float32]]:
    from peerd.storage import Store

    config = load_config(args)
    if not config.data.is_dir():
        raise StorageError(f"there is no data directory {config.data}", "has the daemon ever run?")
    with Store.open(config.data) as store:
        record = _last(store.rounds()) if args.round is None else store.round(args.round)
        model = None if record is None else store.model(int(str(record["round"])))
    if record is None or model is None:
        raise StorageError(
            f"{config.data}: no model of round {args.round} is kept", "see: peerd rounds"
        )
    return record, model


def _last(records: list[dict[str, object]]) -> dict[str, object]:
    for record in reversed(records):
        if record.get("model_hash"):
            return record
    raise StorageError("no round has been completed yet", "see: peerd rounds")
